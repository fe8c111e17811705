//! Findings about a cluster.

use std::collections::BTreeSet;

use redtail::topology::Slots;

use crate::doctor::cluster::facts::{Asked, ClusterFacts, Denied, Seen};
use crate::doctor::facts::{Facts, Known};
use crate::doctor::findings;
use crate::doctor::findings::finding::{Finding, Severity, some_of};
use crate::doctor::findings::starts::StartChoice;

const ABOUT: &str = "cluster";
const NODES: &str = "nodes";
const SHARD: &str = "shard";

/// The maximum number of shards with a line each.
const SHOWN: usize = 8;
/// The maximum number of similar findings.
const MOST_ALIKE: usize = 3;

pub(in super::super) fn all(cluster: &ClusterFacts, target: &str, scheme: &str) -> Vec<Finding> {
    let mut all = vec![whole(cluster)];
    all.extend(coverage(cluster, target));
    all.extend(order(cluster, target));
    all.extend(permission(cluster));
    all.extend(unreachable(cluster, scheme));
    all.extend(others(cluster));
    all.extend(agreement(cluster, target));
    all.extend(shards(cluster, scheme));
    all
}

/// The server answers, but not as a node of a cluster.
pub(super) fn no_cluster(message: &str, facts: &Facts, target: &str, denied: Denied) -> Finding {
    if denied.shards || denied.slots {
        let rules = "+cluster|shards +cluster|slots +cluster|info +cluster|myid +role";
        return Finding::bad(ABOUT, format!("the user {} may not ask for the nodes of the cluster", facts.user))
            .why("the shards are found with CLUSTER SHARDS (before 7.0 CLUSTER SLOTS); each node has an ACL of its own")
            .fix(format!("ACL SETUSER {} {rules}", facts.user));
    }
    Finding::bad(ABOUT, format!("not a node of a cluster: {message}"))
        .why("--cluster needs servers with cluster-enabled yes")
        .fix(format!("redtail doctor {target}"))
}

/// The starts that are possible for all shards.
pub(in super::super) fn starts(cluster: &ClusterFacts, target: &str) -> Vec<StartChoice> {
    let mut merged: Vec<StartChoice> = Vec::new();
    for (at, node) in primaries(cluster).enumerate() {
        let starts = node.itself().map(|seen| findings::starts(&seen.facts, target)).unwrap_or_default();
        let of_shards = ["now", "now-without-fork", "snapshot"];
        let starts: Vec<_> = starts.into_iter().filter(|start| of_shards.contains(&start.name)).collect();
        if at == 0 {
            merged = starts;
            continue;
        }
        // A start must be possible for every shard.
        merged.retain(|start| starts.iter().any(|one| one.name == start.name));
        for start in &mut merged {
            let Some(one) = starts.iter().find(|one| one.name == start.name).cloned() else { continue };
            let both = Known::all(&[start.possible, one.possible]);
            if both != start.possible {
                *start = StartChoice { how: format!("{}: {}", node.node.target, one.how), ..one };
            }
        }
    }
    for start in merged.iter_mut().filter(|start| start.possible == Known::Yes) {
        start.how = match start.name {
            "now" if start.how.starts_with("forks") => "each primary forks once and sends no data".into(),
            "snapshot" if start.how.starts_with("forks") => "each primary forks and sends everything".into(),
            _ => std::mem::take(&mut start.how),
        };
    }
    merged
}

fn primaries(cluster: &ClusterFacts) -> impl Iterator<Item = &Asked> {
    cluster.nodes.iter().filter(|node| node.is_primary)
}

fn seen(cluster: &ClusterFacts) -> impl Iterator<Item = (&Asked, &Seen)> {
    cluster.nodes.iter().filter_map(|node| Some((node, node.itself()?)))
}

/// The nodes at whose address another node answers, with its id.
fn elsewhere(cluster: &ClusterFacts) -> impl Iterator<Item = (&Asked, &str)> {
    cluster.nodes.iter().filter(|node| node.itself().is_none()).filter_map(|node| {
        let seen = node.seen.as_ref().ok()?;
        Some((node, seen.id.as_deref()?))
    })
}

fn whole(cluster: &ClusterFacts) -> Finding {
    let kinds: BTreeSet<String> =
        seen(cluster).filter_map(|(_, seen)| seen.facts.kind()).map(|kind| kind.name).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", some_of(kinds.into_iter())) };
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (shards, nodes) = (plural(cluster.topology.shards.len(), "shard"), plural(cluster.nodes.len(), "node"));
    match cluster.topology.shards.is_empty() {
        true => Finding::bad(ABOUT, "it knows of no shard").why("a node that has met no other and has no slots yet"),
        false => Finding::good(ABOUT, format!("{shards}, {nodes}{kinds}")),
    }
}

