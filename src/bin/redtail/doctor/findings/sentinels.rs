//! Findings about Sentinels.

use redtail::net::Target;
use redtail::topology::FoundServer;

use crate::doctor::findings::finding::{Finding, some_of};
use crate::doctor::sentinels::{SentinelReport, SentinelView};

const ABOUT: &str = "sentinel";

/// `found`: the server that they report.
pub(super) fn findings(name: &str, found: Option<&FoundServer>, reports: &[SentinelReport]) -> Vec<Finding> {
    let those: Vec<(&Target, &SentinelView)> =
        reports.iter().filter_map(|report| Some((&report.target, report.answers.as_ref().ok()?))).collect();
    let mut findings = Vec::new();
    findings.extend(found.map(|found| leads(name, found, &those, reports.len())));
    findings.extend(silent(reports));
    findings.extend(strangers(name, &those));
    findings.extend(disagreement(name, &those));
    findings.extend(down(name, &those));
    findings.extend(quorum(name, &those));
    findings.extend(acquaintance(&those));
    findings.extend(subscription(&those));
    findings
}

/// Commands with the names that the Sentinels know.
pub(super) fn known_names(reports: &[SentinelReport], sentinels: &str) -> Vec<String> {
    let names = reports.iter().filter_map(|report| report.answers.as_ref().ok()).flat_map(|view| &view.names);
    let mut names: Vec<_> = names.filter(|name| *name != "?").collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| format!("redtail doctor {sentinels}/{name}")).collect()
}

fn leads(name: &str, found: &FoundServer, those: &[(&Target, &SentinelView)], all: usize) -> Finding {
    let what = if found.is_replica { "a replica of" } else { "the primary" };
    let who = match all {
        0 | 1 => format!("{} says", found.told_by),
        all => {
            let agree = those.iter().filter(|(_, view)| {
                found.is_replica || view.primary.as_deref() == Some(found.target.to_string().as_str())
            });
            format!("{} of {all} Sentinels say", agree.count())
        }
    };
    Finding::good(ABOUT, format!("{who} that {what} {name} is {}", found.target))
}

fn silent(reports: &[SentinelReport]) -> Option<Finding> {
    let silent: Vec<_> = reports.iter().filter_map(|it| Some((&it.target, it.answers.as_ref().err()?))).collect();
    let (target, message) = silent.first()?;
    let what = match silent.len() {
        1 => format!("{target} does not answer: {message}"),
        count => format!("{count} of {} do not answer: {}", reports.len(), names(silent.iter().map(|it| it.0))),
    };
    let rest = reports.len() - silent.len();
    let why = match rest > reports.len() / 2 {
        true => "the others know the primary; if this one is gone for good, reset the others",
        false => "the rest is no majority: a primary that fails may not be replaced",
    };
    let finding = Finding::warn(ABOUT, what).why(why);
    Some(match target {
        Target::Tcp { host, port } => finding.fix(format!("redis-cli -h {host} -p {port} PING")),
        _ => finding,
    })
}

fn strangers(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let strangers: Vec<_> = those.iter().filter(|(_, view)| view.primary.is_none()).map(|it| it.0).collect();
    let is_all = strangers.len() == those.len();
    let know = if strangers.len() == 1 { "does" } else { "do" };
    (!strangers.is_empty() && !is_all).then(|| {
        Finding::warn(ABOUT, format!("{} {know} not know the name {name}", names(strangers.iter().copied())))
            .why("it takes no part in a failover")
            .fix(format!("SENTINEL MONITOR {name} HOST PORT QUORUM   # there"))
    })
}

