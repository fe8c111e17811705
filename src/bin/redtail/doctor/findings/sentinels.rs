//! Findings about Sentinels.

use redtail::net::Target;
use redtail::topology::Found;

use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::finding::some_of;
use crate::doctor::sentinels::{SentinelReport, SentinelView};

const ABOUT: &str = "sentinel";

/// `found`: the server that they report.
pub(super) fn findings(name: &str, found: Option<&Found>, watchers: &[SentinelReport]) -> Vec<Finding> {
    let those: Vec<(&Target, &SentinelView)> =
        watchers.iter().filter_map(|watcher| Some((&watcher.target, watcher.says.as_ref().ok()?))).collect();
    let mut findings = Vec::new();
    findings.extend(found.map(|found| leads(name, found, &those, watchers.len())));
    findings.extend(silent(watchers));
    findings.extend(strangers(name, &those));
    findings.extend(disagreement(name, &those));
    findings.extend(down(name, &those));
    findings.extend(quorum(name, &those));
    findings.extend(acquaintance(&those));
    findings
}

/// Commands with the names that the Sentinels know.
pub(super) fn known_names(watchers: &[SentinelReport], sentinels: &str) -> Vec<String> {
    let names = watchers.iter().filter_map(|watcher| watcher.says.as_ref().ok()).flat_map(|watch| &watch.names);
    let mut names: Vec<_> = names.filter(|name| *name != "?").collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| format!("redtail doctor {sentinels}/{name}")).collect()
}

fn leads(name: &str, found: &Found, those: &[(&Target, &SentinelView)], all: usize) -> Finding {
    let what = if found.is_replica { "a replica of" } else { "the primary" };
    let who = match all {
        0 | 1 => format!("{} says", found.told_by),
        all => {
            let agree = those.iter().filter(|(_, watch)| {
                found.is_replica || watch.primary.as_deref() == Some(found.target.to_string().as_str())
            });
            format!("{} of {all} Sentinels say", agree.count())
        }
    };
    Finding::good(ABOUT, format!("{who} that {what} {name} is at {}", found.target))
}

fn silent(watchers: &[SentinelReport]) -> Option<Finding> {
    let silent: Vec<_> = watchers.iter().filter_map(|it| Some((&it.target, it.says.as_ref().err()?))).collect();
    let (target, words) = silent.first()?;
    let what = match silent.len() {
        1 => format!("{target} can't be asked: {words}"),
        count => format!("{count} of {} can't be asked: {}", watchers.len(), names(silent.iter().map(|it| it.0))),
    };
    let rest = watchers.len() - silent.len();
    let why = match rest > watchers.len() / 2 {
        true => "the others tell where the primary is; if it is gone for good, they are to forget it",
        false => {
            "those that are left are no majority: if that is so for them, too, a primary that dies is not replaced"
        }
    };
    let finding = Finding::warn(ABOUT, what).why(why);
    Some(match target {
        Target::Tcp { host, port } => finding.fix(format!("redis-cli -h {host} -p {port} PING")),
        Target::Unix(_) => finding,
    })
}

fn strangers(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let strangers: Vec<_> = those.iter().filter(|(_, watch)| watch.primary.is_none()).map(|it| it.0).collect();
    let is_all = strangers.len() == those.len();
    let know = if strangers.len() == 1 { "does" } else { "do" };
    (!strangers.is_empty() && !is_all).then(|| {
        Finding::warn(ABOUT, format!("{} {know} not know the name {name}", names(strangers.iter().copied())))
            .why("it has no say in a failover")
            .fix(format!("SENTINEL MONITOR {name} HOST PORT QUORUM   # there"))
    })
}

