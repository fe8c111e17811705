//! Colours, where a person looks.

use std::env;
use std::io::IsTerminal;

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
    /// Colours only in a terminal that knows them, and not where NO_COLOR is set.
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !is_dumb && !is_set("NO_COLOR") { COLOURS } else { PLAIN }
    }
}
