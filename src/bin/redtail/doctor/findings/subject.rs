//! The input of the findings.

use crate::doctor::facts::{Facts, Info};
use crate::doctor::kind::ServerKind;

/// The server to report on.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) target: &'a str,
    /// The URL scheme for other servers.
    pub(super) scheme: &'a str,
    pub(super) facts: &'a Facts,
    pub(super) info: Option<&'a Info>,
    pub(super) kind: Option<&'a ServerKind>,
}

impl Subject<'_> {
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.info?.number(field)
    }

    pub(super) fn is_replica(&self) -> bool {
        self.info.is_some_and(Info::is_replica)
    }

    /// Whether the server is Redis 7.0 or later, or a fork of it. True if unknown.
    pub(super) fn is_since_7(&self) -> bool {
        match self.kind {
            Some(kind) => kind.server.is_none_or(|server| server.is_since(Some((7, 0)), Some((7, 2)))),
            None => self.facts.filters != Some(false),
        }
    }

    /// Whether the server makes snapshots without a fork. With a module it may fork.
    pub(super) fn is_forkless(&self) -> bool {
        self.facts.settings.get("forkless-infrastructure-enabled") == Some("yes")
            && self.info.is_some_and(|info| info.other_modules().next().is_none())
    }

    /// The write rate in bytes per second.
    pub(super) fn rate(&self) -> Option<f64> {
        let (bytes, time) = self.facts.growth?;
        Some(bytes as f64 / time.as_secs_f64().max(0.001))
    }

    /// The address of a replica to use instead.
    pub(super) fn replica(&self) -> String {
        let replicas = self.info.map(Info::replicas).unwrap_or_default();
        let online = replicas.into_iter().find(|replica| replica.state == "online" && replica.address.contains(':'));
        online.map_or_else(|| "REPLICA".into(), |replica| format!("{}{}", self.scheme, replica.address))
    }

    /// The URL of the server as a Sentinel.
    pub(super) fn as_sentinel(&self) -> String {
        match self.target.strip_prefix("rediss://") {
            Some(address) => format!("rediss+sentinel://{address}"),
            None => format!("redis+sentinel://{}", self.target),
        }
    }

    /// The command that permits more to the user.
    pub(super) fn allow(&self, commands: &[&str]) -> String {
        format!("ACL SETUSER {} {}", self.facts.user, commands.join(" "))
    }
}