fn coverage(cluster: &ClusterFacts, target: &str) -> Option<Finding> {
    let open = Slots::from_ranges([(0, 16_383)]).without(&cluster.topology.slots());
    if open.is_empty() || cluster.topology.shards.is_empty() {
        return None;
    }
    let ranges = some_of(open.ranges().iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    }));
    Some(
        Finding::warn("slots", format!("{} of 16384 slots have no node: {ranges}", open.len()))
            .why("they can't be written; with cluster-require-full-coverage yes, no slot can be")
            .fix(check(target, "fix")),
    )
}

/// The `redis-cli --cluster` command `what`.
fn check(target: &str, what: &str) -> String {
    match target.strip_prefix("rediss://") {
        Some(address) => format!("redis-cli --tls --cluster {what} {address}"),
        None => format!("redis-cli --cluster {what} {target}"),
    }
}

fn order(cluster: &ClusterFacts, target: &str) -> Option<Finding> {
    let fails: Vec<_> = seen(cluster).filter(|(_, seen)| seen.is_in_order == Some(false)).collect();
    let all = seen(cluster).filter(|(_, seen)| seen.is_in_order.is_some()).count();
    if fails.is_empty() {
        return None;
    }
    let names = || some_of(fails.iter().map(|(node, _)| node.node.target.to_string()));
    let why = "redtail does not follow a primary in this state, since it may have been replaced";
    Some(match fails.len() == all {
        true => Finding::bad(ABOUT, "the cluster is down (cluster_state:fail)").why(why).fix(check(target, "check")),
        false => Finding::warn(ABOUT, format!("the cluster is down according to {}", names()))
            .why(format!("{why}; these nodes can't reach most of the others"))
            .fix(check(target, "check")),
    })
}

fn permission(cluster: &ClusterFacts) -> Option<Finding> {
    let Denied { shards, slots, info, role, myid } = cluster.denied;
    // CLUSTER SLOTS is asked if CLUSTER SHARDS is denied or unknown.
    let needs = [
        ("+cluster|shards", shards),
        ("+cluster|slots", slots),
        ("+cluster|info", info),
        ("+cluster|myid", myid),
        ("+role", role),
    ];
    let missing: Vec<_> = needs.into_iter().filter_map(|(rule, is_denied)| is_denied.then_some(rule)).collect();
    if missing.is_empty() {
        return None;
    }
    let user = seen(cluster).map(|(_, seen)| seen.facts.user.as_str()).next().unwrap_or("default");
    let why = match info || role {
        _ if myid => "redtail follows no node that does not tell its id: another node may be at its address",
        true => {
            "without CLUSTER INFO and ROLE redtail may follow a node that was replaced; and each denial is an entry \
             in the ACL LOG"
        }
        false => {
            "without CLUSTER SHARDS primaries without slots and nodes that are down are unknown; and each denial is \
             an entry in the ACL LOG"
        }
    };
    let what = format!("the user {user} lacks {} on at least one node", missing.join(" "));
    let finding = if myid { Finding::bad("permission", what) } else { Finding::warn("permission", what) };
    Some(finding.why(why).fix(format!("ACL SETUSER {user} {}", missing.join(" "))))
}

/// Addresses at which another node answers, or a server that is no node.
fn others(cluster: &ClusterFacts) -> Vec<Finding> {
    let found = elsewhere(cluster).map(|(asked, actual)| {
        let what = format!("{} is announced as node {}, but answers: {actual}", asked.node.target, asked.node.id);
        let finding = if asked.is_primary { Finding::bad(NODES, what) } else { Finding::warn(NODES, what) };
        finding
            .why("the address leads to another server (stale address, NAT, load balancer); redtail does not follow it")
            .fix("CONFIG GET cluster-announce*")
    });
    alike(found.collect())
}

fn unreachable(cluster: &ClusterFacts, scheme: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for asked in &cluster.nodes {
        let Err(error) = &asked.seen else { continue };
        let target = format!("{scheme}{}", asked.node.target);
        let Finding { what, why, fix, .. } = findings::unreachable(error, &target, None);
        let says_up = if asked.node.is_up { "" } else { "; the other nodes agree" };
        let mut finding = match asked.is_primary {
            true => {
                let slots = cluster.topology.shards.get(asked.shard).map(|shard| shard.slots.len()).unwrap_or_default();
                let what = format!("{} has no reachable primary for {slots} slots: {what}{says_up}", asked.node.target);
                Finding::bad(SHARD, what)
            }
            false => Finding::warn(NODES, format!("the replica {}: {what}{says_up}", asked.node.target)),
        };
        finding.fix = fix;
        found.push(if asked.is_primary || why.is_empty() {
            finding.why(why)
        } else {
            finding.why(format!("it can't replace its primary; {why}"))
        });
    }
    alike(found)
}

/// The primaries and their slots, as a node sees them.
fn view(seen: &Seen) -> Option<Vec<(String, String)>> {
    let shards = seen.view.as_ref()?.shards.iter();
    let shards = shards.filter(|shard| !shard.slots.is_empty());
    let mut shards: Vec<_> = shards.map(|shard| (shard.primary.id.clone(), shard.slots.to_string())).collect();
    shards.sort();
    Some(shards)
}