fn disagreement(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let addresses = distinct(those, |view| view.primary.clone());
    if addresses.len() > 1 {
        let each = addresses.iter().map(|(address, who)| format!("{address} ({})", names(who.iter().copied())));
        return Some(
            Finding::warn(
                ABOUT,
                format!("they disagree on the address of {name}: {}", each.collect::<Vec<_>>().join(", ")),
            )
            .why(
                "this is temporary during a failover. If it stays, they watch different servers: redtail follows the \
                 first answer, and clients may write to either server",
            )
            .fix(format!("SENTINEL MASTER {name}   # on each; the highest epoch is right"))
            .fix(format!("SENTINEL REMOVE {name}   # where it is wrong; then MONITOR")),
        );
    }
    let epochs = distinct(those, |view| view.epoch);
    (epochs.len() > 1).then(|| {
        let each = epochs.iter().map(|(epoch, who)| format!("{epoch} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("their config epochs differ: {}", each.collect::<Vec<_>>().join(", ")))
            .why(
                "those with a lower epoch missed the last failover: they can't reach the other Sentinels or the \
                 servers",
            )
            .fix(format!("SENTINEL CKQUORUM {name}   # on each"))
    })
}

fn down(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let says = |flag: &str| {
        let who: Vec<_> =
            those.iter().filter(|(_, view)| view.flags.iter().any(|it| it == flag)).map(|it| it.0).collect();
        (!who.is_empty()).then(|| names(who.into_iter()))
    };
    if let Some(who) = says("failover_in_progress") {
        return Some(
            Finding::warn(ABOUT, format!("a failover is in progress according to {who}"))
                .why("redtail continues at the new primary afterwards"),
        );
    }
    let who = says("o_down").or_else(|| says("s_down"))?;
    Some(
        Finding::warn(ABOUT, format!("{who} can't reach {name} and regards it as down"))
            .why(
                "if enough of them agree, another server becomes the primary; if only some of them can't, check the \
                 network between",
            )
            .fix(format!("SENTINEL MASTER {name}   # there: flags, last-ok-ping-reply")),
    )
}

fn quorum(name: &str, those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let without: Vec<_> = those.iter().filter_map(|(target, view)| Some((*target, view.no_quorum.as_ref()?))).collect();
    if let Some((target, message)) = without.first() {
        let message = message.strip_prefix("NOQUORUM ").unwrap_or(message);
        let finding = Finding::warn(ABOUT, format!("a failover is impossible according to {target}: {message}"));
        return Some(
            finding
                .why(
                    "a failover needs the quorum, and a majority of all Sentinels ever known; if the primary fails \
                     now, it is not replaced",
                )
                .fix(format!("SENTINEL RESET {name}   # on each in turn, if some are gone for good")),
        );
    }
    let quorums = distinct(those, |view| view.quorum);
    (quorums.len() > 1).then(|| {
        let each = quorums.iter().map(|(quorum, who)| format!("{quorum} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("their quorums differ: {}", each.collect::<Vec<_>>().join(", ")))
            .why("the quorum of the Sentinel that first notices a dead primary counts")
            .fix(format!("SENTINEL SET {name} quorum N   # on each"))
    })
}

/// Each Sentinel should know all others.
fn acquaintance(those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let counts = distinct(those, |view| view.primary.as_ref().map(|_| view.others.len()));
    (counts.len() > 1).then(|| {
        let each = counts.iter().map(|(count, who)| format!("{count} ({})", names(who.iter().copied())));
        Finding::warn(ABOUT, format!("they know different numbers of others: {}", each.collect::<Vec<_>>().join(", ")))
            .why(
                "Sentinels discover each other through the primary within seconds; one that is unknown counts for no \
                 majority",
            )
    })
}

fn subscription(those: &[(&Target, &SentinelView)]) -> Option<Finding> {
    let denying: Vec<_> = those.iter().filter_map(|(at, view)| Some((*at, view.no_subscription.as_ref()?))).collect();
    let (_, message) = denying.first()?;
    let deny = if denying.len() == 1 { "denies" } else { "deny" };
    let who = names(denying.iter().map(|it| it.0));
    Some(
        Finding::warn(ABOUT, format!("{who} {deny} SUBSCRIBE: {message}"))
            .why("a follower asks the Sentinels every 5 s instead, and notices a failover later")
            .fix("ACL SETUSER USER +subscribe &+switch-master   # on each of them"),
    )
}

/// The different answers, and the Sentinels that gave them.
fn distinct<'a, T: PartialEq>(
    those: &[(&'a Target, &SentinelView)],
    answer: impl Fn(&SentinelView) -> Option<T>,
) -> Vec<(T, Vec<&'a Target>)> {
    let mut found: Vec<(T, Vec<&Target>)> = Vec::new();
    for (target, view) in those {
        let Some(answer) = answer(view) else { continue };
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
