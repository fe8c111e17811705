//! From where the server can be followed.

use super::super::facts::Known;
use super::{Finding, Look};
use crate::notes::Size;

/// A value of `tail --from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Start {
    pub(in super::super) name: &'static str,
    pub(in super::super) possible: Known,
    /// What it does, or what is missing.
    pub(in super::super) how: String,
    pub(in super::super) mend: Vec<String>,
}

/// A permission that a start needs.
type Need = (&'static str, Known);

pub(super) fn all(look: Look<'_>) -> Vec<Start> {
    let may = look.facts.may;
    let [psync, replconf]: [Need; 2] = [("+psync", may.psync), ("+replconf", may.replconf)];
    let (info, sync): (Need, Need) = (("+info", may.info), ("+sync", may.sync));
    let backlog = look.info.map(|info| info.has_backlog());
    let without_fork = |look| match backlog {
        Some(false) => start(
            look,
            "now-without-fork",
            &[psync, replconf, info],
            Err("needs a backlog, and there is none yet".into()),
        ),
        _ => start(
            look,
            "now-without-fork",
            &[psync, replconf, info],
            Ok("no fork; the database is unknown until the first SELECT".into()),
        ),
    };
    let now = if look.facts.filters == Some(false) {
        // As the library does it on such servers.
        let mut now = without_fork(look);
        now.name = "now";
        if backlog == Some(false) {
            now.mend =
                vec![format!("redtail tail {} --allow-probe   # it dumps its data to its own disk, once", look.target)];
        }
        now
    } else {
        start(look, "now", &[psync, replconf], Ok("forks once and sends no data".into()))
    };
    vec![
        now,
        without_fork(look),
        start(look, "snapshot", &[psync, replconf], Ok(format!("forks and sends everything{}", size(look)))),
        start(look, "POSITION", &[psync, replconf], resume(look)),
        start(look, "sync", &[sync, replconf], Ok("as snapshot, without a position to resume from".into())),
    ]
}

/// The default start is what people try first.
pub(super) fn findings(look: Look<'_>) -> Vec<Finding> {
    let needs_info = look.facts.filters == Some(false);
    let base = Known::all(&[look.facts.may.psync, look.facts.may.replconf]);
    if !needs_info || base == Known::No {
        return Vec::new();
    }
    let why = "this server knows no snapshot without data (Redis 7.0 does), so the default start, now, asks INFO for the position";
    if look.facts.may.info == Known::No {
        return vec![
            Finding::warn("start", "the default start needs INFO, which is not allowed")
                .why(why)
                .mend(look.allow(&["+info"])),
        ];
    }
    match look.info.map(|info| info.has_backlog()) {
        Some(false) => vec![
            Finding::warn("start", "the default start needs a backlog, and there is none")
                .why(format!("{why}, and without a backlog that is void. The first replica makes one, and it stays"))
                .mend(format!("redtail tail {} --from snapshot   # or with --allow-probe", look.target)),
        ],
        _ => Vec::new(),
    }
}

fn start(look: Look<'_>, name: &'static str, needs: &[Need], how: Result<String, String>) -> Start {
    let of = |known| needs.iter().filter(|(_, it)| *it == known).map(|(rule, _)| *rule).collect::<Vec<_>>();
    let (denied, unsure) = (of(Known::No), of(Known::Unknown));
    let is_there = match name {
        "sync" => look.facts.has.sync,
        _ => look.facts.has.psync,
    };
    if is_there == Known::No || look.facts.has.replconf == Known::No {
        return Start { name, possible: Known::No, how: "its command is renamed or blocked".into(), mend: Vec::new() };
    }
    if !denied.is_empty() {
        let rule = look.allow(&denied);
        let (how, mend) = (format!("needs {rule}"), vec![rule]);
        return Start { name, possible: Known::No, how, mend };
    }
    match how {
        Err(how) => Start { name, possible: Known::No, how, mend: Vec::new() },
        Ok(how) if unsure.is_empty() => Start { name, possible: Known::Yes, how, mend: Vec::new() },
        Ok(_) => {
            let how = format!("could not check {}", unsure.join(" "));
            Start { name, possible: Known::Unknown, how, mend: vec![look.allow(&unsure)] }
        }
    }
}

fn resume(look: Look<'_>) -> Result<String, String> {
    let Some(info) = look.info else { return Ok("as far back as the backlog reaches".into()) };
    if !info.has_backlog() {
        return Err("there is no backlog yet, so any position is a gap".into());
    }
    match info.number("repl_backlog_histlen") {
        Some(bytes) => Ok(format!("as far back as the backlog: {} now", Size(bytes))),
        None => Ok("as far back as the backlog reaches".into()),
    }
}

fn size(look: Look<'_>) -> String {
    match look.number("used_memory_dataset").or(look.number("used_memory")) {
        Some(bytes) => format!(", at most about {}", Size(bytes)),
        None => String::new(),
    }
}
