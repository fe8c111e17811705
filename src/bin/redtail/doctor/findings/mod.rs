//! Findings about a server.

mod access;
mod acknowledge;
mod cluster_node;
mod commands;
pub(super) mod finding;
mod history;
mod limits;
mod memory;
mod moving;
mod permission;
pub(super) mod remedy;
mod sentinels;
mod server;
mod snapshot;
pub(super) mod starts;
mod subject;
#[cfg(feature = "tls")]
mod tls;
mod unreachable;

use redtail::topology::{FoundServer, SentinelError};

use crate::doctor::facts::Facts;
use crate::doctor::findings::finding::{Finding, Severity};
use crate::doctor::findings::remedy::Remedy;
use crate::doctor::findings::subject::Subject;
use crate::doctor::sentinels::SentinelReport;
use crate::doctor::tls_probe::Speaks;
use crate::target::probe_error::ProbeError;

/// All findings about a server that answers, in the order of the report.
pub(super) fn all(facts: &Facts, target: &str, scheme: &str) -> Vec<Finding> {
    let kind = facts.kind();
    let subject = Subject { target, scheme, facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    let mut findings = server::findings(subject);
    if findings.iter().any(|finding| finding.severity == Severity::Bad && finding.about == server::KIND) {
        // No other finding matters then.
        return findings;
    }
    #[cfg(feature = "tls")]
    findings.extend(tls::findings(subject));
    findings.extend(access::findings(subject));
    findings.extend(starts::findings(subject));
    findings.extend(history::findings(subject));
    findings.extend(memory::findings(subject));
    findings.extend(limits::findings(subject));
    findings.extend(commands::finding(subject));
    findings.extend(moving::findings(subject));
    findings.extend(snapshot::findings(subject));
    findings.extend(acknowledge::findings(subject));
    findings.extend(cluster_node::findings(subject));
    let has_file = subject.info.and_then(|info| info.get("config_file")).is_none_or(|file| !file.is_empty());
    findings.into_iter().map(|finding| lasting(finding, has_file)).collect()
}

/// Adds the command that keeps a remedy beyond a restart of the server.
fn lasting(finding: Finding, has_file: bool) -> Finding {
    let sets = |command: &str| finding.fix.iter().any(|fix| fix.text.starts_with(command));
    match (sets("CONFIG SET "), sets("ACL SETUSER "), has_file) {
        (false, false, _) => finding,
        (_, _, false) => finding.fix(Remedy::config("it has no redis.conf: set this where it is started, too")),
        (true, _, true) => finding.fix("CONFIG REWRITE   # keeps it beyond a restart"),
        (false, true, true) => finding.fix("ACL SAVE   # or CONFIG REWRITE: keeps it beyond a restart"),
    }
}

/// The finding about a server that does not answer.
pub(super) fn unreachable(error: &ProbeError, target: &str, speaks: Option<Speaks>) -> Finding {
    unreachable::finding(error, target, speaks)
}

/// The findings about the Sentinels of this name.
pub(super) fn watched(name: &str, found: Option<&FoundServer>, reports: &[SentinelReport]) -> Vec<Finding> {
    sentinels::findings(name, found, reports)
}

/// The finding if no Sentinel knows the server.
pub(super) fn not_watched(error: SentinelError, reports: &[SentinelReport], sentinels: &str) -> Finding {
    let names = sentinels::known_names(reports, sentinels);
    names.into_iter().fold(unreachable::finding(&ProbeError::Sentinels(error), sentinels, None), Finding::fix)
}

/// The possible starts.
pub(super) fn starts(facts: &Facts, target: &str) -> Vec<starts::StartChoice> {
    let kind = facts.kind();
    let subject = Subject { target, scheme: "", facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    match server::findings(subject).iter().any(|finding| finding.severity == Severity::Bad) {
        true => Vec::new(),
        false => starts::all(subject),
    }
}
