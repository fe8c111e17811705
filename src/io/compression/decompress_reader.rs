//! A reader that decompresses a compressed source, and passes any other source through.

use std::fmt;
use std::io::{self, Cursor, Read};

use crate::base::compression::{Compression, LONGEST, Recognized};
#[cfg(feature = "compression")]
use crate::io::compression::codec::Codec;
use crate::io::compression::error::{CompressionError, CompressionErrorKind};

/// Decompresses a source if its first bytes are those of a compressed file: gzip, LZ4, xz, zstd, or the envelope of
/// Valkey 9.2. The bytes of any other source pass through unchanged.
///
/// [`SnapshotReader`](crate::io::SnapshotReader) and [`AppendOnly`](crate::io::AppendOnly) contain one. Other readers
/// need it around their source:
///
/// ```
/// use redtail::io::{CommandReader, DecompressReader};
///
/// let source = b"*1\r\n$4\r\nPING\r\n".as_slice(); // not compressed
/// let mut reader = CommandReader::stream(DecompressReader::new(source));
/// assert!(reader.next_command()?.is_some_and(|command| command.is(b"ping")));
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
///
/// Needs the feature `compression`. Without it the first read of a compressed source fails, and the error names the
/// compression and a command that decompresses the file.
///
/// - Memory is bounded whatever the source contains: see [`MAX_WINDOW`](crate::io::MAX_WINDOW). The decompressed data
///   may have any length.
/// - Checksums in the compressed data are verified. The last byte is delivered only once all are verified, so that a
///   complete file is a verified one.
/// - Several frames or members, one after the other, are one file. After the frame of an envelope all bytes are
///   ignored, as Valkey ignores them.
///
/// # Errors
/// [`read`](Read::read) returns the errors of the source, and [`CompressionError`] inside an [`io::Error`]. They are
/// final once the source is known to be compressed. A plain source that times out can be continued.
pub struct DecompressReader<R: Read> {
    /// `None` once the decompressor has it.
    source: Option<R>,
    /// The first bytes, which were read to recognise the compression.
    head: Cursor<Vec<u8>>,
    stage: ReaderState<R>,
}

enum ReaderState<R: Read> {
    /// The first bytes have not decided yet.
    Head,
    Plain,
    #[cfg(feature = "compression")]
    Compressed(Box<Codec<R>>),
    Failed(CompressionError),
    #[cfg(not(feature = "compression"))]
    #[allow(dead_code, reason = "without a decompressor nothing else has the type of the source")]
    Never(std::marker::PhantomData<R>, std::convert::Infallible),
}

impl<R: Read> DecompressReader<R> {
    /// A reader of `source`. It reads nothing before its first use.
    pub fn new(source: R) -> Self {
        Self { source: Some(source), head: Cursor::default(), stage: ReaderState::Head }
    }

    /// How the source is compressed. `None` if it is not, or if nothing was read yet.
    pub fn compression(&self) -> Option<Compression> {
        match &self.stage {
            ReaderState::Failed(error) => Some(error.compression),
            #[cfg(feature = "compression")]
            ReaderState::Compressed(codec) => Some(codec.compression()),
            _ => None,
        }
    }

    /// The source, unless it is compressed.
    pub(crate) fn plain(&self) -> Option<&R> {
        self.source.as_ref()
    }

    /// The source to set to another byte, unless it is compressed.
    pub(crate) fn plain_mut(&mut self) -> Option<&mut R> {
        self.head = Cursor::default();
        self.source.as_mut()
    }

    fn begin(&mut self, compression: Compression) {
        let (source, head) = (self.source.take(), std::mem::take(&mut self.head).into_inner());
        self.stage = match (source, compression) {
            (_, Compression::VcsUnknown) => {
                let head = head.first_chunk().copied().unwrap_or_default();
                ReaderState::Failed(at_the_start(compression, CompressionErrorKind::UnknownEnvelope(head)))
            }
            #[cfg(feature = "compression")]
            (Some(source), _) => ReaderState::Compressed(Box::new(Codec::new(compression, source, &head))),
            (_, _) => ReaderState::Failed(at_the_start(compression, CompressionErrorKind::NotBuilt)),
        }
    }
}

impl<R: Read> Read for DecompressReader<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&mut self.stage, &mut self.source) {
                (ReaderState::Plain, Some(source)) => {
                    return match self.head.read(space)? {
                        0 => source.read(space),
                        count => Ok(count),
                    };
                }
                (ReaderState::Head, Some(source)) => {
                    // Read into the caller's space: a plain source is decided here, at once and without a copy.
                    let room = space.len();
                    let count = source.read(space)?;
                    let head = self.head.get_mut();
                    head.extend_from_slice(space.get(..count.min(LONGEST)).unwrap_or_default());
                    match Compression::recognize(head) {
                        Recognized::Compressed(compression) => {
                            head.extend_from_slice(space.get(LONGEST..count).unwrap_or_default());
                            self.begin(compression);
                        }
                        Recognized::Undecided if count > 0 => {}
                        // The end of a source without bytes, which may grow.
                        _ if head.is_empty() || room == 0 => return Ok(0),
                        _ => {
                            self.stage = ReaderState::Plain;
                            if head.len() == count.min(LONGEST) {
                                self.head = Cursor::default();
                                return Ok(count);
                            }
                            head.extend_from_slice(space.get(LONGEST..count).unwrap_or_default());
                        }
                    }
                }
                #[cfg(feature = "compression")]
                (ReaderState::Compressed(codec), _) => match codec.read(space) {
                    Ok(count) => return Ok(count),
                    Err((failed, error)) => {
                        self.stage = ReaderState::Failed(failed);
                        return Err(error);
                    }
                },
                (ReaderState::Failed(error), _) => return Err(error.clone().into()),
                _ => return Ok(0),
            }
        }
    }
}

impl<R: Read> fmt::Debug for DecompressReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecompressReader").field("compression", &self.compression()).finish_non_exhaustive()
    }
}

fn at_the_start(compression: Compression, kind: CompressionErrorKind) -> CompressionError {
    CompressionError { compression, offset: 0, delivered: 0, kind }
}
