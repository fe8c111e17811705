//! Findings about limits for which the server disconnects a follower.

use indicatif::HumanBytes;

use crate::doctor::facts::OutputLimit;
use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if subject.facts.settings.denied {
        findings.push(
            Finding::unknown("limits", "could not check output buffer, time-outs, persistence: CONFIG GET is not allowed")
                .why("they decide when a slow follower is cut off, and what a restart does to the history; the defaults are well")
                .fix(subject.allow(&["+config|get"])),
        );
    }
    findings.extend(output(subject));
    findings.extend(timeouts(subject));
    findings
}

fn output(subject: Subject<'_>) -> Option<Finding> {
    const ABOUT: &str = "output buffer";
    let limit = subject.facts.settings.output_limit()?;
    let backlog = subject.number("repl_backlog_size").unwrap_or(0);
    let OutputLimit { hard, soft, soft_seconds } = limit;
    if hard == 0 && soft == 0 {
        return Some(
            Finding::warn(ABOUT, "no limit: a follower that stalls makes the server keep everything in memory")
                .why("until its memory is full, or repl-timeout ends the link of a follower that says nothing")
                .fix(DEFAULT),
        );
    }
    let words = match (hard, soft) {
        (_, 0) => format!("a follower may be {} behind", HumanBytes(hard)),
        (0, _) => format!("a follower may be {} behind for {}", HumanBytes(soft), time(soft_seconds as f64)),
        _ => format!(
            "a follower may be {} behind, or {} for {}",
            HumanBytes(hard),
            HumanBytes(soft),
            time(soft_seconds as f64)
        ),
    };
    if !subject.is_since_7() && hard > 0 && hard < backlog {
        return Some(
            Finding::warn(ABOUT, format!("{words}; that is less than the backlog of {}", HumanBytes(backlog)))
                .why("before 7.0 a resume that has more to catch up with than the hard limit is closed again and again")
                .fix(format!(
                    "CONFIG SET client-output-buffer-limit \"replica {} {soft} {soft_seconds}\"",
                    backlog.saturating_mul(2)
                )),
        );
    }
    // Since 7.0 a hard limit below the size of the backlog counts as that size.
    let hard = if hard > 0 { hard.max(backlog) } else { 0 };
    let Some(rate) = subject.rate().filter(|rate| *rate > 0.0) else { return Some(Finding::good(ABOUT, words)) };
    let until_hard = if hard > 0 { hard as f64 / rate } else { f64::INFINITY };
    let until_soft = if soft > 0 { soft as f64 / rate + soft_seconds as f64 } else { f64::INFINITY };
    let stall = until_hard.min(until_soft);
    if stall >= 60.0 {
        return Some(Finding::good(ABOUT, format!("{words}: at the present rate after a stall of {}", time(stall))));
    }
    let finding = Finding::warn(ABOUT, format!("{words}; at the present rate it is cut off after {}", time(stall)))
        .why("so long a follower may stall; a snapshot that takes longer to send never arrives");
    let total = subject.number("total_system_memory").filter(|total| *total > 0);
    let most = total.map_or(MOST, |total| MOST.min(total / 8));
    let megabytes = ((rate * PLENTY).min(most as f64) as u64).next_power_of_two().min(most) >> 20;
    Some(match (hard, megabytes << 20) {
        (0, wanted) if wanted > soft => {
            finding.fix(format!("CONFIG SET client-output-buffer-limit \"replica 0 {megabytes}mb 60\""))
        }
        (1.., wanted) if wanted > hard => {
            let soft = megabytes / 2;
            finding.fix(format!("CONFIG SET client-output-buffer-limit \"replica {megabytes}mb {soft}mb 60\""))
        }
        _ => finding,
    })
}

/// The advised stall that a limit allows, in seconds.
const PLENTY: f64 = 600.0;
/// The largest advised limit in bytes.
const MOST: u64 = 4 << 30;

const DEFAULT: &str = "CONFIG SET client-output-buffer-limit \"replica 256mb 64mb 60\"";

fn timeouts(subject: Subject<'_>) -> Vec<Finding> {
    const ABOUT: &str = "time-outs";
    let settings = &subject.facts.settings;
    let mut findings = Vec::new();
    match settings.number("repl-timeout") {
        Some(seconds @ 0..10) => findings.push(
            Finding::warn(
                ABOUT,
                format!("a follower that is silent for {} is dropped (repl-timeout)", time(seconds as f64)),
            )
            .why("we speak each second, so a short pause of network or machine is enough; each costs a reconnect")
            .fix("CONFIG SET repl-timeout 60"),
        ),
        Some(seconds) => {
            findings.push(Finding::good(ABOUT, format!("repl-timeout {}", time(seconds as f64))));
        }
        None => {}
    }
    if let Some(seconds @ 60..) = settings.number("repl-ping-replica-period") {
        findings.push(
            Finding::warn(ABOUT, format!("the server pings its replicas each {} only", time(seconds as f64)))
                .why("a link on which nothing comes for 60 seconds counts as dead: without writes we would reconnect again and again")
                .fix("CONFIG SET repl-ping-replica-period 10"),
        );
    }
    findings
}
