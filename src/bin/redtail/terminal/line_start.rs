//! What a line on standard error begins with, where no person reads it as it is written.

use std::fmt::{self, Display};
#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::terminal::capability::is_dumb;

/// How bad an event is. The numbers are those of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Error = 3,
    Warning = 4,
    Info = 6,
}

static IS_FEED: AtomicBool = AtomicBool::new(false);

/// From now on lines have a time and a level, unless standard error is a terminal: the run may last for years.
pub(crate) fn stamp_lines() {
    IS_FEED.store(true, Ordering::Relaxed);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// journald has the time, and takes the level from `<4>`.
    Journal,
    Stamped,
}

static KIND: LazyLock<Kind> = LazyLock::new(|| match () {
    () if io::stderr().is_terminal() => Kind::Plain,
    () if is_journal() => Kind::Journal,
    () => Kind::Stamped,
});

/// Removes the line on which the cursor is. The program behind a pipe may draw its progress there.
const ERASE: &str = "\r\x1b[K";

static IS_SHARED: LazyLock<bool> = LazyLock::new(|| io::stderr().is_terminal() && !is_dumb() && is_pipe());

/// The start of a line of this level.
pub(super) struct LineStart(pub(super) Level);

impl Display for LineStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.0;
        f.write_str(if *IS_SHARED { ERASE } else { "" })?;
        match if IS_FEED.load(Ordering::Relaxed) { *KIND } else { Kind::Plain } {
            Kind::Plain => Ok(()),
            Kind::Journal => write!(f, "<{}>", level as u8),
            Kind::Stamped => {
                let name = match level {
                    Level::Error => "error",
                    Level::Warning => "warning",
                    Level::Info => "info",
                };
                write!(f, "{} {name} ", humantime::format_rfc3339_millis(SystemTime::now()))
            }
        }
    }
}

/// Whether standard error is the stream that journald names.
#[cfg(unix)]
fn is_journal() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let stream = io::stderr().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    stream.is_ok_and(|stream| named == format!("{}:{}", stream.dev(), stream.ino()))
}

#[cfg(windows)]
fn is_journal() -> bool {
    false
}

/// Whether the reader of standard output is another program.
#[cfg(unix)]
fn is_pipe() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let stream = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    stream.is_ok_and(|stream| stream.file_type().is_fifo())
}

#[cfg(windows)]
fn is_pipe() -> bool {
    !io::stdout().is_terminal()
}
