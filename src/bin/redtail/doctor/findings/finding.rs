//! Findings, and the format of times and names in them.

use crate::doctor::findings::remedy::Remedy;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Severity {
    /// No problem.
    Good,
    /// The server can be followed, with a risk.
    Warn,
    /// The server can't be followed.
    Bad,
    /// Could not be checked.
    Unknown,
    /// Not checked, and not needed to follow.
    Note,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) struct Finding {
    pub(in crate::doctor) severity: Severity,
    /// The subject, in a word.
    pub(in crate::doctor) about: &'static str,
    pub(in crate::doctor) what: String,
    /// The reason why it matters.
    pub(in crate::doctor) why: String,
    pub(in crate::doctor) fix: Vec<Remedy>,
}

pub(super) const CONNECTION: &str = "connection";

impl Finding {
    fn new(severity: Severity, about: &'static str, what: impl Into<String>) -> Self {
        Self { severity, about, what: what.into(), why: String::new(), fix: Vec::new() }
    }

    pub(in crate::doctor) fn good(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Good, about, what)
    }

    pub(in crate::doctor) fn warn(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warn, about, what)
    }

    pub(in crate::doctor) fn bad(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Bad, about, what)
    }

    pub(super) fn unknown(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Unknown, about, what)
    }

    pub(super) fn note(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, about, what)
    }

    pub(in crate::doctor) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(in crate::doctor) fn fix(mut self, remedy: impl Into<Remedy>) -> Self {
        self.fix.push(remedy.into());
        self
    }
}

/// The first few names, and the number of further ones.
pub(in crate::doctor) fn some_of(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = names.collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// A duration with its unit.
pub(super) fn time(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let seconds = seconds.max(0.0);
    // Less than two of a unit are shown in the smaller unit, except for a whole hour or day.
    let fits = |length: f64| seconds >= 2.0 * length || (length > 60.0 && seconds == length);
    let (length, name) = UNITS.into_iter().find(|(length, _)| fits(*length)).unwrap_or((1.0, "second"));
    if length == 1.0 && seconds < 10.0 && seconds.fract() > 0.05 {
        return format!("{seconds:.1} seconds");
    }
    let count = (seconds / length).floor();
    format!("{count:.0} {name}{}", if count == 1.0 { "" } else { "s" })
}
