//! What is to be said of a server, as data.

mod access;
mod acknowledge;
mod history;
mod limits;
mod obstacle;
mod place;
mod sentinels;
mod server;
mod snapshot;
pub(super) mod starts;
#[cfg(feature = "tls")]
mod tls;

use redtail::topology::{FoundServer, SentinelError};

use super::ask::Obstacle;
use super::facts::{Facts, Info};
use super::kind::Kind;
use super::other::Speaks;
use super::watchers::Watcher;

/// How good or bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
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
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What it is about, in a word.
    pub(super) about: &'static str,
    pub(super) what: String,
    /// Why it matters.
    pub(super) why: String,
    /// What mends it: commands, one each.
    pub(super) mend: Vec<String>,
}

impl Finding {
    fn new(severity: Severity, about: &'static str, what: impl Into<String>) -> Self {
        Self { severity, about, what: what.into(), why: String::new(), mend: Vec::new() }
    }

    pub(super) fn good(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Good, about, what)
    }

    pub(super) fn warn(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warn, about, what)
    }

    pub(super) fn bad(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Bad, about, what)
    }

    fn unknown(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Unknown, about, what)
    }

    pub(super) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(super) fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend.push(command.into());
        self
    }
}

/// What the findings look at.
#[derive(Clone, Copy)]
struct Look<'a> {
    target: &'a str,
    /// What stands before the address of another server.
    scheme: &'a str,
    facts: &'a Facts,
    info: Option<&'a Info>,
    kind: Option<&'a Kind>,
}

impl Look<'_> {
    fn number(&self, field: &str) -> Option<u64> {
        self.info?.number(field)
    }

    fn is_replica(&self) -> bool {
        self.info.is_some_and(Info::is_replica)
    }

    /// Redis 7.0 or later, or what comes from it; also where that is not known.
    fn is_since_7(&self) -> bool {
        use super::kind::Family;
        match self.kind {
            Some(kind) => match kind.family {
                Family::Redis | Family::KeyDb => kind.version.is_none_or(|version| version >= (7, 0)),
                _ => true,
            },
            None => self.facts.filters != Some(false),
        }
    }

    /// Bytes a second.
    fn rate(&self) -> Option<f64> {
        let (bytes, time) = self.facts.growth?;
        Some(bytes as f64 / time.as_secs_f64().max(0.001))
    }

    /// A replica of the server to turn to instead.
    fn replica(&self) -> String {
        let replicas = self.info.map(Info::replicas).unwrap_or_default();
        let online = replicas.into_iter().find(|replica| replica.state == "online" && replica.address.contains(':'));
        online.map_or_else(|| "REPLICA".into(), |replica| format!("{}{}", self.scheme, replica.address))
    }

    /// How the server is named as a Sentinel.
    fn as_sentinel(&self) -> String {
        match self.target.strip_prefix("rediss://") {
            Some(address) => format!("rediss+sentinel://{address}"),
            None => format!("redis+sentinel://{}", self.target),
        }
    }

    /// The rule that allows our user more.
    fn allow(&self, commands: &[&str]) -> String {
        format!("ACL SETUSER {} {}", self.facts.user, commands.join(" "))
    }
}

/// Everything that is to be said where the server talks to us, in the order in which it is printed.
pub(super) fn all(facts: &Facts, target: &str, scheme: &str) -> Vec<Finding> {
    let kind = facts.info.as_ref().map(Kind::of);
    let look = Look { target, scheme, facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    let mut findings = server::findings(look);
    if findings.iter().any(|finding| finding.severity == Severity::Bad && finding.about == server::KIND) {
        // Nothing else matters there.
        return findings;
    }
    #[cfg(feature = "tls")]
    findings.extend(tls::findings(look));
    findings.extend(access::findings(look));
    findings.extend(starts::findings(look));
    findings.extend(history::findings(look));
    findings.extend(limits::findings(look));
    findings.extend(snapshot::findings(look));
    findings.extend(acknowledge::findings(look));
    findings.extend(place::findings(look));
    findings
}

/// What is to be said where there is no talking.
pub(super) fn no_talk(obstacle: &Obstacle, target: &str, speaks: Option<Speaks>) -> Finding {
    obstacle::finding(obstacle, target, speaks)
}

/// What the Sentinels say that watch this name, and where they lead.
pub(super) fn watched(name: &str, found: Option<&FoundServer>, watchers: &[Watcher]) -> Vec<Finding> {
    sentinels::findings(name, found, watchers)
}

/// None of the Sentinels says where the server is.
pub(super) fn not_watched(error: SentinelError, watchers: &[Watcher], sentinels: &str) -> Finding {
    let names = sentinels::known_names(watchers, sentinels);
    names.into_iter().fold(obstacle::finding(&Obstacle::Lost(error), sentinels, None), Finding::mend)
}

/// The first few, and how many more there are.
pub(super) fn some_of(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = names.collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// Whether, and how, the server can be started from.
pub(super) fn starts(facts: &Facts, target: &str) -> Vec<starts::Start> {
    let kind = facts.info.as_ref().map(Kind::of);
    let look = Look { target, scheme: "", facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    match server::findings(look).iter().any(|finding| finding.severity == Severity::Bad) {
        true => Vec::new(),
        false => starts::all(look),
    }
}

/// A time as a person says it.
fn time(seconds: f64) -> String {
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
