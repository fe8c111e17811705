//! Findings about a move to another server (`--target-version`).

use redtail::Server;

use crate::doctor::facts::Info;
use crate::doctor::findings::finding::{Finding, some_of};
use crate::doctor::findings::subject::Subject;
use crate::releases::has_command;

const ABOUT: &str = "move";

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let (Some(to), Some(info)) = (&subject.facts.moves_to, subject.info) else { return Vec::new() };
    let mut findings: Vec<Finding> = format(subject, to).into_iter().collect();
    findings.extend(commands(subject, to));
    findings.extend(types(subject, to));
    findings.extend(functions(info, to));
    findings.extend(expiries(info, to));
    findings.extend(modules(info));
    findings
}

/// Whether the target loads the files of this server.
fn format(subject: Subject<'_>, to: &Server) -> Option<Finding> {
    let from = subject.kind?.server?;
    let format = from.snapshot_format();
    if to.reads(format) {
        return Some(Finding::good(
            ABOUT,
            format!("{to} loads the dump.rdb and the DUMP payloads of this server ({format})"),
        ));
    }
    let version = to.version;
    let option = format!("{}-{}.{}", to.product.as_str(), version.major, version.minor);
    Some(
        Finding::warn(
            ABOUT,
            format!("{to} loads neither the dump.rdb nor the DUMP payloads of this server ({format})"),
        )
        .why("the data has to be moved as commands, and commands of later releases rewritten or left out")
        .fix(format!(
            "redtail tail {} --from snapshot --empty-target --format resp --target-version {option} --positions | \
             redtail load NEW:6379",
            subject.target
        )),
    )
}

/// The time of the calls that INFO commandstats counts.
const COUNTED: &str = "since the last restart or CONFIG RESETSTAT of this server";

/// Types of keys, with the releases of Redis and Valkey that have them first.
type Since = Option<(u16, u16)>;
const TYPES: [(&str, Since, Since); 3] =
    [("vector sets", Some((8, 0)), None), ("arrays", Some((8, 8)), None), ("path hashes", None, Some((9, 2)))];

/// Types that the release of this server has and the target does not. No statistic counts their keys.
fn types(subject: Subject<'_>, to: &Server) -> Option<Finding> {
    let from = subject.kind?.server?;
    let lost =
        TYPES.iter().filter(|(_, redis, valkey)| from.is_since(*redis, *valkey) && !to.is_since(*redis, *valkey));
    let lost: Vec<String> = lost.map(|(name, ..)| (*name).to_owned()).collect();
    if lost.is_empty() {
        return None;
    }
    let lost = some_of(lost.into_iter());
    Some(
        Finding::warn(ABOUT, format!("{to} does not have types that this server may hold: {lost}")).why(
            "keys of these types do not arrive there; the commands that were called do not show whether any exist",
        ),
    )
}

/// Commands that were called, and that the target does not have.
fn commands(subject: Subject<'_>, to: &Server) -> Option<Finding> {
    let called = subject.facts.called.as_ref()?;
    let unknown: Vec<String> =
        called.iter().filter(|name| !has_command(to, name)).map(|name| name.to_ascii_uppercase()).collect();
    if unknown.is_empty() {
        return Some(Finding::good(ABOUT, format!("{to} has all commands that were called here {COUNTED}")));
    }
    let lacks = some_of(unknown.into_iter());
    Some(
        Finding::warn(ABOUT, format!("{to} does not have commands that were called here {COUNTED}: {lacks}"))
            .why("clients that use them fail there; see INFO commandstats"),
    )
}

fn functions(info: &Info, to: &Server) -> Option<Finding> {
    let count = info.number("number_of_libraries").filter(|count| *count > 0)?;
    if to.is_since(Some((7, 0)), Some((7, 2))) {
        return None;
    }
    Some(
        Finding::warn(ABOUT, format!("{to} has no functions; this server has libraries: {count}"))
            .why("functions exist since Redis 7.0 and in every Valkey"),
    )
}

/// Elements that expire.
fn expiries(info: &Info, to: &Server) -> Option<Finding> {
    let keys = info.expiring_elements();
    if keys == 0 || to.is_since(Some((7, 4)), Some((9, 0))) {
        return None;
    }
    Some(Finding::warn(ABOUT, format!("{to} has no fields that expire; this server has keys with them: {keys}")).why(
        "fields of hashes expire since Redis 7.4 and Valkey 9.0; while redtail runs, they are deleted there when they \
                 expire here, and those that are left when it ends remain",
    ))
}

fn modules(info: &Info) -> Option<Finding> {
    let modules: Vec<String> = info.other_modules().map(str::to_owned).collect();
    if modules.is_empty() {
        return None;
    }
    Some(
        Finding::warn(
            ABOUT,
            format!("keys and commands of modules need the same modules: {}", some_of(modules.into_iter())),
        )
        .why("the modules of Redis 8 do not run in Valkey, which has modules of its own"),
    )
}
