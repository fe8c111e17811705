//! Findings about the cost of a fork.

use indicatif::HumanBytes;

use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;

const ABOUT: &str = "fork";

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let Some(info) = subject.info else { return Vec::new() };
    if subject.is_forkless() {
        let what = "snapshots are made without a fork (forkless-infrastructure-enabled yes)";
        return vec![Finding::good(ABOUT, what)];
    }
    let mut findings = vec![cost(subject)];
    if info.is("rdb_last_bgsave_status", "err") {
        findings.push(
            Finding::warn(ABOUT, "the last background save failed")
                .why("a fork for a follower may fail too; see the server's log")
                .fix("BGSAVE   # then INFO persistence: rdb_last_bgsave_status"),
        );
    }
    if info.is("rdb_bgsave_in_progress", "1") || info.is("aof_rewrite_in_progress", "1") {
        findings.push(Finding::good(ABOUT, "a save or rewrite is in progress; a start that forks waits for its end"));
    }
    findings.extend(memory(subject));
    findings
}

fn cost(subject: Subject<'_>) -> Finding {
    let memory =
        subject.number("used_memory").map_or_else(String::new, |bytes| format!("{} in memory", HumanBytes(bytes)));
    let last = match subject.number("latest_fork_usec") {
        None => String::new(),
        Some(0) => ", has not forked yet".into(),
        Some(us) => format!(", its last fork took {}.{} ms", us / 1000, us / 100 % 10),
    };
    let settings = &subject.facts.settings;
    let sent = match settings.get("repl-diskless-sync") {
        Some("no") => "; snapshots are saved on its disk first".to_owned(),
        Some("yes") => match settings.number("repl-diskless-sync-delay") {
            Some(1..) => format!(
                "; snapshots are sent directly, after {} (repl-diskless-sync-delay)",
                time(settings.number("repl-diskless-sync-delay").unwrap_or(0) as f64)
            ),
            _ => "; snapshots are sent directly".to_owned(),
        },
        _ => String::new(),
    };
    let what = format!("{memory}{last}{sent}");
    match subject.number("latest_fork_usec") {
        Some(500_000..) => Finding::warn(ABOUT, what).why(
            "the server is blocked during a fork; --from now-without-fork and positions within the backlog need no \
             fork",
        ),
        _ => Finding::good(ABOUT, what),
    }
}

/// A fork shares memory until one side writes. In the worst case it needs the memory twice.
fn memory(subject: Subject<'_>) -> Option<Finding> {
    let used = subject.number("used_memory_rss").or(subject.number("used_memory"))?;
    let total = subject.number("total_system_memory").filter(|total| *total > 0);
    if subject.facts.overcommit == Some(2)
        || (subject.facts.overcommit == Some(0) && total.is_some_and(|total| used > total / 2))
    {
        return Some(
            Finding::warn(ABOUT, "the system may refuse a fork (vm.overcommit_memory is not 1)")
                .why("the kernel reserves all of the server's memory a second time for a fork")
                .fix("sysctl vm.overcommit_memory=1   # on the server's host"),
        );
    }
    let total = total.filter(|total| used > total / 2)?;
    Some(
        Finding::warn(ABOUT, format!("it uses {} of {} of memory", HumanBytes(used), HumanBytes(total)))
            .why("a snapshot needs up to as much again if all keys are written meanwhile; let a replica make it")
            .fix(format!("redtail tail {} --from snapshot   # same stream", subject.replica())),
    )
}
