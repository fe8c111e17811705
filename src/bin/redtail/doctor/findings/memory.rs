//! Findings about the server's limit of memory, which counts the backlog.

use indicatif::HumanBytes;

use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::subject::Subject;

const ABOUT: &str = "memory";

/// Beside the backlog itself the server counts its index and the overhead of the allocator.
const OVERHEAD: u64 = 10;

pub(super) fn findings(subject: Subject<'_>) -> Option<Finding> {
    let limit = subject.number("maxmemory")?;
    if limit == 0 {
        return Some(Finding::good(ABOUT, "no limit (maxmemory 0)"));
    }
    // A replica always has a backlog, and by default does not enforce the limit.
    if subject.is_replica() {
        return None;
    }
    // Output buffers of replicas are part of the memory in use, but not of the memory that the server limits.
    let used = subject.number("used_memory")?.saturating_sub(subject.number("mem_not_counted_for_evict").unwrap_or(0));
    let room = limit.saturating_sub(used);
    let usage = format!("{} of {} in use (maxmemory), {} free", HumanBytes(used), HumanBytes(limit), HumanBytes(room));
    if subject.info.is_some_and(|info| info.has_backlog()) {
        return Some(Finding::good(ABOUT, format!("{usage}; the backlog exists already")));
    }
    let backlog = subject.number("repl_backlog_size")?;
    let needed = backlog.saturating_add(backlog / OVERHEAD);
    if room >= needed {
        return Some(Finding::good(
            ABOUT,
            format!("{usage}; the first replica creates a backlog of {}", HumanBytes(backlog)),
        ));
    }
    let policy = subject.info.and_then(|info| info.get("maxmemory_policy")).unwrap_or_default();
    let effect = match policy {
        "noeviction" => "refuses writes until memory is free",
        _ if policy.starts_with("volatile-") => "evicts keys that have an expiry time, and then refuses writes",
        _ => "evicts keys",
    };
    let finding = Finding::warn(
        ABOUT,
        format!(
            "{usage}; the first replica creates a backlog of {}, for which the server {effect}",
            HumanBytes(backlog)
        ),
    )
    .why(format!(
        "the backlog counts as memory in use (maxmemory-policy {policy}); redtail would be the first replica",
        policy = plain(policy),
    ))
    .fix(format!("CONFIG SET maxmemory {}   # makes room for the backlog", used.max(limit).saturating_add(needed)));
    Some(match room / (OVERHEAD + 1) * OVERHEAD {
        smaller @ LEAST.. => finding
            .fix(format!("CONFIG SET repl-backlog-size {}kb   # fits, and covers a shorter outage", smaller >> 10)),
        _ => finding,
    })
}

/// Servers do not allow a smaller backlog.
const LEAST: u64 = 16 << 10;

/// The name of a policy, or `?` if it is more than a name.
fn plain(policy: &str) -> &str {
    let is_plain = !policy.is_empty() && policy.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_plain { policy } else { "?" }
}
