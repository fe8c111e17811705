//! A finding, and how numbers and names are written in it.

/// How good or bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Severity {
    /// As it should be, or no matter.
    Good,
    /// It can be followed, and something may go wrong.
    Warn,
    /// It can't be followed.
    Bad,
    /// It could not be found out.
    Unknown,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) struct Finding {
    pub(in crate::doctor) severity: Severity,
    /// What it is about, in a word.
    pub(in crate::doctor) about: &'static str,
    pub(in crate::doctor) what: String,
    /// Why it matters.
    pub(in crate::doctor) why: String,
    /// What fixes it: commands, one each.
    pub(in crate::doctor) fix: Vec<String>,
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

    pub(in crate::doctor) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(in crate::doctor) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix.push(command.into());
        self
    }
}

/// The first few, and how many more there are.
pub(in crate::doctor) fn some_of(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = names.collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// A time as a person says it.
pub(super) fn time(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let seconds = seconds.max(0.0);
    // Below two of a unit the smaller one tells more, but for a whole hour.
    let fits = |length: f64| seconds >= 2.0 * length || (length > 60.0 && seconds == length);
    let (length, name) = UNITS.into_iter().find(|(length, _)| fits(*length)).unwrap_or((1.0, "second"));
    if length == 1.0 && seconds < 10.0 && seconds.fract() > 0.05 {
        return format!("{seconds:.1} seconds");
    }
    let count = (seconds / length).floor();
    format!("{count:.0} {name}{}", if count == 1.0 { "" } else { "s" })
}
