//! The facts about a server.

use std::collections::HashMap;
use std::time::Duration;

use redtail::Server;
use redtail::net::Reply;

/// The input of the findings. Unknown facts are absent.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// User and password for a server.
    pub(super) user: String,
    /// The message of a temporary refusal: the server loads data, or is busy.
    pub(super) refuses: Option<String>,
    pub(super) info: Option<Info>,
    /// Version, mode and role as fields of INFO, from HELLO, which needs no permission. Asked where INFO is denied.
    pub(super) hello: Option<Info>,
    /// The growth of its stream in bytes, and the time it took.
    pub(super) growth: Option<(u64, Duration)>,
    pub(super) may: Permissions,
    /// Whether PSYNC, SYNC and REPLCONF exist by these names.
    pub(super) has: Commands,
    /// Whether the server supports snapshots without data.
    pub(super) filters: Option<bool>,
    pub(super) settings: Settings,
    /// The commands that redtail does not know, and whether each is a write; or why they are not known.
    pub(super) unknown_commands: Option<Result<Vec<(String, bool)>, NotAsked>>,
    /// The server to move to (`--target-version`).
    pub(super) moves_to: Option<Server>,
    /// The commands that were called since its last restart or CONFIG RESETSTAT.
    pub(super) called: Option<Vec<String>>,
    /// The primaries that a Sentinel watches: name and address.
    pub(super) watched: Vec<(String, String)>,
    pub(super) cluster: Option<ClusterNode>,
    /// The remaining validity of the server's certificate, if it is short.
    #[cfg(feature = "tls")]
    pub(super) certificate: Option<Duration>,
    /// The value of vm.overcommit_memory, if the server runs on this machine.
    pub(super) overcommit: Option<u8>,
}

/// Why the commands of the server are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// The user may not run COMMAND INFO or COMMAND LIST.
    Denied,
    /// COMMAND LIST exists since 7.0.
    Missing,
}

/// A fact that may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Known {
    Yes,
    No,
    #[default]
    Unknown,
}

impl Known {
    /// `Yes` if all are, `No` if any is not.
    pub(super) fn all(of: &[Known]) -> Known {
        if of.contains(&Self::No) {
            Self::No
        } else if of.contains(&Self::Unknown) {
            Self::Unknown
        } else {
            Self::Yes
        }
    }
}

impl From<Option<bool>> for Known {
    fn from(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }
}

/// The permissions of the user.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Permissions {
    pub(super) ping: Known,
    pub(super) info: Known,
    pub(super) replconf: Known,
    pub(super) psync: Known,
    pub(super) sync: Known,
}

/// The commands that exist.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Commands {
    pub(super) replconf: Known,
    pub(super) psync: Known,
    pub(super) sync: Known,
}

/// The reply to INFO.
#[derive(Debug, Default)]
pub(super) struct Info {
    fields: HashMap<String, String>,
    modules: Vec<String>,
}

impl Info {
    pub(super) fn read(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        // The only name that occurs several times.
        let modules = fields.clone().filter(|(name, _)| *name == "module");
        let name = |(_, value): (&str, &str)| Some(value.strip_prefix("name=")?.split(',').next()?.to_owned());
        Self {
            modules: modules.filter_map(name).collect(),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The reply to HELLO, with the names that INFO has. `None` if it is of no server that is known.
    pub(super) fn of_hello(reply: &Reply) -> Option<Self> {
        let text = |name| reply.field(name).and_then(Reply::text);
        let version = match text("server")? {
            "redis" => "redis_version",
            "valkey" => "valkey_version",
            "redict" => "redict_version",
            _ => return None,
        };
        // A Sentinel has no role.
        let role = if matches!(text("role"), Some("replica" | "slave")) { "slave" } else { "master" };
        let named = [(version, text("version")?), ("redis_mode", text("mode")?), ("role", role)];
        // Servers that say they are Redis have their own version too.
        let others = reply.list().chunks_exact(2).filter_map(|pair| Some((pair[0].text()?, pair[1].text()?)));
        let fields = others.chain(named).map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Self { fields: fields.collect(), modules: Vec::new() })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    pub(super) fn is_replica(&self) -> bool {
        self.is("role", "slave")
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.is("repl_backlog_active", "1")
    }

    /// The names of the modules that are not part of the server.
    pub(super) fn other_modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(String::as_str).filter(|name| !["lua", "vectorset"].contains(name))
    }

    /// The number of keys with elements that expire: `subexpiry` in Redis, `keys_with_volatile_items` in Valkey.
    pub(super) fn expiring_elements(&self) -> u64 {
        let of = |keyspace: &str| {
            let count = |part: &str| match part.split_once('=')? {
                ("subexpiry" | "keys_with_volatile_items", count) => count.parse::<u64>().ok(),
                _ => None,
            };
            keyspace.split(',').filter_map(count).sum::<u64>()
        };
        let databases = self.fields.iter().filter(|(name, _)| name.starts_with("db"));
        databases.map(|(_, keyspace)| of(keyspace)).fold(0, u64::saturating_add)
    }

    /// The commands in the reply to `INFO commandstats`, without subcommands.
    pub(super) fn called(&self) -> Vec<String> {
        let name = |(name, value): (&String, &String)| {
            let name = name.strip_prefix("cmdstat_").filter(|_| !value.starts_with("calls=0,"))?;
            Some(name.split('|').next().unwrap_or(name).to_owned())
        };
        let mut called: Vec<_> = self.fields.iter().filter_map(name).collect();
        called.sort();
        called.dedup();
        called
    }

    /// The replicas in the `slaveN` lines.
    pub(super) fn replicas(&self) -> Vec<Replica> {
        let count = self.number("connected_slaves").unwrap_or(0).min(1000);
        (0..count).filter_map(|index| self.get(&format!("slave{index}")).map(Replica::read)).collect()
    }
}

/// A replica of the server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) address: String,
    pub(super) state: String,
    pub(super) lag: Option<u64>,
}

