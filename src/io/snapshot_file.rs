//! A snapshot in a file that a server loads.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

use crate::io::atomic_file::{Access, Fresh};
use crate::rdb::Crc64;
use crate::replication::Event;

/// Writes the snapshot of a follower to a file. The file is at its path only once it is complete: verified, and safe
/// from a crash. Until then it is a temporary file in the same folder, `NAME.unfinished-` and eight digits. Dropping
/// this early removes it; only a process that is killed leaves one behind.
///
/// Only its owner may read it, since it has all data of the server. On Windows everybody may who may read the folder.
///
/// The follower must deliver bytes, which is the default ([`SnapshotForm`](crate::SnapshotForm)). It has then checked
/// their structure and their frame. The checksum, if the server computed one, is verified again over the bytes written.
///
/// ```no_run
/// use redtail::{Follower, SnapshotFile, Start};
///
/// let mut file = SnapshotFile::create_new("dump.rdb")?;
/// let mut follower = Follower::builder("127.0.0.1:6379").start(Start::Snapshot).connect()?;
/// while let Some(event) = follower.next_event()? {
///     if file.event(&event)? {
///         println!("{} bytes; the stream continues at {:?}", file.bytes(), follower.position());
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SnapshotFile {
    path: PathBuf,
    replaces: bool,
    /// `None` once it is renamed to its path.
    out: Option<BufWriter<Fresh>>,
    bytes: u64,
    trailer: Trailer,
}

/// A snapshot could not be written to a file. The temporary file is removed, and an earlier file is unchanged.
///
/// ```no_run
/// use redtail::{SnapshotFile, SnapshotFileError};
///
/// match SnapshotFile::create_new("dump.rdb") {
///     Err(SnapshotFileError::Exists { path }) => eprintln!("{} is kept", path.display()),
///     Err(error) => return Err(error),
///     Ok(_file) => {}
/// }
/// # Ok::<(), SnapshotFileError>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotFileError {
    /// A file exists already, and must not be replaced.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path is a folder, a device or a pipe.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The temporary file can't be created.
    #[error("can't create {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It can't be written.
    #[error("can't write {}: {source}; nothing of it is left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The bytes are not those that the server wrote.
    #[error(
        "the checksum of the snapshot is {found:016x}, and that of its bytes is {computed:016x}: it was damaged on the network"
    )]
    Checksum {
        /// The checksum at its end.
        found: u64,
        /// The checksum of its bytes.
        computed: u64,
    },
    /// Fewer bytes were written than the snapshot has.
    #[error(
        "the snapshot has {expected} bytes, and {written} of them were handed out: take it as bytes (SnapshotForm::Bytes)"
    )]
    Incomplete {
        /// The bytes written.
        written: u64,
        /// The bytes it has.
        expected: u64,
    },
}

impl SnapshotFile {
    /// A snapshot for `path`, where no file may exist yet.
    ///
    /// # Errors
    /// [`Exists`](SnapshotFileError::Exists), [`NotAFile`](SnapshotFileError::NotAFile),
    /// [`Create`](SnapshotFileError::Create).
    pub fn create_new(path: impl Into<PathBuf>) -> Result<Self, SnapshotFileError> {
        Self::begin_at(path.into(), false)
    }

    /// A snapshot for `path`. An existing file is replaced, but only once this one is complete.
    ///
    /// # Errors
    /// [`NotAFile`](SnapshotFileError::NotAFile), [`Create`](SnapshotFileError::Create).
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, SnapshotFileError> {
        Self::begin_at(path.into(), true)
    }

