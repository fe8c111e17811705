//! The source of the bytes of one file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::{fmt, io};

/// A file, or another reader.
pub(super) enum Source {
    File(File),
    Other(Box<dyn Read + Send>),
}

impl Source {
    /// The present length of the file; `None` for another reader.
    pub(super) fn length(&self) -> io::Result<Option<u64>> {
        match self {
            Self::File(file) => file.metadata().map(|metadata| Some(metadata.len())),
            Self::Other(_) => Ok(None),
        }
    }

    /// Continues from this byte of the file.
    pub(super) fn go_back(&mut self, to: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(to)).map(drop),
            Self::Other(_) => Ok(()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(space),
            Self::Other(other) => other.read(space),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}