fn agreement(cluster: &ClusterFacts, target: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let views: Vec<_> = seen(cluster).filter_map(|(node, seen)| Some((node, view(seen)?))).collect();
    let votes = |one: &Vec<(String, String)>| views.iter().filter(|(_, other)| other == one).count();
    if let Some((_, most)) = views.iter().max_by_key(|(_, view)| votes(view)) {
        let others: Vec<_> = views.iter().filter(|(_, view)| view != most).collect();
        found.push(match others.len() {
            0 if elsewhere(cluster).next().is_some() => return found,
            0 => Finding::good(NODES, format!("all {} that answer agree on primaries and slots", views.len())),
            count => {
                let names = some_of(others.iter().map(|(node, _)| node.node.target.to_string()));
                Finding::warn(
                    NODES,
                    format!("{count} of {} report other primaries or slots than the rest: {names}", views.len()),
                )
                .why(
                    "this lasts seconds while slots move or a shard fails over; if it stays, the nodes are \
                     disconnected, and redtail follows the first answer",
                )
                .fix(check(target, "check"))
            }
        });
    }
    let wrong = |asked: &Asked, seen: &Seen| asked.is_primary && seen.is_replica == Some(true);
    let wrong: Vec<_> = seen(cluster).filter(|(node, seen)| wrong(node, seen)).collect();
    if !wrong.is_empty() {
        let names = some_of(wrong.iter().map(|(node, _)| node.node.target.to_string()));
        found.push(
            Finding::warn(NODES, format!("listed as a primary, but reports that it is a replica: {names}"))
                .why("not all nodes know of a failover yet; redtail waits until they do")
                .fix(check(target, "check")),
        );
    }
    found
}

/// A line per shard, and the findings about its primary.
fn shards(cluster: &ClusterFacts, scheme: &str) -> Vec<Finding> {
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for asked in primaries(cluster) {
        let (Some(seen), Some(shard)) = (asked.itself(), cluster.topology.shards.get(asked.shard)) else { continue };
        let target = format!("{scheme}{}", asked.node.target);
        let all = findings::all(&seen.facts, &target, scheme);
        let backlog = all.iter().find(|finding| finding.about == "backlog");
        let backlog = backlog.map(|finding| format!("; backlog {}", finding.what)).unwrap_or_default();
        let replicas = match shard.replicas.len() {
            0 => "no replica".to_owned(),
            1 => "1 replica".to_owned(),
            count => format!("{count} replicas"),
        };
        let (target, slots) = (&asked.node.target, shard.slots.len());
        lines.push(Finding::good(SHARD, format!("{target}: {slots} slots, {replicas}{backlog}")));
        // The finding that it is a node of a cluster is left out.
        let problem =
            all.into_iter().filter(|it| (it.severity != Severity::Good || !it.fix.is_empty()) && it.about != ABOUT);
        problems.extend(problem.map(|finding| (asked.node.target.to_string(), finding)));
    }
    if lines.len() > SHOWN {
        lines.clear();
    }
    lines.extend(alike(grouped(problems, primaries(cluster).count())));
    lines
}

/// Merges equal findings of several shards.
fn grouped(findings: Vec<(String, Finding)>, shards: usize) -> Vec<Finding> {
    let mut groups: Vec<(Vec<String>, Finding)> = Vec::new();
    for (target, finding) in findings {
        let is_same = |one: &Finding| {
            (one.severity, one.about, &one.what, &one.why)
                == (finding.severity, finding.about, &finding.what, &finding.why)
        };
        match groups.iter_mut().find(|(_, one)| is_same(one)) {
            Some((targets, _)) => targets.push(target),
            None => groups.push((vec![target], finding)),
        }
    }
    let named = |(targets, finding): (Vec<String>, Finding)| {
        let who = match targets.len() {
            count if count == shards && count > 1 => "each shard".to_owned(),
            _ => some_of(targets.into_iter()),
        };
        Finding { what: format!("{who}: {}", finding.what), ..finding }
    };
    groups.into_iter().map(named).collect()
}

/// Limits similar findings that differ in numbers only.
fn alike(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    let mut left: Vec<(Severity, &'static str, usize)> = Vec::new();
    for finding in findings {
        let (severity, about) = (finding.severity, finding.about);
        if kept.iter().filter(|one| (one.severity, one.about) == (severity, about)).count() < MOST_ALIKE {
            kept.push(finding);
            continue;
        }
        match left.iter_mut().find(|(s, a, _)| (*s, *a) == (severity, about)) {
            Some((_, _, count)) => *count += 1,
            None => left.push((severity, about, 1)),
        }
    }
    for (severity, about, count) in left {
        kept.push(Finding {
            severity,
            about,
            what: format!("and {count} more like this"),
            why: "redtail doctor with the address of one node shows all findings".into(),
            fix: Vec::new(),
        });
    }
    kept
}
