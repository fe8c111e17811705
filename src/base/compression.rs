//! The kinds of compressed files, recognised by their first bytes.

use core::fmt;

/// How a file is compressed.
///
/// [`Display`](fmt::Display) names it: `zstd`, `LZ4 in a VCS envelope`. [`command`](Self::command) decompresses it.
/// Valkey 9.2 and later write snapshots in an envelope whose first bytes are `VCS` (`rdbcompression lz4|zstd`). Source
/// of its form: `compression_stream.c` of Valkey.
///
/// ```
/// use redtail::Compression;
///
/// let compression = Compression::of(&[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68]).expect("it is compressed");
/// assert_eq!(compression, Compression::Zstd);
/// assert_eq!(compression.command(), Some("zstd -dc FILE"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip.
    Gzip,
    /// An LZ4 frame.
    Lz4,
    /// xz.
    Xz,
    /// A zstd frame.
    Zstd,
    /// The envelope of Valkey around an LZ4 frame with a snapshot.
    VcsLz4,
    /// The envelope of Valkey around a zstd frame with a snapshot.
    VcsZstd,
    /// An envelope of Valkey with another version, codec or content.
    VcsUnknown,
}

/// The verdict on the first bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognized {
    Compressed(Compression),
    /// More bytes decide. Never for [`LONGEST`] or more.
    Undecided,
    Plain,
}

/// The number of bytes that always decide.
pub(crate) const LONGEST: usize = ENVELOPE.len() + 4;

/// The first bytes of the envelope. Its version, its codec, a zero and the kind of its content follow.
const ENVELOPE: &[u8] = b"VCS";

const MAGICS: [(&[u8], Compression); 6] = [
    // The third byte is the method: deflate is the only one.
    (b"\x1f\x8b\x08", Compression::Gzip),
    (b"\x04\x22\x4d\x18", Compression::Lz4),
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"VCS\x01\x01\x00\x01", Compression::VcsLz4),
    (b"VCS\x01\x02\x00\x01", Compression::VcsZstd),
];

impl Compression {
    /// The compression of a file with these first bytes. Seven bytes are enough. `None` for any other file, or if more
    /// bytes decide.
    pub fn of(head: &[u8]) -> Option<Self> {
        match Self::recognize(head) {
            Recognized::Compressed(compression) => Some(compression),
            Recognized::Undecided | Recognized::Plain => None,
        }
    }

    /// The shell command that writes the decompressed file to standard output, with FILE for its path. `None` if no
    /// command is known.
    pub const fn command(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip -dc FILE"),
            Self::Lz4 => Some("lz4 -dc FILE"),
            Self::Xz => Some("xz -dc FILE"),
            Self::Zstd => Some("zstd -dc FILE"),
            Self::VcsLz4 => Some("tail -c +8 FILE | lz4 -dc"),
            Self::VcsZstd => Some("tail -c +8 FILE | zstd -dc"),
            Self::VcsUnknown => None,
        }
    }

    pub(crate) fn recognize(head: &[u8]) -> Recognized {
        if let Some((_, compression)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Recognized::Compressed(*compression);
        }
        if head.starts_with(ENVELOPE) && head.len() >= LONGEST {
            return Recognized::Compressed(Self::VcsUnknown);
        }
        let may_begin = |magic: &[u8]| magic.starts_with(head) || (magic == ENVELOPE && head.starts_with(magic));
        match may_begin(ENVELOPE) || MAGICS.iter().any(|(magic, _)| may_begin(magic)) {
            true => Recognized::Undecided,
            false => Recognized::Plain,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Lz4 => "LZ4",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::VcsLz4 => "LZ4 in a VCS envelope",
            Self::VcsZstd => "zstd in a VCS envelope",
            Self::VcsUnknown => "an unknown codec in a VCS envelope",
        })
    }
}

/// The remedy, as a clause.
pub(crate) struct Remedy(pub(crate) Compression);

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.command() {
            Some(command) => write!(f, "`{command}` decompresses it"),
            None => f.write_str("a later version of redtail may read it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide_at_the_earliest_byte() {
        for (magic, compression) in MAGICS {
            for length in 0..magic.len() {
                assert_eq!(Compression::recognize(&magic[..length]), Recognized::Undecided, "{magic:?} {length}");
            }
            assert_eq!(Compression::of(magic), Some(compression));
            assert!(magic.len() <= LONGEST);
        }
        assert_eq!(Compression::recognize(b"VCS\x02\x01\x00"), Recognized::Undecided);
        for unknown in [b"VCS\x02\x01\x00\x01", b"VCS\x01\x03\x00\x01", b"VCS\x01\x01\x01\x01", b"VCS\x01\x02\x00\x02"]
        {
            assert_eq!(Compression::of(unknown), Some(Compression::VcsUnknown));
        }
        for plain in [&b"R"[..], b"VA", b"*", b"\x1f\x8b\x07", b"+FULL"] {
            assert_eq!(Compression::recognize(plain), Recognized::Plain, "{plain:?}");
        }
    }
}
