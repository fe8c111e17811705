//! Colours, where a person looks.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::terminal;

/// What to write in front of a word and behind it. Empty where there are no colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) faint: &'static str,
    pub(crate) number: &'static str,
    pub(crate) bold: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) end: &'static str,
}

const COLOURS: Paint =
    Paint { faint: "\x1b[2m", number: "\x1b[36m", bold: "\x1b[1m", wrong: "\x1b[1;31m", end: "\x1b[0m" };
const PLAIN: Paint = Paint { faint: "", number: "", bold: "", wrong: "", end: "" };

impl Paint {
    /// Colours only in a terminal that knows them, and where nobody refuses them (NO_COLOR).
    pub(crate) fn on(stream: &impl RawStream) -> Self {
        // anstream takes any terminal for one that knows colours where CI is set: its logs may, a dumb terminal does not.
        let is_refused = terminal::is_dumb() || AutoStream::choice(stream) == ColorChoice::Never;
        if stream.is_terminal() && !is_refused { COLOURS } else { PLAIN }
    }
}
