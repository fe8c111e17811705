//! Findings about limits for which the server disconnects a follower.

use indicatif::HumanBytes;

use crate::doctor::facts::OutputLimit;
use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if subject.facts.settings.denied {
        findings.push(
            Finding::unknown(
                "limits",
                "could not check output buffer, timeouts and persistence: CONFIG GET is not allowed",
            )
            .why(
                "they decide when a slow follower is disconnected, and whether a restart keeps the history; the \
                 defaults are fine",
            )
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
            Finding::warn(ABOUT, "no limit: the server keeps all writes in memory for a follower that stalls")
                .why("this lasts until its memory is full, or repl-timeout disconnects the follower")
                .fix(DEFAULT),
        );
    }
    let message = match (hard, soft) {
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
            Finding::warn(ABOUT, format!("{message}; this is less than the backlog of {}", HumanBytes(backlog)))
                .why(
                    "before 7.0 the server disconnects a follower that has to catch up with more than the hard limit, \
                     again and again",
                )
                .fix(format!(
                    "CONFIG SET client-output-buffer-limit \"replica {} {soft} {soft_seconds}\"",
                    backlog.saturating_mul(2)
                )),
        );
    }
    // Since 7.0 a hard limit below the size of the backlog counts as that size.
    let hard = if hard > 0 { hard.max(backlog) } else { 0 };
    let Some(rate) = subject.rate().filter(|rate| *rate > 0.0) else { return Some(Finding::good(ABOUT, message)) };
    let until_hard = if hard > 0 { hard as f64 / rate } else { f64::INFINITY };
    let until_soft = if soft > 0 { soft as f64 / rate + soft_seconds as f64 } else { f64::INFINITY };
    let stall = until_hard.min(until_soft);
    if stall >= 60.0 {
        return Some(Finding::good(
            ABOUT,
            format!("{message}; at the current rate this is a stall of {}", time(stall)),
        ));
    }
    let finding =
        Finding::warn(ABOUT, format!("{message}; at the current rate this is a stall of only {}", time(stall))).why(
            "the server disconnects a follower that stalls longer, and a snapshot that takes longer to send never \
             completes",
        );
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
    const ABOUT: &str = "timeouts";
    let settings = &subject.facts.settings;
    let mut findings = Vec::new();
    match settings.number("repl-timeout") {
        Some(seconds @ 0..10) => findings.push(
            Finding::warn(
                ABOUT,
                format!("the server disconnects a follower that is silent for {} (repl-timeout)", time(seconds as f64)),
            )
            .why("redtail acknowledges each second, so a short pause of network or machine costs a reconnect")
            .fix("CONFIG SET repl-timeout 60"),
        ),
        Some(seconds) => {
            findings.push(Finding::good(ABOUT, format!("repl-timeout {}", time(seconds as f64))));
        }
        None => {}
    }
    if let Some(seconds @ 60..) = settings.number("repl-ping-replica-period") {
        findings.push(
            Finding::warn(ABOUT, format!("the server pings its replicas only every {}", time(seconds as f64)))
                .why(
                    "redtail reconnects after 60 seconds of silence, so without writes it would reconnect again and \
                     again",
                )
                .fix("CONFIG SET repl-ping-replica-period 10"),
        );
    }
    findings
}
