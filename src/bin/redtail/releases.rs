//! The release that introduced a command.

use redtail::Server;

/// Major and minor number of a release.
type Release = Option<(u16, u16)>;

/// Commands since Redis 6.2, by the release of Redis and of Valkey that introduced them. `None`: no release has them.
///
/// From `COMMAND DOCS` of Redis 8.10.2 and Valkey 9.1.2; of Redis 8.12 and Valkey 9.2 from their documentation.
/// `tests/drift` compares the table with servers.
const RELEASES: &[(Release, Release, &[&str])] = &[
    (
        Some((6, 2)),
        Some((7, 2)),
        &["blmove", "copy", "geosearchstore", "getdel", "getex", "lmove", "xautoclaim", "zdiffstore", "zrangestore"],
    ),
    (Some((7, 0)), Some((7, 2)), &["blmpop", "bzmpop", "fcall", "function", "lmpop", "spublish", "zmpop"]),
    (Some((7, 4)), Some((9, 0)), &["hexpire", "hexpireat", "hpersist", "hpexpire", "hpexpireat"]),
    (Some((8, 0)), Some((9, 0)), &["hgetex", "hsetex"]),
    (Some((8, 0)), Some((9, 1)), &["hgetdel"]),
    (Some((8, 0)), None, &["vadd", "vrem", "vsetattr"]),
    (Some((8, 2)), None, &["xackdel", "xdelex"]),
    (Some((8, 4)), Some((9, 1)), &["msetex"]),
    (Some((8, 4)), Some((9, 2)), &["delex"]),
    (Some((8, 4)), None, &["trimslots"]),
    (Some((8, 6)), None, &["xcfgset", "xidmprecord"]),
    (
        Some((8, 8)),
        None,
        &["ardel", "ardelrange", "arinsert", "armset", "arring", "arseek", "arset", "increx", "xnack"],
    ),
    (Some((8, 10)), None, &["blmovem", "himport", "lmovem"]),
    (
        Some((8, 12)),
        None,
        &[
            "bitconvert",
            "bitroarop",
            "bless",
            "bzmove",
            "saddex",
            "sexpire",
            "sexpireat",
            "spersist",
            "spexpire",
            "spexpireat",
            "zmove",
            "zmovemember",
        ],
    ),
    (None, Some((9, 0)), &["delifeq"]),
    (None, Some((9, 2)), &["phdel", "phdelprefix", "phset"]),
];

/// All commands of the table.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    RELEASES.iter().flat_map(|(.., names)| names.iter().copied())
}

/// Whether the server has this command of the servers, as far as the table knows. `name` is in any letter case.
pub(crate) fn has_command(server: &Server, name: &str) -> bool {
    let row = RELEASES.iter().find(|(.., names)| names.iter().any(|it| it.eq_ignore_ascii_case(name)));
    row.is_none_or(|(redis, valkey, _)| server.is_since(*redis, *valkey))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_release() {
        for (server, name, expected) in [
            ("redis-7.0", "HEXPIRE", false),
            ("redis-7.4", "hexpire", true),
            ("valkey-8.1", "hexpire", false),
            ("valkey-9.0", "hexpire", true),
            ("valkey-9.1", "vadd", false),
            ("redis-8.12", "delifeq", false),
            ("redis-6.0", "copy", false),
            ("valkey-7.2", "copy", true),
            ("redis-6.0", "set", true),
        ] {
            let server: Server = server.parse().unwrap();
            assert_eq!(has_command(&server, name), expected, "{server} {name}");
        }
    }
}
