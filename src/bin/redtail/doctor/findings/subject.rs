//! What the findings are drawn from.

use crate::doctor::facts::{Facts, Info};
use crate::doctor::kind::{Family, ServerKind};

/// What the findings subject at.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) target: &'a str,
    /// What stands before the address of another server.
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

    /// Redis 7.0 or later, or what comes from it; also where that is not known.
    pub(super) fn is_since_7(&self) -> bool {
        match self.kind {
            Some(kind) => match kind.family {
                Family::Redis | Family::KeyDb => kind.version.is_none_or(|version| version >= (7, 0)),
                _ => true,
            },
            None => self.facts.filters != Some(false),
        }
    }

    /// Bytes a second.
    pub(super) fn rate(&self) -> Option<f64> {
        let (bytes, time) = self.facts.growth?;
        Some(bytes as f64 / time.as_secs_f64().max(0.001))
    }

    /// A replica of the server to turn to instead.
    pub(super) fn replica(&self) -> String {
        let replicas = self.info.map(Info::replicas).unwrap_or_default();
        let online = replicas.into_iter().find(|replica| replica.state == "online" && replica.address.contains(':'));
        online.map_or_else(|| "REPLICA".into(), |replica| format!("{}{}", self.scheme, replica.address))
    }

    /// How the server is named as a Sentinel.
    pub(super) fn as_sentinel(&self) -> String {
        match self.target.strip_prefix("rediss://") {
            Some(address) => format!("rediss+sentinel://{address}"),
            None => format!("redis+sentinel://{}", self.target),
        }
    }

    /// The rule that allows our user more.
    pub(super) fn allow(&self, commands: &[&str]) -> String {
        format!("ACL SETUSER {} {}", self.facts.user, commands.join(" "))
    }
}
