//! Servers, as far as a follower can distinguish them.

/// How a server answers PSYNC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Psync {
    /// With the current id, to a replica that sent `capa psync2`.
    Two,
    /// With a bare `+CONTINUE`.
    One,
    /// With this error.
    None(&'static str),
}

#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) redis_version: Option<&'static str>,
    pub(crate) valkey_version: Option<&'static str>,
    pub(crate) magic: &'static str,
    pub(crate) psync: Psync,
    /// Whether INFO shows `master_replid`.
    pub(crate) shows_replid: bool,
    /// The REPLCONF options it knows, but for those that every server does.
    pub(crate) ip_address: bool,
    pub(crate) version: bool,
    pub(crate) capa: Result<(), &'static str>,
    pub(crate) filter: bool,
    /// Without a disk by default.
    pub(crate) diskless: bool,
    pub(crate) select_inside: bool,
    pub(crate) wrapped: bool,
    /// A shutdown saves the history.
    pub(crate) keeps_history: bool,
    /// INFO is denied to our user.
    pub(crate) info_denied: bool,
    /// CLIENT is denied to our user.
    pub(crate) client_denied: bool,
}

const REDIS_7: Profile = Profile {
    redis_version: Some("7.0.15"),
    valkey_version: None,
    magic: "REDIS0010",
    psync: Psync::Two,
    shows_replid: true,
    ip_address: true,
    version: false,
    capa: Ok(()),
    filter: true,
    diskless: true,
    select_inside: false,
    wrapped: false,
    keeps_history: true,
    info_denied: false,
    client_denied: false,
};

const REDIS_6: Profile = Profile {
    redis_version: Some("6.2.14"),
    magic: "REDIS0009",
    filter: false,
    diskless: false,
    keeps_history: false,
    ..REDIS_7
};

const VALKEY_8: Profile = Profile {
    redis_version: Some("7.2.4"),
    valkey_version: Some("8.1.8"),
    magic: "REDIS0011",
    version: true,
    select_inside: true,
    ..REDIS_7
};

const UNKNOWN_PSYNC: &str = "-ERR unknown command 'PSYNC'";

pub(crate) const PROFILES: &[Profile] = &[
    REDIS_6,
    REDIS_7,
    Profile { redis_version: Some("7.4.1"), magic: "REDIS0012", select_inside: true, ..REDIS_7 },
    Profile { redis_version: Some("8.2.3"), magic: "REDIS0012", select_inside: true, ..REDIS_7 },
    Profile { redis_version: Some("255.255.255"), magic: "REDIS0014", select_inside: true, ..REDIS_7 },
    VALKEY_8,
    Profile { valkey_version: Some("9.0.0"), magic: "VALKEY080", ..VALKEY_8 },
    Profile { valkey_version: Some("9.1.2"), magic: "VALKEY080", ..VALKEY_8 },
    // The user may replicate and nothing else.
    Profile { info_denied: true, ..REDIS_7 },
    Profile { info_denied: true, client_denied: true, valkey_version: Some("9.1.2"), magic: "VALKEY080", ..VALKEY_8 },
    Profile { info_denied: true, ..REDIS_6 },
    // KeyDB with active replicas.
    Profile { redis_version: Some("6.3.4"), wrapped: true, ..REDIS_6 },
    // Redis 3.2: no second id, no id in INFO.
    Profile { redis_version: Some("3.2.12"), magic: "REDIS0007", psync: Psync::One, shows_replid: false, ..REDIS_6 },
    // Redis 4.0 behind a proxy that knows fewer options.
    Profile { redis_version: Some("4.0.14"), magic: "REDIS0008", psync: Psync::Two, ip_address: false, ..REDIS_6 },
    // Redis 2.8: no capabilities.
    Profile {
        redis_version: Some("2.8.24"),
        magic: "REDIS0006",
        psync: Psync::One,
        shows_replid: false,
        ip_address: false,
        capa: Err("-ERR Unrecognized REPLCONF option: capa"),
        ..REDIS_6
    },
    // A server that says nothing of itself.
    Profile { redis_version: None, ..REDIS_6 },
    // Redis 2.6: SYNC only.
    Profile {
        redis_version: Some("2.6.17"),
        magic: "REDIS0006",
        psync: Psync::None(UNKNOWN_PSYNC),
        shows_replid: false,
        ip_address: false,
        capa: Err("-ERR Unrecognized REPLCONF option: capa"),
        ..REDIS_6
    },
    // Dragonfly.
    Profile { redis_version: Some("7.4.0"), psync: Psync::None(UNKNOWN_PSYNC), filter: false, ..REDIS_7 },
    // Kvrocks.
    Profile {
        redis_version: Some("4.0.0"),
        psync: Psync::None("-ERR value is not an unsigned long long"),
        capa: Err("-ERR Unrecognized REPLCONF option: capa"),
        ..REDIS_6
    },
];

impl Profile {
    /// The name and version that a follower must show.
    pub(crate) fn shown(&self) -> Option<String> {
        match (self.valkey_version, self.redis_version) {
            (Some(version), _) => Some(format!("valkey {version}")),
            (None, version) => version.map(|version| format!("redis {version}")),
        }
    }

    pub(crate) fn rdb_version(&self) -> u32 {
        self.magic.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap()
    }

    /// Serves PSYNC at all.
    pub(crate) fn is_primary(&self) -> bool {
        !matches!(self.psync, Psync::None(_))
    }
}
