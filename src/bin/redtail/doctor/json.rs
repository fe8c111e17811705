//! The report as one JSON object.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::doctor::cluster::{Asked, ClusterFacts};
use crate::doctor::facts::{Facts, Known};
use crate::doctor::findings::finding::Severity;
use crate::doctor::findings::remedy::Remedy;
use crate::doctor::report::{Learned, Report, Verdict};
use crate::doctor::sentinels::SentinelReport;

pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "severity": severity(finding.severity),
            "about": finding.about,
            "what": finding.what,
            "why": finding.why,
            "fix": fix(&finding.fix),
        })
    });
    let starts = report.starts.iter().map(|start| {
        json!({"start": start.name, "possible": known(start.possible), "how": start.how, "fix": fix(&start.fix)})
    });
    let object = json!({
        "target": report.target,
        "verdict": match report.verdict() {
            Verdict::Good => "good",
            Verdict::Warnings => "warnings",
            Verdict::Impossible => "impossible",
        },
        "exit_code": report.verdict().code(),
        "findings": findings.collect::<Vec<_>>(),
        "starts": starts.collect::<Vec<_>>(),
        "facts": match &report.learned {
            Learned::Nothing => Value::Null,
            Learned::Server(server) => facts(server),
            Learned::Cluster(cluster) => of_cluster(cluster),
        },
        "sentinels": report.sentinels.iter().map(sentinel).collect::<Vec<_>>(),
    });
    writeln!(out, "{object}")
}

fn fix(remedies: &[Remedy]) -> Value {
    remedies.iter().map(|remedy| json!({"kind": remedy.kind.as_str(), "command": remedy.text})).collect()
}

/// The facts, for programs. Unknown facts are null.
fn facts(facts: &Facts) -> Value {
    let info = facts.info.as_ref();
    let kind = facts.kind();
    let number = |name| info.and_then(|info| info.number(name));
    let text = |name| info.and_then(|info| info.get(name));
    let rate = facts.growth.map(|(bytes, time)| bytes as f64 / time.as_secs_f64().max(0.001));
    let covers = rate.filter(|rate| *rate > 0.0).zip(number("repl_backlog_size"));
    let covers = covers.map(|(rate, size)| size as f64 / rate);
    let replicas = info.map(|info| {
        let each = |replica: super::facts::Replica| {
            json!({"address": replica.address, "state": replica.state, "lag_s": replica.lag})
        };
        info.replicas().into_iter().map(each).collect::<Vec<_>>()
    });
    let settings: Map<String, Value> =
        facts.settings.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "kind": kind.as_ref().map(|kind| kind.family.as_str()),
        "name": kind.as_ref().map(|kind| &kind.name),
        "role": text("role"),
        "user": facts.user,
        "may": {
            "psync": known(facts.may.psync),
            "replconf": known(facts.may.replconf),
            "ping": known(facts.may.ping),
            "info": known(facts.may.info),
            "sync": known(facts.may.sync),
        },
        "replid": text("master_replid"),
        "offset": number("master_repl_offset"),
        "backlog_active": info.map(super::facts::Info::has_backlog),
        "backlog_bytes": number("repl_backlog_size"),
        "bytes_per_second": rate,
        "backlog_covers_s": covers,
        "used_memory": number("used_memory"),
        "last_fork_us": number("latest_fork_usec"),
        "filtered_snapshots": facts.filters,
        "replicas": replicas,
        "settings": settings,
        "cluster": facts.cluster.as_ref().map(|cluster| json!({"slots": cluster.slots, "other_shards": cluster.others})),
    })
}

/// The facts of each primary. null if it could not be asked.
fn of_cluster(cluster: &ClusterFacts) -> Value {
    let of_shard = |shard: usize| cluster.nodes.iter().filter(move |node| node.shard == shard);
    let node = |asked: &Asked| {
        let address = asked.node.target.to_string();
        let answers_as = asked.seen.as_ref().ok().and_then(|seen| seen.id.as_ref());
        json!({"id": asked.node.id, "address": address, "reachable": asked.seen.is_ok(), "answers_as": answers_as})
    };
    let shards = cluster.topology.shards.iter().enumerate().map(|(at, shard)| {
        let primary = of_shard(at).find(|asked| asked.is_primary);
        json!({
            "slots": shard.slots.to_string(),
            "primary": primary.map(node),
            "replicas": of_shard(at).filter(|asked| !asked.is_primary).map(node).collect::<Vec<_>>(),
            "facts": primary.and_then(Asked::itself).map(|seen| facts(&seen.facts)),
        })
    });
    json!({"shards": shards.collect::<Vec<_>>()})
}

/// The answers of a Sentinel. null if it did not answer.
fn sentinel(sentinel: &SentinelReport) -> Value {
    let view = sentinel.answers.as_ref().ok();
    json!({
        "address": sentinel.target.to_string(),
        "error": sentinel.answers.as_ref().err(),
        "primary": view.and_then(|view| view.primary.as_ref()),
        "quorum": view.and_then(|view| view.quorum),
        "config_epoch": view.and_then(|view| view.epoch),
        "others": view.map(|view| view.others.len()),
        "flags": view.map(|view| &view.flags),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Warn => "warn",
        Severity::Bad => "bad",
        Severity::Unknown => "unknown",
        Severity::Note => "note",
    }
}

/// true, false, or null if unknown.
fn known(known: Known) -> Value {
    match known {
        Known::Yes => true.into(),
        Known::No => false.into(),
        Known::Unknown => Value::Null,
    }
}
