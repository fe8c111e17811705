//! Findings about the backlog: the outage that can be resumed.

use indicatif::HumanBytes;

use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;

/// A backlog that covers fewer seconds is a warning. A restart of a machine takes about as long.
const ENOUGH: f64 = 300.0;
/// The advised coverage in seconds.
const PLENTY: f64 = 3600.0;
/// The largest advised size in bytes. Some servers allocate all of it at once.
const MOST: u64 = 1 << 30;

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let Some(info) = subject.info else { return Vec::new() };
    let mut findings = vec![backlog(subject)];
    findings.extend(freed(subject, info.replicas().is_empty()));
    findings.extend(restart(subject));
    findings
}

fn backlog(subject: Subject<'_>) -> Finding {
    const ABOUT: &str = "backlog";
    let Some(bytes) = subject.number("repl_backlog_size") else {
        return Finding::unknown(ABOUT, "could not check its size: it is not in INFO")
            .why("it decides after how long an outage a run can resume");
    };
    let size = HumanBytes(bytes);
    if !subject.info.is_some_and(|info| info.has_backlog()) {
        return Finding::unknown(ABOUT, format!("none yet; the first replica creates one of {size}"))
            .why("until then the offset does not grow, so the write rate could not be measured")
            .fix(format!("redtail doctor {}   # again, while redtail tail runs", subject.target));
    }
    let (Some(rate), Some((grown, measured))) = (subject.rate(), subject.facts.growth) else {
        return Finding::unknown(ABOUT, format!("{size}; the write rate could not be measured"))
            .why("it decides after how long an outage a run can resume");
    };
    if grown == 0 {
        return Finding::good(ABOUT, format!("{size}; no writes within {}", time(measured.as_secs_f64())))
            .why("measure the covered outage under load: --sample 60");
    }
    let covers = bytes as f64 / rate;
    let what =
        format!("{size}; at the current rate of {}/s it covers an outage of {}", HumanBytes(rate as u64), time(covers));
    if covers >= ENOUGH {
        return Finding::good(ABOUT, what);
    }
    let finding =
        Finding::warn(ABOUT, what).why("a longer outage is a gap: the writes in between are lost to the follower");
    let most =
        subject.number("total_system_memory").filter(|total| *total > 0).map_or(MOST, |total| MOST.min(total / 8));
    let megabytes = (((rate * PLENTY).min(most as f64) as u64).next_power_of_two().min(most) >> 20).max(1);
    if megabytes << 20 <= bytes {
        return finding;
    }
    let covers = time((megabytes << 20) as f64 / rate);
    finding.fix(format!("CONFIG SET repl-backlog-size {megabytes}mb   # covers {covers} at this rate"))
}

/// Whether the backlog is freed without a replica.
fn freed(subject: Subject<'_>, alone: bool) -> Option<Finding> {
    const ABOUT: &str = "alone";
    if subject.is_replica() || !alone {
        return None;
    }
    if subject.facts.settings.denied {
        // Reported with the other settings.
        return None;
    }
    let seconds = subject.facts.settings.number("repl-backlog-ttl")?;
    Some(match seconds {
        0 => Finding::good(ABOUT, "redtail would be the only replica; the backlog is never freed (repl-backlog-ttl 0)"),
        1..600 => Finding::warn(
            ABOUT,
            format!("redtail would be the only replica; an outage of {} loses the history", time(seconds as f64)),
        )
        .why("the backlog is freed repl-backlog-ttl after the last replica has left, and the next start is a gap")
        .fix("CONFIG SET repl-backlog-ttl 3600"),
        seconds => Finding::good(
            ABOUT,
            format!(
                "redtail would be the only replica; an outage of {} is a gap (repl-backlog-ttl)",
                time(seconds as f64)
            ),
        ),
    })
}

/// Whether a restart of the server ends the history.
fn restart(subject: Subject<'_>) -> Option<Finding> {
    const ABOUT: &str = "restart";
    if subject.is_replica() {
        return None;
    }
    let settings = &subject.facts.settings;
    let why = "followers then have a gap, or take a snapshot (--on-gap snapshot)";
    if !subject.is_since_7() {
        return Some(
            Finding::warn(ABOUT, "a restart of the server ends its history")
                .why(format!("before 7.0 this is always so; {why}")),
        );
    }
    let (save, aof) = (settings.get("save")?, settings.get("appendonly")?);
    Some(if aof == "yes" {
        Finding::warn(ABOUT, "a restart of the server ends its history")
            .why(format!("it loads its append-only file, which does not contain the history; {why}"))
    } else if save.is_empty() {
        Finding::warn(ABOUT, "a restart of the server ends its history")
            .why(format!("it saves no snapshot at shutdown; {why}"))
            .fix("CONFIG SET save \"3600 1\"   # a snapshot at SHUTDOWN keeps the history")
    } else {
        Finding::good(ABOUT, "a graceful restart of the server keeps its history, a crash ends it")
    })
}
