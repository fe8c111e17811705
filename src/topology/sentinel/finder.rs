//! The search for a primary among Sentinels.

use std::io;

use crate::net::{Client, Reply, Target, bare};
use crate::topology::access::Access;
use crate::topology::random::take_any;
use crate::topology::sentinel::error::SentinelError;

/// A server that the Sentinels name.
///
/// ```no_run
/// use redtail::topology::Sentinel;
///
/// let found = Sentinel::builder(["10.0.0.1:26379", "10.0.0.2:26379"], "mymaster")?.find()?;
/// println!("{} says that the primary is {}", found.told_by, found.target);
/// # Ok::<(), redtail::topology::SentinelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundServer {
    /// The address of the server.
    pub target: Target,
    /// Whether it was chosen among the replicas.
    pub is_replica: bool,
    /// The Sentinel that named it.
    pub told_by: Target,
    /// The run of the server that the Sentinel monitors, if it was asked.
    pub(super) run: Option<Run>,
}

/// One run of a server, from its start to its end, as a Sentinel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: String,
    /// The milliseconds since the Sentinel asked the server.
    age: u64,
}

/// Whether the Sentinel is asked for the run of the server too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identify {
    Yes,
    No,
}

/// The time between the replies of the Sentinel and of the server, and the rounding of the uptime.
const MARGIN_MS: u64 = 3000;

impl Run {
    fn of(fields: &Reply) -> Option<Self> {
        let text = |name| fields.field(name).and_then(Reply::text);
        let id = text("runid").filter(|id| !id.is_empty())?;
        Some(Self { id: id.to_owned(), age: text("info-refresh")?.parse().ok()? })
    }

    /// The run id in the server's reply to INFO, if that server can't be the one that the Sentinel monitors. A server
    /// with another run id may be the same one, restarted after the Sentinel asked.
    pub(super) fn contradicted_by(&self, info: &Reply) -> Option<String> {
        let value = |name| info.text()?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let (id, uptime) = (value("run_id")?, value("uptime_in_seconds")?.parse::<u64>().ok()?);
        let was_running = uptime.saturating_mul(1000) > self.age.saturating_add(MARGIN_MS);
        (id != self.id && was_running).then(|| id.to_owned())
    }
}

/// Asks Sentinels, and remembers which.
#[derive(Debug, Clone)]
pub(super) struct PrimaryFinder {
    pub(super) name: String,
    given: Vec<Target>,
    /// The next ones to ask, best first: those given, and those known to the last one that answered.
    pub(super) sentinels: Vec<Target>,
    /// The primary in the last reply.
    pub(super) primary: Option<Target>,
    pub(super) prefer_replica: bool,
    /// The Sentinels' user may ask for the run of the primary. A denied request is not repeated.
    may_identify: bool,
}

/// The number of Sentinels that are kept: a reply may name any number of them.
const MOST_SENTINELS: usize = 32;

impl PrimaryFinder {
    pub(super) fn new(sentinels: Vec<Target>, name: String) -> Self {
        Self { name, given: sentinels.clone(), sentinels, primary: None, prefer_replica: false, may_identify: true }
    }

    pub(super) fn find(
        &mut self,
        access: &Access,
        identify: Identify,
        stopped: impl Fn() -> bool,
    ) -> Result<FoundServer, SentinelError> {
        let (mut tried, mut is_unknown) = (Vec::new(), false);
        for sentinel in self.sentinels.clone() {
            if stopped() {
                break;
            }
            match self.ask(access, &sentinel, identify) {
                Ok(Some(found)) => {
                    self.sentinels.retain(|one| *one != sentinel);
                    self.sentinels.insert(0, sentinel);
                    return Ok(found);
                }
                Ok(None) => is_unknown = true,
                Err(error) => {
                    let reason = bare(&sentinel, &error);
                    tried.push((sentinel, reason));
                }
            }
        }
        let name = self.name.clone();
        Err(if is_unknown { SentinelError::UnknownName { name, tried } } else { SentinelError::Silent { name, tried } })
    }

    /// `None`: this Sentinel does not know the name.
    fn ask(&mut self, access: &Access, sentinel: &Target, identify: Identify) -> io::Result<Option<FoundServer>> {
        let mut client = access.client(sentinel)?;
        let name = self.name.clone();
        let ask = |client: &mut Client, what: &str| match client.ask(&["SENTINEL", what, &name])? {
            Reply::Error(text) => Err(io::Error::other(text)),
            reply => Ok(reply),
        };
        let reply = ask(&mut client, "GET-MASTER-ADDR-BY-NAME")?;
        let Some(primary) = target(reply.list()) else { return Ok(None) };
        self.primary = Some(primary.clone());
        // Not needed now: an error here does not matter.
        if let Ok(others) = ask(&mut client, "SENTINELS") {
            self.learn(&others);
        }
        let replica = match self.prefer_replica {
            true => take_any(&mut ask(&mut client, "REPLICAS")?.list().iter().filter_map(healthy_replica).collect()),
            false => None,
        };
        let is_replica = replica.is_some();
        let (target, run) = match replica {
            Some(found) => found,
            None if identify == Identify::Yes && self.may_identify => {
                let reply = client.ask(&["SENTINEL", "MASTER", &name])?;
                self.may_identify = !reply.is_denied();
                (primary, Run::of(&reply))
            }
            None => (primary, None),
        };
        Ok(Some(FoundServer { target, is_replica, told_by: sentinel.clone(), run }))
    }

    fn learn(&mut self, others: &Reply) {
        // Addresses change: old ones would be tried for ever.
        self.sentinels.retain(|one| self.given.contains(one));
        for other in others.list().iter().filter_map(address_in) {
            if self.sentinels.len() < MOST_SENTINELS && !self.sentinels.contains(&other) {
                self.sentinels.push(other);
            }
        }
    }
}

/// Host and port of a reply to GET-MASTER-ADDR-BY-NAME.
fn target(reply: &[Reply]) -> Option<Target> {
    let [host, port] = reply else { return None };
    tcp(host.text()?, port.text()?)
}

/// The address in the fields of a Sentinel or replica.
fn address_in(fields: &Reply) -> Option<Target> {
    tcp(fields.field("ip")?.text()?, fields.field("port")?.text()?)
}

fn tcp(host: &str, port: &str) -> Option<Target> {
    let port = port.parse().ok().filter(|&port| port > 0)?;
    Some(Target::Tcp { host: host.into(), port })
}

fn healthy_replica(fields: &Reply) -> Option<(Target, Option<Run>)> {
    let flags = fields.field("flags")?.text()?;
    let is_down = flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"));
    let is_linked = fields.field("master-link-status")?.text()? == "ok";
    Some((address_in(fields).filter(|_| is_linked && !is_down)?, Run::of(fields)))
}
