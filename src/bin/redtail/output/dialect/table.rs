//! What servers do not understand, and what is printed instead.
//!
//! Sources: `COMMAND` and `COMMAND DOCS` of Redis 6.2, 7.0, 8.2 and 8.10 and of Valkey 8.1 and 9.1. Redis 8.12 and
//! Valkey 9.2 by their documentation.

use redtail::Server;

use crate::output::dialect::rewrites;
use crate::output::dialect::rewrites::Rewritten;
use crate::releases::has_command;

/// The first release with a command or option: major and minor number. `None`: no release.
type Since = Option<(u16, u16)>;

/// A command or option that a target may lack.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) when: When,
    /// `None`: those of the command, by the table of releases.
    since: Option<(Since, Since)>,
    pub(super) instead: Instead,
    /// The message, which is printed once. `{}` is the target. Empty: nothing is lost.
    pub(super) lost: &'static str,
}

/// The commands for which a row holds.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Any.
    Any,
    /// One of these names is the argument at this index.
    At(usize, &'static [&'static str]),
    /// These arguments follow each other, at this index or later.
    From(usize, &'static [&'static str]),
    /// This name is one of the options.
    Of(&'static Grammar, &'static str),
    /// These arguments follow each other, after the keys that the third argument counts.
    BehindKeys(&'static [&'static str]),
    /// This name is one of the options of XADD or XTRIM, which end at the id of the entry.
    OfStream(&'static str),
}

/// The options of a command.
pub(super) struct Grammar {
    /// The index of the first one.
    pub(super) first: usize,
    /// The options with values, and their number.
    pub(super) values: &'static [(&'static str, usize)],
}

const SET: &Grammar = &Grammar {
    first: 3,
    values: &[("EX", 1), ("PX", 1), ("EXAT", 1), ("PXAT", 1), ("IFEQ", 1), ("IFNE", 1), ("IFDEQ", 1), ("IFDNE", 1)],
};

const GEOSEARCHSTORE: &Grammar =
    &Grammar { first: 3, values: &[("FROMMEMBER", 1), ("FROMLONLAT", 2), ("BYRADIUS", 2), ("BYBOX", 3), ("COUNT", 1)] };

/// What is printed instead.
#[derive(Clone, Copy)]
pub(super) enum Instead {
    Nothing,
    /// The command without this number of arguments, from each one that [`When`] finds.
    Without(usize),
    /// Other commands, which are examined again.
    Commands(fn(&[Vec<u8>]) -> Rewritten),
    /// The same: the target may have the command.
    Same,
}

impl Row {
    pub(super) fn is_understood_by(&self, target: &Server) -> bool {
        match self.since {
            Some((redis, valkey)) => target.is_since(redis, valkey),
            None => has_command(target, self.name),
        }
    }
}

/// The rows of a command, by its name in upper case.
pub(super) fn rows(name: &str) -> impl Iterator<Item = &'static Row> + use<'_> {
    ROWS.iter().filter(move |row| match row.name.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == row.name,
    })
}

const fn row(name: &'static str, when: When, redis: Since, valkey: Since, instead: Instead, lost: &'static str) -> Row {
    Row { name, when, since: Some((redis, valkey)), instead, lost }
}

/// A command that has its release in `releases.rs`.
const fn command(name: &'static str, instead: Instead, lost: &'static str) -> Row {
    Row { name, when: Any, since: None, instead, lost }
}

use Instead::{Commands, Nothing, Same, Without};
use When::{Any, At, BehindKeys, From, Of, OfStream};

const FIELD_EXPIRY: &str = "{} does not have the expiry of hash fields: a field is deleted when it expires at the \
                            source, as long as redtail runs";
const KEPT_EXPIRY: &str = "{} does not have HSETEX with KEEPTTL: the fields that it writes are deleted when they expire \
                           at the source, as long as redtail runs";
const MEMBER_EXPIRY: &str = "{} does not have the expiry of set members: a member is deleted when it expires at the \
                             source, as long as redtail runs";