    /// Takes an event of a follower; events that are not of a snapshot are ignored. Returns true when the snapshot is
    /// complete and the file is at its path. A new snapshot voids an incomplete one, and replaces a complete one.
    ///
    /// # Errors
    /// All but [`NotAFile`](SnapshotFileError::NotAFile).
    pub fn event(&mut self, event: &Event<'_>) -> Result<bool, SnapshotFileError> {
        match event {
            Event::SnapshotBegin(_) => self.restart()?,
            Event::SnapshotBytes(bytes) => self.write(bytes)?,
            Event::SnapshotEnd(end) if end.bytes != self.bytes => {
                return Err(SnapshotFileError::Incomplete { written: self.bytes, expected: end.bytes });
            }
            Event::SnapshotEnd(_) => {
                self.finish()?;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// The next bytes of a snapshot that is not from a follower.
    ///
    /// # Errors
    /// [`Write`](SnapshotFileError::Write), [`Create`](SnapshotFileError::Create).
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotFileError> {
        let written = self.out()?.write_all(bytes);
        written.map_err(|source| self.not_written(source))?;
        self.bytes += bytes.len() as u64;
        self.trailer.append(bytes);
        Ok(())
    }

    /// The snapshot is complete: verifies it and renames it to its path.
    ///
    /// # Errors
    /// [`Checksum`](SnapshotFileError::Checksum), [`Write`](SnapshotFileError::Write),
    /// [`Exists`](SnapshotFileError::Exists) if another program has created a file there.
    pub fn finish(&mut self) -> Result<(), SnapshotFileError> {
        let Some(out) = self.out.take() else { return Ok(()) };
        self.trailer.verify()?;
        let fresh = out.into_inner().map_err(io::IntoInnerError::into_error);
        let placed = fresh.and_then(|fresh| if self.replaces { fresh.replace() } else { fresh.put() });
        match placed {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(SnapshotFileError::Exists { path: self.path.clone() })
            }
            placed => placed.map_err(|source| self.not_written(source)),
        }
    }

    /// Whether the last eight bytes so far are a checksum, which [`finish`](Self::finish) verifies. A server with
    /// `rdbchecksum no` writes zeros.
    #[must_use]
    pub fn has_checksum(&self) -> bool {
        self.trailer.last != [0; 8]
    }

    /// Bytes of the snapshot so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The path of the complete file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the temporary file, to remove before a process ends without dropping this. `None` once it is
    /// renamed.
    #[must_use]
    pub fn temporary(&self) -> Option<&Path> {
        self.out.as_ref().map(|out| out.get_ref().temporary())
    }

    fn begin_at(path: PathBuf, replaces: bool) -> Result<Self, SnapshotFileError> {
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => return Err(SnapshotFileError::NotAFile { path }),
            Ok(_) if !replaces => return Err(SnapshotFileError::Exists { path }),
            // Other errors are reported when the file is created.
            Ok(_) | Err(_) => {}
        }
        let mut file = Self { path, replaces, out: None, bytes: 0, trailer: Trailer::default() };
        file.out()?;
        Ok(file)
    }

    fn restart(&mut self) -> Result<(), SnapshotFileError> {
        let out = self.out()?;
        let emptied = out.flush().and_then(|()| out.get_mut().restart());
        (self.bytes, self.trailer) = (0, Trailer::default());
        emptied.map_err(|source| self.not_written(source))
    }

    fn out(&mut self) -> Result<&mut BufWriter<Fresh>, SnapshotFileError> {
        let out = match self.out.take() {
            Some(out) => out,
            None => {
                let created = Fresh::create(&self.path, Access::Owner);
                let fresh = created.map_err(|source| SnapshotFileError::Create { path: self.path.clone(), source })?;
                // The file of the first snapshot is ours to replace.
                self.replaces |= self.bytes > 0;
                (self.bytes, self.trailer) = (0, Trailer::default());
                BufWriter::with_capacity(BUFFER, fresh)
            }
        };
        Ok(self.out.insert(out))
    }

    fn not_written(&self, source: io::Error) -> SnapshotFileError {
        SnapshotFileError::Write { path: self.path.clone(), source }
    }
}

const BUFFER: usize = 64 << 10;

/// The last eight bytes: the checksum of all bytes before them.
#[derive(Debug, Default)]
struct Trailer {
    crc: Crc64,
    last: [u8; 8],
    /// The number of them received.
    held: usize,
}

impl Trailer {
    fn append(&mut self, bytes: &[u8]) {
        let Self { crc, last, held } = self;
        let (before, newest) = bytes.split_at(bytes.len().saturating_sub(last.len()));
        let gone = (*held + newest.len()).saturating_sub(last.len());
        *crc = crc.update(&last[..gone]).update(before);
        last.copy_within(gone..*held, 0);
        *held -= gone;
        last[*held..*held + newest.len()].copy_from_slice(newest);
        *held += newest.len();
    }

    fn verify(&self) -> Result<(), SnapshotFileError> {
        let (found, computed) = (u64::from_le_bytes(self.last), self.crc.value());
        match found {
            // A server with `rdbchecksum no`.
            0 => Ok(()),
            found if found == computed => Ok(()),
            found => Err(SnapshotFileError::Checksum { found, computed }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_eight_bytes_are_kept_however_they_come() {
        let body: Vec<u8> = (0..50).collect();
        let crc = Crc64::new().update(&body).value();
        let whole = [&body[..], &crc.to_le_bytes()].concat();
        for first in 0..=whole.len() {
            for second in first..=whole.len() {
                let mut trailer = Trailer::default();
                for piece in [&whole[..first], &whole[first..second], &whole[second..]] {
                    trailer.append(piece);
                }
                assert!(trailer.verify().is_ok(), "{first} {second}");
            }
        }
        let mut trailer = Trailer::default();
        whole.iter().for_each(|byte| trailer.append(&[*byte]));
        assert!(trailer.verify().is_ok());
        trailer.append(b"x");
        assert!(trailer.verify().is_err());
    }
}
