//! What is to be said of a server, as data.

mod access;
mod acknowledge;
mod cluster_node;
pub(super) mod finding;
mod history;
mod limits;
mod obstacle;
mod sentinels;
mod server;
mod snapshot;
pub(super) mod starts;
mod subject;
#[cfg(feature = "tls")]
mod tls;

use redtail::topology::{FoundServer, SentinelError};

use crate::doctor::facts::Facts;
use crate::doctor::findings::finding::{Finding, Severity};
use crate::doctor::findings::subject::Subject;
use crate::doctor::kind::ServerKind;
use crate::doctor::sentinels::SentinelReport;
use crate::doctor::tls_probe::Speaks;
use crate::target::probe_error::ProbeError;

/// Everything that is to be said where the server talks to us, in the order in which it is printed.
pub(super) fn all(facts: &Facts, target: &str, scheme: &str) -> Vec<Finding> {
    let kind = facts.info.as_ref().map(ServerKind::of);
    let subject = Subject { target, scheme, facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    let mut findings = server::findings(subject);
    if findings.iter().any(|finding| finding.severity == Severity::Bad && finding.about == server::KIND) {
        // Nothing else matters there.
        return findings;
    }
    #[cfg(feature = "tls")]
    findings.extend(tls::findings(subject));
    findings.extend(access::findings(subject));
    findings.extend(starts::findings(subject));
    findings.extend(history::findings(subject));
    findings.extend(limits::findings(subject));
    findings.extend(snapshot::findings(subject));
    findings.extend(acknowledge::findings(subject));
    findings.extend(cluster_node::findings(subject));
    findings
}

/// What is to be said where there is no talking.
pub(super) fn no_talk(obstacle: &ProbeError, target: &str, speaks: Option<Speaks>) -> Finding {
    obstacle::finding(obstacle, target, speaks)
}

/// What the Sentinels say that watch this name, and where they lead.
pub(super) fn watched(name: &str, found: Option<&FoundServer>, reports: &[SentinelReport]) -> Vec<Finding> {
    sentinels::findings(name, found, reports)
}

/// None of the Sentinels says where the server is.
pub(super) fn not_watched(error: SentinelError, reports: &[SentinelReport], sentinels: &str) -> Finding {
    let names = sentinels::known_names(reports, sentinels);
    names.into_iter().fold(obstacle::finding(&ProbeError::Lost(error), sentinels, None), Finding::fix)
}

/// Whether, and how, the server can be started from.
pub(super) fn starts(facts: &Facts, target: &str) -> Vec<starts::StartChoice> {
    let kind = facts.info.as_ref().map(ServerKind::of);
    let subject = Subject { target, scheme: "", facts, info: facts.info.as_ref(), kind: kind.as_ref() };
    match server::findings(subject).iter().any(|finding| finding.severity == Severity::Bad) {
        true => Vec::new(),
        false => starts::all(subject),
    }
}
