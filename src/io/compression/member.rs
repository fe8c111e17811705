//! One member of a compressed file: a frame of LZ4 or zstd, a member of gzip, a stream of xz.

use std::fmt::Display;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstdDecoder};

use crate::io::compression::error::{CompressionErrorKind, MAX_WINDOW};
use crate::io::compression::input::Input;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberFormat {
    Gzip,
    Lz4,
    Xz,
    Zstd,
}

/// A member that is being decompressed, with the source that it reads.
#[expect(clippy::large_enum_variant, reason = "it is boxed as a whole")]
pub(super) enum Member<R: Read> {
    Gzip(GzDecoder<Input<R>>),
    Lz4(Lz4Decoder<Input<R>>),
    Xz(XzReader<Input<R>>),
    Zstd(Zstd<R>),
}

pub(super) struct Zstd<R> {
    input: Input<R>,
    decoder: ZstdDecoder,
    begun: bool,
    delivered: u64,
}

/// Why a member can't be read on.
pub(super) enum Fault {
    Source(io::Error),
    Data(CompressionErrorKind),
}

impl MemberFormat {
    pub(super) const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"\x1f\x8b\x08",
            Self::Lz4 => b"\x04\x22\x4d\x18",
            Self::Xz => b"\xfd7zXZ\0",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }
}

impl<R: Read> Member<R> {
    pub(super) fn new(format: MemberFormat, mut input: Input<R>) -> Self {
        input.ended = false;
        match format {
            MemberFormat::Gzip => Self::Gzip(GzDecoder::new(input)),
            MemberFormat::Lz4 => Self::Lz4(Lz4Decoder::new(input)),
            MemberFormat::Xz => Self::Xz(XzReader::new_mem_limit(input, false, XZ_LIMIT)),
            MemberFormat::Zstd => {
                let mut decoder = ZstdDecoder::new();
                decoder.set_max_window_size(MAX_WINDOW);
                Self::Zstd(Zstd { input, decoder, begun: false, delivered: 0 })
            }
        }
    }

    /// Decompresses some bytes into `space`, which is not empty. 0 is the end of the member: it is complete, and its
    /// checksums are right.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Result<usize, Fault> {
        let read = match self {
            Self::Gzip(member) => member.read(space),
            Self::Lz4(member) => member.read(space),
            Self::Xz(member) => member.read(space),
            Self::Zstd(member) => return member.read(space),
        };
        let is_lz4 = matches!(self, Self::Lz4(_));
        let input = self.input();
        match read {
            // This decoder takes an end between two blocks for the end of the frame.
            Ok(0) if is_lz4 && input.ended => Err(Fault::Data(CompressionErrorKind::Truncated)),
            Ok(count) => Ok(count),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::OutOfMemory if input.failure.is_none() => Fault::Data(CompressionErrorKind::Window),
                _ => input.fault(error),
            }),
        }
    }

    /// The compressed bytes.
    pub(super) fn input(&mut self) -> &mut Input<R> {
        match self {
            Self::Gzip(member) => member.get_mut(),
            Self::Lz4(member) => member.get_mut(),
            Self::Xz(member) => member.inner_mut(),
            Self::Zstd(member) => &mut member.input,
        }
    }

    /// The bytes after the member.
    pub(super) fn into_input(self) -> Input<R> {
        match self {
            Self::Gzip(member) => member.into_inner(),
            Self::Lz4(member) => member.into_inner(),
            Self::Xz(member) => member.into_inner(),
            Self::Zstd(member) => member.input,
        }
    }
}

/// In KiB. The decoder counts its own tables, too.
const XZ_LIMIT: u32 = (MAX_WINDOW >> 10) as u32 + 256;

impl<R: Read> Zstd<R> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Fault> {
        if !self.begun {
            self.begun = true;
            self.decoder.reset(&mut self.input).map_err(|error| self.fault(error))?;
        }
        while self.decoder.can_collect() == 0 {
            if self.decoder.is_finished() {
                return self.verify();
            }
            let decoded = self.decoder.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1));
            decoded.map_err(|error| self.fault(error))?;
        }
        let count = self.decoder.read(space).map_err(|error| self.input.fault(error))?;
        self.delivered += count as u64;
        Ok(count)
    }

    /// Checks the length and the checksum of the whole frame, if it has them.
    fn verify(&self) -> Result<usize, Fault> {
        let corrupt = |reason: String| Err(Fault::Data(CompressionErrorKind::Corrupt(reason)));
        let (declared, delivered) = (self.decoder.content_size(), self.delivered);
        if declared != 0 && declared != delivered {
            return corrupt(format!("{declared} bytes are declared, and {delivered} found"));
        }
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(stored), Some(computed)) if stored != computed => {
                corrupt(format!("wrong checksum: {stored:08x} is stored, {computed:08x} is computed"))
            }
            _ => Ok(0),
        }
    }

    fn fault(&mut self, error: FrameDecoderError) -> Fault {
        match error {
            FrameDecoderError::WindowSizeTooBig { .. } => Fault::Data(CompressionErrorKind::Window),
            error => self.input.fault(error),
        }
    }
}

impl<R: Read> Input<R> {
    /// The error of the source if it failed, else that of the data.
    pub(super) fn fault(&mut self, error: impl Display) -> Fault {
        match self.failure.take() {
            Some(failure) => Fault::Source(failure),
            None if self.ended => Fault::Data(CompressionErrorKind::Truncated),
            None => Fault::Data(CompressionErrorKind::Corrupt(error.to_string())),
        }
    }
}
