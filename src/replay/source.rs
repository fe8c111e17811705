//! The bytes of a recording, in a file or in memory.

use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

/// Bytes that can be read from any position, by several readers at once.
#[derive(Debug)]
pub(super) enum Source {
    Memory(Vec<u8>),
    File(Mutex<File>),
}

impl Source {
    /// Reads from byte `at` on.
    pub(super) fn from(&self, at: u64) -> From<'_> {
        From { source: self, at }
    }

    fn read_at(&self, at: u64, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                bytes.get(start..).unwrap_or_default().read(space)
            }
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(at))?;
                file.read(space)
            }
        }
    }
}

/// A reader of a [`Source`].
#[derive(Debug)]
pub(super) struct From<'a> {
    source: &'a Source,
    at: u64,
}

impl Read for From<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(self.at, space)?;
        self.at += count as u64;
        Ok(count)
    }
}
