//! Colors for terminals.

use std::io;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::terminal::capability::is_dumb;

/// The escape codes before and after a word. Empty without colors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colors {
    pub(crate) faint: &'static str,
    pub(crate) number: &'static str,
    pub(crate) bold: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) end: &'static str,
}

const COLOURS: Colors =
    Colors { faint: "\x1b[2m", number: "\x1b[36m", bold: "\x1b[1m", wrong: "\x1b[1;31m", end: "\x1b[0m" };
const PLAIN: Colors = Colors { faint: "", number: "", bold: "", wrong: "", end: "" };

impl Colors {
    /// The colors of the output.
    pub(crate) fn of_output(is_file: bool) -> Self {
        if is_file { PLAIN } else { Self::on(&io::stdout()) }
    }

    /// Colors if the stream is a terminal that has them, unless NO_COLOR is set.
    pub(crate) fn on(stream: &impl RawStream) -> Self {
        // With CI set, anstream assumes colors even for a dumb terminal.
        let is_refused = is_dumb() || AutoStream::choice(stream) == ColorChoice::Never;
        if stream.is_terminal() && !is_refused { COLOURS } else { PLAIN }
    }
}
