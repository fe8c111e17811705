//! A compressed file: its members, one after the other.

use std::io::{self, BufRead, Read};

use crate::base::compression::{Compression, LONGEST};
use crate::io::compression::error::{CompressionError, CompressionErrorKind};
use crate::io::compression::input::Input;
use crate::io::compression::member::{Fault, Member, MemberFormat};

pub(super) struct Codec<R: Read> {
    compression: Compression,
    format: MemberFormat,
    /// `None` after an error.
    stage: Option<CodecState<R>>,
    /// A member was read.
    begun: bool,
    /// The last byte decompressed. It is delivered once the next one shows that it is not the last of the file, or the
    /// checksums after it are verified.
    held: Option<u8>,
    delivered: u64,
}

enum CodecState<R: Read> {
    /// Before the first member, between two, or after the last one.
    Between(Input<R>),
    Member(Box<Member<R>>),
}

impl<R: Read> Codec<R> {
    /// `head`: the first bytes of the file, at least those that show its compression.
    pub(super) fn new(compression: Compression, source: R, head: &[u8]) -> Self {
        let mut input = Input::new(source, head);
        let format = match compression {
            Compression::Gzip => MemberFormat::Gzip,
            Compression::Xz => MemberFormat::Xz,
            Compression::Lz4 | Compression::VcsLz4 => MemberFormat::Lz4,
            Compression::Zstd | Compression::VcsZstd | Compression::VcsUnknown => MemberFormat::Zstd,
        };
        if is_envelope(compression) {
            input.consume(LONGEST);
        }
        let stage = Some(CodecState::Between(input));
        Self { compression, format, stage, begun: false, held: None, delivered: 0 }
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Decompresses some bytes; 0 at the end of the file. Of an error: the one for later calls, and the one for this
    /// call.
    pub(super) fn read(&mut self, space: &mut [u8]) -> Result<usize, (CompressionError, io::Error)> {
        match self.read_verified(space) {
            Ok(count) => {
                self.delivered += count as u64;
                Ok(count)
            }
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn read_verified(&mut self, space: &mut [u8]) -> Result<usize, Fault> {
        let Some((first, rest)) = space.split_first_mut() else { return Ok(0) };
        let mut one = [0];
        let held = match self.held.take() {
            Some(held) => held,
            None if self.decompress(&mut one)? == 0 => return Ok(0),
            None => one[0],
        };
        let rest = if rest.is_empty() { &mut one } else { rest };
        let count = self.decompress(rest)?;
        *first = held;
        self.held = rest.get(..count).and_then(<[u8]>::last).copied();
        Ok(count.max(1).min(space.len()))
    }

    /// Decompresses into `space`, which is not empty; 0 at the end of the file.
    fn decompress(&mut self, space: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.stage.take() {
                Some(CodecState::Between(mut input)) => {
                    let is_next = self.is_member_next(&mut input);
                    let is_next = match is_next {
                        Err(Fault::Data(_)) | Ok(_) => is_next,
                        Err(Fault::Source(error)) => Err(Fault::Source(input.failure.take().unwrap_or(error))),
                    };
                    if !matches!(is_next, Ok(true)) {
                        self.stage = Some(CodecState::Between(input));
                        return is_next.map(|_| 0);
                    }
                    self.begun = true;
                    self.stage = Some(CodecState::Member(Box::new(Member::new(self.format, input))));
                }
                Some(CodecState::Member(mut member)) => match member.read(space) {
                    Ok(0) => self.stage = Some(CodecState::Between(member.into_input())),
                    read => {
                        self.stage = Some(CodecState::Member(member));
                        return read;
                    }
                },
                None => return Ok(0),
            }
        }
    }

    /// Whether another member follows. Passes over bytes that belong to none.
    fn is_member_next(&self, input: &mut Input<R>) -> Result<bool, Fault> {
        if self.begun && is_envelope(self.compression) {
            return Ok(false);
        }
        loop {
            let magic = self.format.magic();
            let head = input.peek(SKIPPABLE).map_err(Fault::Source)?;
            if head.starts_with(magic) {
                return Ok(true);
            }
            match (self.format, head) {
                (_, []) if self.begun => return Ok(false),
                (MemberFormat::Gzip | MemberFormat::Xz, [0, ..]) if self.begun => input.consume(1),
                (MemberFormat::Lz4 | MemberFormat::Zstd, &[0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d]) => {
                    let length = u32::from_le_bytes([a, b, c, d]);
                    input.consume(SKIPPABLE);
                    let skipped = io::copy(&mut input.take(u64::from(length)), &mut io::sink());
                    if skipped.map_err(Fault::Source)? < u64::from(length) {
                        return Err(Fault::Data(CompressionErrorKind::Truncated));
                    }
                }
                (_, head) if head.len() < magic.len() && magic.starts_with(head) => {
                    return Err(Fault::Data(CompressionErrorKind::Truncated));
                }
                (_, head) => {
                    let found: String = head.iter().take(4).map(|byte| format!(" {byte:02x}")).collect();
                    let reason = format!("expected a frame or the end, found bytes{found}");
                    return Err(Fault::Data(CompressionErrorKind::Corrupt(reason)));
                }
            }
        }
    }

    fn error(&mut self, fault: Fault) -> (CompressionError, io::Error) {
        let (used, end) = match &mut self.stage {
            Some(CodecState::Between(input)) => (input.used(), input.end()),
            Some(CodecState::Member(member)) => (member.input().used(), member.input().end()),
            None => (0, 0),
        };
        let offset = if matches!(fault, Fault::Data(CompressionErrorKind::Truncated)) { end } else { used };
        let of_kind =
            |kind| CompressionError { compression: self.compression, offset, delivered: self.delivered, kind };
        match fault {
            Fault::Source(error) => (of_kind(CompressionErrorKind::Source(error.kind())), error),
            Fault::Data(kind) => {
                let error = of_kind(kind);
                (error.clone(), error.into())
            }
        }
    }
}

/// The length of the head of a skippable frame, which zstd and LZ4 share.
const SKIPPABLE: usize = 8;

fn is_envelope(compression: Compression) -> bool {
    matches!(compression, Compression::VcsLz4 | Compression::VcsZstd | Compression::VcsUnknown)
}
