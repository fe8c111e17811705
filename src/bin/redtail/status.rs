//! One line on standard error that changes, where that is a terminal.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Gone again when dropped.
pub(crate) struct Status {
    /// `None`: nobody looks.
    last: Option<Instant>,
    shown: bool,
}

const INTERVAL: Duration = Duration::from_millis(500);

impl Status {
    pub(crate) fn new() -> Self {
        // A dumb terminal can't go back to the start of a line.
        let capable = env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { last: (capable && io::stderr().is_terminal()).then(Instant::now), shown: false }
    }

    /// How long it may take until the next look; `None`: for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.last.map(|last| INTERVAL.saturating_sub(last.elapsed()))
    }

    pub(crate) fn is_due(&self) -> bool {
        self.patience().is_some_and(|patience| patience.is_zero())
    }

    pub(crate) fn show(&mut self, words: impl Display) {
        self.shown = true;
        self.last = Some(Instant::now());
        let _ = write!(io::stderr().lock(), "\r\x1b[K{words}");
    }

    /// Makes way for lines of others.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Bytes as a person reads them: `940 B`, `3.1 GiB`.
pub(crate) struct Amount(pub(crate) u64);

impl Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB"];
        let (mut tenths, mut unit) = (u128::from(self.0) * 10 / 1024, 0);
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        while tenths >= 10_240 && unit + 1 < units.len() {
            (tenths, unit) = (tenths / 1024, unit + 1);
        }
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, units[unit])
    }
}
