//! A file that replaces another one only once it is complete.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::io::random::random;

/// Writes to a temporary file of the same folder, which is renamed to `path` at the end, or removed.
#[derive(Debug)]
pub(crate) struct Fresh {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    in_place: bool,
}

/// Who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Readable by its owner only. On Windows the permissions of the folder apply.
    Owner,
    /// Readable as the process's umask allows.
    Usual,
}

impl Fresh {
    /// Begins a file for `path`. A symbolic link is followed: its target is replaced, not the link.
    pub(crate) fn create(path: &Path, access: Access) -> io::Result<Self> {
        let path = resolved(path);
        let name = path.file_name().ok_or_else(|| io::Error::other("it has no file name"))?;
        let mut tries = 0;
        loop {
            let mut temporary = name.to_owned();
            // A random name, so that no file or link can exist there already.
            temporary.push(format!(".unfinished-{:08x}", random() as u32));
            let temporary = folder(&path).join(temporary);
            match options(access).open(&temporary) {
                Ok(file) => return Ok(Self { path, temporary, file, in_place: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 100 => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The path of the temporary file.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Renames it to its path, safe from a crash. An existing file is replaced.
    pub(crate) fn replace(self) -> io::Result<()> {
        self.finish(|fresh| fs::rename(&fresh.temporary, &fresh.path))
    }

    /// The same, unless a file exists: then the error is of the kind `AlreadyExists`.
    pub(crate) fn put(self) -> io::Result<()> {
        self.finish(|fresh| match fs::hard_link(&fresh.temporary, &fresh.path) {
            Ok(()) => fs::remove_file(&fresh.temporary),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // Not every file system has hard links.
            Err(_) if fresh.path.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&fresh.temporary, &fresh.path),
        })
    }

    /// Empties it.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        io::Seek::rewind(&mut self.file)?;
        self.file.set_len(0)
    }

    fn finish(mut self, place: impl FnOnce(&Self) -> io::Result<()>) -> io::Result<()> {
        self.file.sync_all()?;
        place(&self)?;
        self.in_place = true;
        // The name is durable only once the folder is.
        match File::open(folder(&self.path)).and_then(|folder| folder.sync_all()) {
            // Some systems can't open folders, and some file systems can't sync them.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            Err(error) if cfg!(not(unix)) && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            result => result,
        }
    }
}

impl Write for Fresh {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.in_place {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    options
}

/// The file that a symbolic link leads to, which may be missing.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many links as Linux follows.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&path) else { break };
        path = folder(&path).join(next);
    }
    path
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
