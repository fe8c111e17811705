//! The file that keeps how far the broker has confirmed: one line, replaced as a whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::end::Failure;

pub(crate) struct Place {
    path: PathBuf,
    text: Option<String>,
    saved_at: Option<SystemTime>,
    /// Held for as long as the bridge runs: two that save into one file would lose what the slower one has not confirmed.
    _lock: File,
}

impl Place {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(2, format!("can't use --state {}: {error}", path.display()));
        let lock = File::create(beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let words = format!("another bridge is at work with --state {}", path.display());
                return Err(Failure::new(1, words));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let text = match fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => {
                return Err(failed(io::Error::other("it is empty; to start afresh on purpose, remove it")));
            }
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let saved_at = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        Ok(Self { path: path.into(), text, saved_at, _lock: lock })
    }

    /// What was saved.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    pub(crate) fn warn_if_older_than(&self, window: Duration) {
        let age = self.saved_at.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if self.text.is_some() && age > window {
            eprintln!(
                "redtail-nats: the place in {} is {} old, more than the window of {}: if the last run was killed, what it published after \
                 that place is in the stream twice",
                self.path.display(),
                humantime::format_duration(Duration::from_secs(age.as_secs())),
                humantime::format_duration(window)
            );
        }
    }

    /// `None`: nothing was confirmed yet.
    pub(crate) fn save(&mut self, text: Option<String>) -> Result<(), Failure> {
        let Some(text) = text else { return Ok(()) };
        if self.text.as_ref() != Some(&text) {
            self.replace(&text)
                .map_err(|error| Failure::new(1, format!("can't write {}: {error}", self.path.display())))?;
            self.text = Some(text);
        }
        Ok(())
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let new = beside(&self.path, "new");
        let mut file = File::create(&new)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The name is safe only once the folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
