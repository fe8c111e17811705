//! Errors of append-only files.

use std::path::PathBuf;
use std::{fmt, io};

use thiserror::Error;

use crate::base::error::{Byte, ProtocolErrorKind};
use crate::io::append_only::file::Unfinished;
use crate::io::append_only::manifest::ManifestError;
use crate::io::compression::CompressionError;
use crate::rdb::RdbError;

/// An error of [`AppendOnly`](super::AppendOnly), with its file and byte. The first byte of the file is number 0.
///
/// ```
/// use redtail::io::{AppendOnly, AppendOnlyError};
///
/// let error = AppendOnly::open("/no/such/folder").unwrap_err();
/// assert!(matches!(error, AppendOnlyError::Io { .. }));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendOnlyError {
    /// The system can't open or read it.
    #[error("can't read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It is compressed, and can't be decompressed.
    #[error("{source}, in {}", path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// The error, and its byte.
        source: CompressionError,
    },
    /// A folder without a manifest.
    #[error(
        "{} is no append-only directory: it holds no manifest (a file whose name ends in .manifest){}", folder.display(),
        Hint(nested)
    )]
    NoManifest {
        /// The folder.
        folder: PathBuf,
        /// A folder in it that has one.
        nested: Option<PathBuf>,
    },
    /// A folder with more than one manifest.
    #[error("{} holds more than one manifest, {} and {}: give the one to read", folder.display(), names[0], names[1])]
    Manifests {
        /// The folder.
        folder: PathBuf,
        /// Two of them.
        names: [String; 2],
    },
    /// A manifest that servers would not read either.
    #[error("{}, {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The error.
        source: ManifestError,
    },
    /// A manifest that lists nothing to read.
    #[error("{} names no file to read: copy the directory again while no rewrite is running", path.display())]
    Nothing {
        /// The manifest.
        path: PathBuf,
    },
    /// A file that the manifest lists is not there.
    #[error("{} is missing: the manifest {} names it", path.display(), manifest.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The manifest.
        manifest: PathBuf,
    },
    /// A pipe, a device or a folder where a file should be.
    #[error("{} is no regular file: copy the directory again, with regular files", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It begins with neither commands nor a snapshot, or after a snapshot there are no commands.
    #[error("expected {expected}, found {found}, at byte {at} of {}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What may begin there.
        expected: &'static str,
        /// The byte found.
        found: Byte,
        /// The number of the byte.
        at: u64,
    },
    /// The snapshot at its front is broken, or ends before it should.
    #[error("{source}, in {}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The error, and its byte.
        source: RdbError,
    },
    /// Its commands are broken.
    #[error("{kind}, at byte {at} of {}; everything before byte {valid} is valid", path.display())]
    Protocol {
        /// The file.
        path: PathBuf,
        /// The error.
        kind: ProtocolErrorKind,
        /// The number of the byte.
        at: u64,
        /// The same as an offset, as those of events.
        offset: u64,
        /// The number of the first byte of the broken command, or of the transaction that contains the command.
        valid: u64,
    },
    /// A file ends in the middle, and is not the last one. In the last file that is no error: see
    /// [`AppendOnly::unfinished`](super::AppendOnly::unfinished).
    #[error("{} ends in the middle, and is not the last file: {unfinished}", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// The unfinished command or transaction.
        unfinished: Unfinished,
    },
    /// While it was followed, a rewrite removed files that were not read yet. Their commands are in the new base only.
    #[error(
        "history lost: {} lists increment {next}, and the last one read is {last}: a rewrite removed what was between before it was read",
        manifest.display()
    )]
    Missed {
        /// The manifest.
        manifest: PathBuf,
        /// The last increment that was read.
        last: u64,
        /// The first that is still there.
        next: u64,
    },
    /// While it was followed, it was replaced by another file.
    #[error(
        "{} was replaced by another file: after a rewrite (a server before 7.0) what was written meanwhile can't be told from what \
         was read, so start again with the new file", path.display()
    )]
    Replaced {
        /// The file, or the manifest.
        path: PathBuf,
    },
    /// While it was followed, the append-only directory was begun anew.
    #[error("{} lists increments up to {newest} only, and {last} was read: the directory was begun anew; start again with it", manifest.display())]
    Anew {
        /// The manifest.
        manifest: PathBuf,
        /// The last increment that was read.
        last: u64,
        /// The newest that is listed.
        newest: u64,
    },
    /// While it was followed, it became shorter than what was read.
    #[error("{} was cut to {now} bytes, and {read} were read: what was cut off did not happen", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// The bytes it has.
        now: u64,
        /// The bytes that were read.
        read: u64,
    },
}

struct Hint<'a>(&'a Option<PathBuf>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nested) => write!(f, "; {} does", nested.display()),
            None => Ok(()),
        }
    }
}