const VECTOR_SETS: &str = "{} does not have vector sets: those keys are missing";
const ARRAYS: &str = "{} does not have arrays: those keys are missing";
const PATH_HASHES: &str = "{} does not have path hashes: those keys are missing";
const IDEMPOTENCE: &str = "{} does not have the idempotency ids of streams: they are left out";
const BITOPS: &str = "{} does not have BITOP DIFF, DIFF1, ANDOR and ONE: the key of their result is deleted";
const COUNTS: &str = "{} does not have AGGREGATE COUNT: the key of its result is deleted";
const POLYGONS: &str = "{} does not have GEOSEARCHSTORE with BYPOLYGON: the key of its result is deleted";
const REFERENCES: &str = "{} does not have DELREF and ACKED: the references in consumer groups stay, so entries and \
                          pending entries differ";
const MODULE: &str = "commands of the modules that Redis 8 contains (JSON, time series, probabilistic types, search) are \
                      printed unchanged: {} needs these modules";

const ROWS: &[Row] = &[
    // Strings.
    command("DELEX", Commands(rewrites::del), ""),
    command("DELIFEQ", Commands(rewrites::del), ""),
    command("MSETEX", Commands(rewrites::msetex), ""),
    row("SET", Of(SET, "IFEQ"), Some((8, 4)), Some((8, 1)), Without(2), ""),
    row("SET", Of(SET, "IFNE"), Some((8, 4)), None, Without(2), ""),
    row("SET", Of(SET, "IFDEQ"), Some((8, 4)), None, Without(2), ""),
    row("SET", Of(SET, "IFDNE"), Some((8, 4)), None, Without(2), ""),
    command("INCREX", Nothing, "{} does not have INCREX: this command is left out"),
    row("BITOP", At(1, &["DIFF", "DIFF1", "ANDOR", "ONE"]), Some((8, 2)), None, Commands(rewrites::del_third), BITOPS),
    // Expiry. A server propagates these options only if the command had an effect.
    row("EXPIRE", At(3, rewrites::CONDITIONS), Some((7, 0)), Some((7, 2)), Without(1), ""),
    row("EXPIREAT", At(3, rewrites::CONDITIONS), Some((7, 0)), Some((7, 2)), Without(1), ""),
    row("PEXPIRE", At(3, rewrites::CONDITIONS), Some((7, 0)), Some((7, 2)), Without(1), ""),
    row("PEXPIREAT", At(3, rewrites::CONDITIONS), Some((7, 0)), Some((7, 2)), Without(1), ""),
    // Hashes.
    command("HSETEX", Commands(rewrites::hsetex), KEPT_EXPIRY),
    command("HGETDEL", Commands(rewrites::hgetdel), ""),
    command("HGETEX", Nothing, FIELD_EXPIRY),
    command("HEXPIRE", Nothing, FIELD_EXPIRY),
    command("HPEXPIRE", Nothing, FIELD_EXPIRY),
    command("HEXPIREAT", Nothing, FIELD_EXPIRY),
    command("HPEXPIREAT", Nothing, FIELD_EXPIRY),
    command("HPERSIST", Nothing, ""),
    command("HIMPORT", Nothing, ""),
    row("PH*", Any, None, Some((9, 2)), Nothing, PATH_HASHES),
    // Sets.
    command("SPEXPIREAT", Nothing, MEMBER_EXPIRY),
    command("SPEXPIRE", Nothing, MEMBER_EXPIRY),
    command("SEXPIREAT", Nothing, MEMBER_EXPIRY),
    command("SEXPIRE", Nothing, MEMBER_EXPIRY),
    command("SPERSIST", Nothing, ""),
    // Sorted sets.
    command("ZMOVE", Nothing, "{} does not have ZMOVE: the members that it moves are missing"),
    row("ZUNIONSTORE", BehindKeys(&["AGGREGATE", "COUNT"]), Some((8, 8)), None, Commands(rewrites::del), COUNTS),
    row("ZINTERSTORE", BehindKeys(&["AGGREGATE", "COUNT"]), Some((8, 8)), None, Commands(rewrites::del), COUNTS),
    row("GEOSEARCHSTORE", Of(GEOSEARCHSTORE, "BYPOLYGON"), None, Some((9, 0)), Commands(rewrites::del), POLYGONS),
    // Lists.
    command("LMOVEM", Commands(rewrites::lmovem), ""),
    // Streams.
    row("XADD", OfStream("KEEPREF"), Some((8, 2)), None, Without(1), ""),
    row("XADD", OfStream("DELREF"), Some((8, 2)), None, Without(1), REFERENCES),
    row("XADD", OfStream("ACKED"), Some((8, 2)), None, Without(1), REFERENCES),
    row("XTRIM", OfStream("KEEPREF"), Some((8, 2)), None, Without(1), ""),
    row("XTRIM", OfStream("DELREF"), Some((8, 2)), None, Without(1), REFERENCES),
    row("XTRIM", OfStream("ACKED"), Some((8, 2)), None, Without(1), REFERENCES),
    command("XDELEX", Commands(rewrites::xdelex), REFERENCES),
    command("XACKDEL", Commands(rewrites::xackdel), REFERENCES),
    command("XIDMPRECORD", Nothing, IDEMPOTENCE),
    command("XCFGSET", Nothing, IDEMPOTENCE),
    command("XNACK", Nothing, "{} does not have XNACK: entries stay with their consumer"),
    row("XGROUP", From(5, &["ENTRIESREAD"]), Some((7, 0)), Some((7, 2)), Without(2), ""),
    row("XSETID", From(3, &["ENTRIESADDED"]), Some((7, 0)), Some((7, 2)), Without(2), ""),
    row("XSETID", From(3, &["MAXDELETEDID"]), Some((7, 0)), Some((7, 2)), Without(2), ""),
    // New types.
    row("AR*", Any, Some((8, 8)), None, Nothing, ARRAYS),
    command("VADD", Nothing, VECTOR_SETS),
    command("VREM", Nothing, VECTOR_SETS),
    command("VSETATTR", Nothing, VECTOR_SETS),
    // Others.
    command("SPUBLISH", Nothing, "{} does not have sharded channels: messages to them are left out"),
    command("BLESS", Nothing, "{} does not have the protection of keys from eviction (BLESS): it is left out"),
    row("JSON.*", Any, Some((8, 0)), None, Same, MODULE),
    row("TS.*", Any, Some((8, 0)), None, Same, MODULE),
    row("BF.*", Any, Some((8, 0)), None, Same, MODULE),
    row("CF.*", Any, Some((8, 0)), None, Same, MODULE),
    row("CMS.*", Any, Some((8, 0)), None, Same, MODULE),
    row("TOPK.*", Any, Some((8, 0)), None, Same, MODULE),
    row("TDIGEST.*", Any, Some((8, 0)), None, Same, MODULE),
    row("FT.*", Any, Some((8, 0)), None, Same, MODULE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::names;

    /// `tests/drift` compares the table of releases with servers.
    #[test]
    fn commands_have_their_releases_in_one_table() {
        for row in ROWS.iter().filter(|row| row.since.is_none()) {
            assert!(names().any(|name| name.eq_ignore_ascii_case(row.name)), "{}", row.name);
        }
        let is_family = |row: &&Row| matches!(row.when, Any) && row.name.contains('*') && !row.name.contains('.');
        let servers = ["redis", "valkey"].into_iter().flat_map(|product| {
            (6..11).flat_map(move |major| (0..13).map(move |minor| format!("{product}-{major}.{minor}")))
        });
        for server in servers {
            let server: Server = server.parse().unwrap();
            for name in names().map(str::to_ascii_uppercase) {
                for row in rows(&name).filter(is_family) {
                    assert_eq!(row.is_understood_by(&server), has_command(&server, &name), "{name} {server}");
                }
            }
        }
    }
}