fn disagreement(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let places = distinct(those, |watch| watch.primary.clone());
    if places.len() > 1 {
        let each = places.iter().map(|(place, who)| format!("{place} ({})", names(who.iter().copied())));
        return Some(
            Finding::warn(ABOUT, format!("they disagree where {name} is: {}", each.collect::<Vec<_>>().join(", ")))
                .why("within a failover that passes. If it stays, they watch different servers: redtail believes the first that answers, and writes may go to either")
                .fix(format!("SENTINEL MASTER {name}   # on each: the highest epoch is right"))
                .fix(format!("SENTINEL REMOVE {name}   # where it is wrong; then MONITOR")),
        );
    }
    let epochs = distinct(those, |watch| watch.epoch);
    (epochs.len() > 1).then(|| {
        let each = epochs.iter().map(|(epoch, who)| format!("{epoch} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("their config epochs differ: {}", each.collect::<Vec<_>>().join(", ")))
            .why("those with a lower one have not heard of the last failover: the Sentinels do not reach each other, or not the servers")
            .fix(format!("SENTINEL CKQUORUM {name}   # on each"))
    })
}

fn down(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let says = |flag: &str| {
        let who: Vec<_> =
            those.iter().filter(|(_, watch)| watch.flags.iter().any(|it| it == flag)).map(|it| it.0).collect();
        (!who.is_empty()).then(|| names(who.into_iter()))
    };
    if let Some(who) = says("failover_in_progress") {
        return Some(
            Finding::warn(ABOUT, format!("a failover is under way, says {who}"))
                .why("once it is done, redtail goes on at the new primary"),
        );
    }
    let who = says("o_down").or_else(|| says("s_down"))?;
    Some(
        Finding::warn(ABOUT, format!("{who} can't reach {name}, and takes it for down"))
            .why("if enough of them agree, another server becomes the primary; if only some can't, the network between is broken")
            .fix(format!("SENTINEL MASTER {name}   # there: flags, last-ok-ping-reply")),
    )
}

fn quorum(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let without: Vec<_> =
        those.iter().filter_map(|(target, watch)| Some((*target, watch.no_quorum.as_ref()?))).collect();
    if let Some((target, words)) = without.first() {
        let words = words.strip_prefix("NOQUORUM ").unwrap_or(words);
        let finding = Finding::warn(ABOUT, format!("there could be no failover, says {target}: {words}"));
        return Some(
            finding.why("a failover needs as many Sentinels as the quorum says, and a majority of all that were ever known; if the primary dies now, it stays dead")
                .fix(format!("SENTINEL RESET {name}   # on each in turn, if some are gone for good")),
        );
    }
    let quorums = distinct(those, |watch| watch.quorum);
    (quorums.len() > 1).then(|| {
        let each = quorums.iter().map(|(quorum, who)| format!("{quorum} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("their quorums differ: {}", each.collect::<Vec<_>>().join(", ")))
            .why("which of them counts depends on who notices first that the primary is down")
            .fix(format!("SENTINEL SET {name} quorum N   # on each"))
    })
}

/// Each Sentinel should know all others.
fn acquaintance(those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let counts = distinct(those, |watch| watch.primary.as_ref().map(|_| watch.others.len()));
    (counts.len() > 1).then(|| {
        let each = counts.iter().map(|(count, who)| format!("{count} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("they know different numbers of others: {}", each.collect::<Vec<_>>().join(", ")))
            .why("they meet at the primary, so that they hear of each other within seconds; who is not heard of counts for no majority")
    })
}

/// The different answers, and the Sentinels that gave them.
fn distinct<'a, T: PartialEq>(
    those: &[(&'a Target, &SentinelView)],
    answer: impl Fn(&SentinelView) -> Option<T>,
) -> Vec<(T, Vec<&'a Target>)> {
    let mut found: Vec<(T, Vec<&Target>)> = Vec::new();
    for (target, watch) in those {
        let Some(answer) = answer(watch) else { continue };
        match found.iter_mut().find(|(one, _)| *one == answer) {
            Some((_, who)) => who.push(target),
            None => found.push((answer, vec![target])),
        }
    }
    found
}

/// The first few addresses, and the number of further ones.
fn names<'a>(targets: impl Iterator<Item = &'a Target>) -> String {
    some_of(targets.map(Target::to_string))
}
