//! Colours, where a person looks.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::terminal::capability::is_dumb;

/// What to write in front of a word and behind it. Empty where there are no colours.
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
    /// Colours only in a terminal that knows them, and where nobody refuses them (NO_COLOR).
    pub(crate) fn on(stream: &impl RawStream) -> Self {
        // anstream takes any terminal for one that knows colours where CI is set: its logs may, a dumb terminal does not.
        let is_refused = is_dumb() || AutoStream::choice(stream) == ColorChoice::Never;
        if stream.is_terminal() && !is_refused { COLOURS } else { PLAIN }
    }
}
