//! The kind of server, by the fields of INFO.

use redtail::replication::Version;
use redtail::{Product, Server};

use crate::doctor::facts::{Facts, Info};

/// The kind of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerKind {
    pub(super) family: Family,
    /// Name and version: `Redis 7.0.15`.
    pub(super) name: String,
    /// Product and version, or those of the product that it is a fork of.
    pub(super) server: Option<Server>,
    /// The cloud service that runs it, if INFO shows it.
    pub(super) service: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Redis,
    Valkey,
    KeyDb,
    /// Redict, a fork of Redis 7.2.
    Redict,
    Sentinel,
    /// It supports the clients of Redis, but not its replicas; the reason.
    Unsupported(&'static str),
    /// INFO has no known field.
    Unknown,
}

impl Family {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::KeyDb => "keydb",
            Self::Redict => "redict",
            Self::Sentinel => "sentinel",
            Self::Unsupported(_) => "foreign",
            Self::Unknown => "unknown",
        }
    }
}

/// Servers that can't be followed: their field in INFO, their name, and the reason.
const UNSUPPORTED: [(&str, &str, &str); 4] = [
    ("dragonfly_version", "Dragonfly", "it replicates with a protocol of its own (DFLY), and has no PSYNC"),
    ("kvrocks_version", "Kvrocks", "its PSYNC is a different protocol, which sends batches of its storage engine"),
    ("garnet_version", "Garnet", "it replicates to other Garnet servers only"),
    ("upstash_version", "Upstash", "the service has no replication for clients"),
];

impl ServerKind {
    pub(super) fn of(info: &Info) -> Self {
        let service = service(info);
        let redis = info.get("redis_version");
        let new = |family, name: &str, version: Option<&str>| Self {
            family,
            name: [name, version.unwrap_or_default()].join(" ").trim_end().to_owned(),
            server: version
                .zip(product(family))
                .map(|(version, product)| Server::new(product, Version::stated(version.as_bytes()))),
            service,
        };
        if let Some((field, name, why)) = UNSUPPORTED.into_iter().find(|(field, ..)| info.get(field).is_some()) {
            return new(Family::Unsupported(why), name, info.get(field));
        }
        if info.is("redis_mode", "sentinel") {
            return new(Family::Sentinel, "Sentinel", info.get("valkey_version").or(redis));
        }
        if let Some(version) = info.get("rlec_version") {
            return new(Family::Redis, "Redis Enterprise", Some(version));
        }
        if let Some(version) = info.get("valkey_version") {
            return new(Family::Valkey, "Valkey", Some(version));
        }
        if let Some(version) = info.get("redict_version") {
            return new(Family::Redict, "Redict", Some(version));
        }
        match redis {
            Some(version) if is_keydb(info) => new(Family::KeyDb, "KeyDB", Some(version)),
            Some(version) => new(Family::Redis, "Redis", Some(version)),
            None => new(Family::Unknown, "unknown server", None),
        }
    }
}

impl Facts {
    /// The kind of server, as far as the user may know it.
    pub(super) fn kind(&self) -> Option<ServerKind> {
        self.info.as_ref().or(self.hello.as_ref()).map(ServerKind::of)
    }
}

fn service(info: &Info) -> Option<&'static str> {
    let os = info.get("os").unwrap_or_default();
    [
        (os.contains("ElastiCache"), "Amazon ElastiCache"),
        (os.contains("MemoryDB"), "Amazon MemoryDB"),
        (info.get("rlec_version").is_some(), "Redis Enterprise"),
    ]
    .into_iter()
    .find_map(|(is, name)| is.then_some(name))
}

/// KeyDB has no field with its own version.
fn is_keydb(info: &Info) -> bool {
    let path = |field| info.get(field).is_some_and(|path| path.to_ascii_lowercase().contains("keydb"));
    info.get("mvcc_depth").is_some()
        || info.get("storage_provider").is_some()
        || info.is("role", "active-replica")
        || path("executable")
        || path("config_file")
}

/// The product whose replication the family has.
fn product(family: Family) -> Option<Product> {
    match family {
        Family::Redis | Family::KeyDb | Family::Redict => Some(Product::Redis),
        Family::Valkey => Some(Product::Valkey),
        Family::Sentinel | Family::Unsupported(_) | Family::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart() {
        for (info, name, server, service) in [
            ("redis_version:7.0.15\r\nredis_mode:standalone\r\n", "Redis 7.0.15", Some("redis 7.0.15"), None),
            (
                "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n",
                "Valkey 9.1.2",
                Some("valkey 9.1.2"),
                None,
            ),
            ("redis_version:6.3.4\r\nexecutable:/usr/bin/keydb-server\r\n", "KeyDB 6.3.4", Some("redis 6.3.4"), None),
            ("redis_version:7.4.0\r\ndragonfly_version:df-v1.40.1\r\n", "Dragonfly df-v1.40.1", None, None),
            ("kvrocks_version:2.9.0\r\nredis_version:4.0.0\r\n", "Kvrocks 2.9.0", None, None),
            ("redis_version:7.0.15\r\nredis_mode:sentinel\r\n", "Sentinel 7.0.15", None, None),
            (
                "redis_version:6.0.5\r\nos:Amazon ElastiCache\r\n",
                "Redis 6.0.5",
                Some("redis 6.0.5"),
                Some("Amazon ElastiCache"),
            ),
            ("", "unknown server", None, None),
        ] {
            let kind = ServerKind::of(&Info::read(info));
            assert_eq!((kind.name.as_str(), kind.service), (name, service));
            assert_eq!(kind.server.map(|server| server.to_string()).as_deref(), server, "{name}");
        }
    }
}