impl Replica {
    fn read(text: &str) -> Self {
        let field = |name: &str| text.split(',').find_map(|part| part.split_once('=').filter(|(it, _)| *it == name));
        let value = |name| field(name).map_or("", |(_, value)| value);
        Self {
            address: address(value("ip"), value("port")),
            state: value("state").to_owned(),
            lag: value("lag").parse().ok(),
        }
    }
}

/// An address for a command line that is likely to be pasted. Text that could be more than an address becomes `?`.
pub(super) fn address(host: &str, port: &str) -> String {
    let is_plain =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '%'));
    match (host, port) {
        ("", _) => "?".into(),
        (host, port) if !is_plain(host) || !is_plain(port) => "?".into(),
        (host, "" | "0") => host.to_owned(),
        (host, port) if host.contains(':') => format!("[{host}]:{port}"),
        (host, port) => format!("{host}:{port}"),
    }
}

/// The answers of CONFIG GET.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) values: HashMap<&'static str, String>,
    /// CONFIG GET is denied or does not exist.
    pub(super) denied: bool,
}

impl Settings {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The limits of `client-output-buffer-limit` for replicas.
    pub(super) fn output_limit(&self) -> Option<OutputLimit> {
        let words: Vec<&str> = self.get("client-output-buffer-limit")?.split_whitespace().collect();
        let limits = words.chunks_exact(4).find(|class| matches!(class[0], "slave" | "replica"))?;
        let number = |index: usize| limits[index].parse().ok();
        Some(OutputLimit { hard: number(1)?, soft: number(2)?, soft_seconds: number(3)? })
    }
}

/// The limits of the output buffer of a replica in bytes; 0 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutputLimit {
    pub(super) hard: u64,
    pub(super) soft: u64,
    pub(super) soft_seconds: u64,
}

/// The share of a node in its cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClusterNode {
    /// The number of slots of its shard.
    pub(super) slots: u64,
    /// The primaries of the other shards.
    pub(super) others: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_read_as_any_version_writes_them() {
        let info = Info::read(
            "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n\
             slave0:ip=10.0.0.5,port=6379,state=online,offset=14,lag=0\r\n\
             slave1:ip=redtail.invalid,port=0,state=wait_bgsave,offset=0,lag=7,io-thread=1\r\n\
             slave2:ip=::1,port=7000,state=online,offset=9,lag=1,type=replica\r\n",
        );
        let replicas = info.replicas();
        assert_eq!(replicas[0], Replica { address: "10.0.0.5:6379".into(), state: "online".into(), lag: Some(0) });
        assert_eq!(replicas[1].address, "redtail.invalid");
        assert_eq!((replicas[2].address.as_str(), replicas[2].lag), ("[::1]:7000", Some(1)));
        assert!(!info.is_replica() && !info.has_backlog());
    }

    #[test]
    fn what_is_more_than_an_address_is_none() {
        assert_eq!(address("db-1.internal", "6379"), "db-1.internal:6379");
        for (host, port) in [("", "1"), ("$(id)", "1"), ("a b", "1"), ("a", "1;x"), ("\x1b[2J", "1")] {
            assert_eq!(address(host, port), "?");
        }
    }

    #[test]
    fn limits_of_output_buffers() {
        let mut settings = Settings::default();
        assert_eq!(settings.output_limit(), None);
        for class in ["slave", "replica"] {
            let words = format!("normal 0 0 0 {class} 268435456 67108864 60 pubsub 33554432 8388608 60");
            settings.values.insert("client-output-buffer-limit", words);
            let expected = OutputLimit { hard: 268_435_456, soft: 67_108_864, soft_seconds: 60 };
            assert_eq!(settings.output_limit(), Some(expected));
        }
        settings.values.insert("client-output-buffer-limit", "normal 0 0".into());
        assert_eq!(settings.output_limit(), None);
    }
}
