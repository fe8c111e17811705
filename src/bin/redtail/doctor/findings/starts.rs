//! Findings about the possible starts.

use indicatif::HumanBytes;

use crate::doctor::facts::Known;
use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::permission::{Missing, Need};
use crate::doctor::findings::remedy::Remedy;
use crate::doctor::findings::subject::Subject;

/// A value of `tail --from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct StartChoice {
    pub(in super::super) name: &'static str,
    pub(in super::super) possible: Known,
    /// Its effect, or the missing permission.
    pub(in super::super) how: String,
    pub(in super::super) fix: Vec<Remedy>,
}

pub(super) fn all(subject: Subject<'_>) -> Vec<StartChoice> {
    let may = subject.facts.may;
    let [psync, replconf]: [Need; 2] = [("+psync", may.psync), ("+replconf", may.replconf)];
    let (info, sync): (Need, Need) = (("+info", may.info), ("+sync", may.sync));
    let backlog = subject.info.map(|info| info.has_backlog());
    let (fork, sends) = match subject.is_forkless() {
        true => ("makes an empty snapshot", "sends everything, without a fork"),
        false => ("forks once", "forks and sends everything"),
    };
    let without_fork = |subject| match backlog {
        Some(false) => start(
            subject,
            "now-without-fork",
            &[psync, replconf, info],
            Err("needs a backlog, and there is none yet".into()),
        ),
        _ => start(
            subject,
            "now-without-fork",
            &[psync, replconf, info],
            Ok("no fork; the database is unknown until the first SELECT".into()),
        ),
    };
    let now = if subject.facts.filters == Some(false) {
        // The library does the same on such servers.
        let mut now = without_fork(subject);
        now.name = "now";
        if backlog == Some(false) {
            now.fix = vec![
                format!("redtail tail {} --allow-probe   # dumps its data to its own disk once", subject.target).into(),
            ];
        }
        now
    } else {
        start(subject, "now", &[psync, replconf], Ok(format!("{fork} and sends no data")))
    };
    vec![
        now,
        without_fork(subject),
        start(subject, "snapshot", &[psync, replconf], Ok(format!("{sends}{}", size(subject)))),
        start(subject, "POSITION", &[psync, replconf], resume(subject)),
        start(subject, "sync", &[sync, replconf], Ok("as snapshot, but can't be resumed".into())),
    ]
}

/// Findings about the default start.
pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let needs_info = subject.facts.filters == Some(false);
    let base = Known::all(&[subject.facts.may.psync, subject.facts.may.replconf]);
    if !needs_info || base == Known::No {
        return Vec::new();
    }
    let why = "this server has no snapshots without data (added in Redis 7.0), so the default start, now, asks INFO \
        for the position";
    if subject.facts.may.info == Known::No {
        return vec![
            Finding::warn("start", "the default start needs INFO, which is not allowed")
                .why(why)
                .fix(subject.allow(&["+info"])),
        ];
    }
    match subject.info.map(|info| info.has_backlog()) {
        Some(false) => vec![
            Finding::warn("start", "the default start needs a backlog, and there is none")
                .why(format!("{why}, which needs a backlog. The first replica creates one, and it stays"))
                .fix(format!("redtail tail {} --from snapshot   # or with --allow-probe", subject.target)),
        ],
        _ => Vec::new(),
    }
}

fn start(subject: Subject<'_>, name: &'static str, needs: &[Need], how: Result<String, String>) -> StartChoice {
    let missing = Missing::of(needs);
    let is_there = match name {
        "sync" => subject.facts.has.sync,
        _ => subject.facts.has.psync,
    };
    if is_there == Known::No || subject.facts.has.replconf == Known::No {
        return StartChoice {
            name,
            possible: Known::No,
            how: "its command is renamed or blocked".into(),
            fix: Vec::new(),
        };
    }
    let fix = missing.remedies(subject);
    if !missing.denied.is_empty() {
        let how = format!("needs {}", missing.denied.join(" "));
        return StartChoice { name, possible: Known::No, how, fix };
    }
    match how {
        Err(how) => StartChoice { name, possible: Known::No, how, fix: Vec::new() },
        Ok(how) if missing.unsure.is_empty() => StartChoice { name, possible: Known::Yes, how, fix },
        Ok(_) => {
            let how = format!("could not check {}", missing.unsure.join(" "));
            StartChoice { name, possible: Known::Unknown, how, fix }
        }
    }
}

fn resume(subject: Subject<'_>) -> Result<String, String> {
    let Some(info) = subject.info else { return Ok("as far back as the backlog reaches".into()) };
    if !info.has_backlog() {
        return Err("there is no backlog yet, so every position is a gap".into());
    }
    match info.number("repl_backlog_histlen") {
        Some(bytes) => Ok(format!("as far back as the backlog: {} now", HumanBytes(bytes))),
        None => Ok("as far back as the backlog reaches".into()),
    }
}

fn size(subject: Subject<'_>) -> String {
    match subject.number("used_memory_dataset").or(subject.number("used_memory")) {
        Some(bytes) => format!(", at most about {}", HumanBytes(bytes)),
        None => String::new(),
    }
}
