//! Findings about the kind and state of a server.

use redtail::Product;

use crate::doctor::facts::{Info, Known, address};
use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;
use crate::doctor::kind::{Family, ServerKind};

/// The subject of the finding about the kind of server. If that is bad, no other finding matters.
pub(super) const KIND: &str = "server";
const STATE: &str = "state";

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match (subject.info, &subject.facts.hello, subject.kind) {
        (Some(info), _, Some(kind)) => {
            findings.push(who(subject, info, kind));
            findings.extend(role(subject, info));
        }
        (None, Some(hello), Some(kind)) => {
            findings.push(who(subject, hello, kind));
            findings.extend(role_only(subject, hello));
            findings.extend(nothing(subject));
        }
        _ => findings.extend(nothing(subject)),
    }
    findings.extend(refuses(subject));
    findings
}

fn who(subject: Subject<'_>, info: &Info, kind: &ServerKind) -> Finding {
    let name = &kind.name;
    let service = kind.service.filter(|service| !name.starts_with(service));
    let described = match (service, info.number("uptime_in_seconds")) {
        (Some(service), _) => format!("{name}, run by {service}"),
        (None, Some(seconds)) => format!("{name}, up for {}", time(seconds as f64)),
        (None, None) => name.clone(),
    };
    let is_before = |redis| kind.server.is_some_and(|server| !server.is_since(Some(redis), Some((7, 2))));
    match kind.family {
        Family::Unsupported(why) => Finding::bad(KIND, format!("{name} can't be followed")).why(why),
        Family::Sentinel => sentinel(subject, name),
        Family::Unknown => {
            Finding::unknown(KIND, "INFO has no known server").why("only Redis, Valkey and their forks can be followed")
        }
        Family::Redis if info.get("rlec_version").is_some() => Finding::bad(KIND, format!("{name} can't be followed"))
            .why("its proxy has no PSYNC; Redis Cloud and Redis Enterprise replicate with a protocol of their own"),
        Family::Redis if is_before((2, 8)) => Finding::warn(KIND, described)
            .why("PSYNC exists since 2.8: --from sync is the only start, and it can't be resumed"),
        Family::Redis | Family::KeyDb if is_before((6, 2)) => Finding::warn(KIND, described)
            .why("redtail is tested with Redis 6.2 and later, and with Valkey; older servers may differ"),
        Family::KeyDb => Finding::warn(KIND, described).why(
            "redtail is not tested with KeyDB. With active-replica its writes arrive as RREPLAY, which redtail unwraps; \
             without it they arrive as from Redis 6",
        ),
        _ if kind.server.is_some_and(|server| server.is_newer_than_tested()) => {
            let newest = |product: Product| product.newest_tested();
            let ((redis, redis_minor), (valkey, valkey_minor)) = (newest(Product::Redis), newest(Product::Valkey));
            Finding::warn(KIND, described).why(format!(
                "it is newer than any release that redtail was tested with (Redis {redis}.{redis_minor}, Valkey \
                 {valkey}.{valkey_minor}); it may use commands, types and snapshots that redtail does not know"
            ))
        }
        _ => Finding::good(KIND, described),
    }
}

fn sentinel(subject: Subject<'_>, name: &str) -> Finding {
    let watched = &subject.facts.watched;
    let mut finding = Finding::bad(KIND, format!("this is a {name}, which holds no data"))
        .why("a Sentinel watches servers and has no replication; follow the primary that it watches");
    for (name, primary) in watched {
        let name = address(name, "");
        finding = finding.fix(format!("redtail doctor {}/{name}   # now {primary}", subject.as_sentinel()));
    }
    finding
}

fn role(subject: Subject<'_>, info: &Info) -> Option<Finding> {
    if !info.is_replica() {
        let failing_over = info.get("master_failover_state").filter(|state| *state != "no-failover");
        return Some(match failing_over {
            Some(state) => Finding::bad(STATE, format!("a FAILOVER is in progress ({state})"))
                .why("PSYNC is refused (NOMASTERLINK) until it completes or is aborted")
                .fix("FAILOVER ABORT"),
            None => Finding::good(STATE, "a primary"),
        });
    }
    let part = |name| info.get(name).unwrap_or_default();
    let primary = address(part("master_host"), part("master_port"));
    let elsewhere = format!("redtail doctor {}{primary}   # its primary", subject.scheme);
    if info.is("master_link_status", "up") {
        let finding = Finding::good(STATE, format!("a replica of {primary}, connected"));
        return Some(finding.why(
            "it forwards the stream of its primary; while it is disconnected no writes arrive, without a notice",
        ));
    }
    let doing = match info.number("master_sync_in_progress") {
        Some(1..) => "receiving a full resynchronisation".to_owned(),
        _ => match info.number("master_link_down_since_seconds") {
            Some(seconds) => format!("since {}", time(seconds as f64)),
            None => "not connected yet".to_owned(),
        },
    };
    Some(
        Finding::bad(STATE, format!("a replica of {primary}, disconnected ({doing})"))
            .why("it refuses PSYNC (NOMASTERLINK) until it is connected again; follow its primary, or wait")
            .fix(elsewhere),
    )
}

/// The role in HELLO.
fn role_only(subject: Subject<'_>, hello: &Info) -> Option<Finding> {
    match hello.is_replica() {
        // [`refuses`] reports it.
        true if subject.facts.refuses.as_deref().is_some_and(|message| message.starts_with("MASTERDOWN")) => None,
        true => Some(
            Finding::unknown(STATE, "a replica; could not check whether its primary is connected")
                .why("while it is not, it refuses PSYNC (NOMASTERLINK)"),
        ),
        false => Some(Finding::good(STATE, "a primary")),
    }
}

/// INFO is missing.
fn nothing(subject: Subject<'_>) -> Option<Finding> {
    let facts = if subject.facts.hello.is_some() { "" } else { "version, role, " };
    match subject.facts.may.info {
        Known::No => Some(
            Finding::unknown(KIND, format!("could not check {facts}backlog, replicas and memory: INFO is not allowed"))
                .why(
                    "this report needs INFO; following needs it for --from now-without-fork, and before 7.0 for the \
                     default start",
                )
                .fix(subject.allow(&["+info"])),
        ),
        // [`refuses`] reports the reason.
        _ if subject.facts.refuses.is_some() => None,
        _ => Some(Finding::unknown(KIND, "could not check the kind of server: INFO has no answer").why(
            "a proxy, a service or another program may answer; only Redis, Valkey and their forks can be followed",
        )),
    }
}

/// A temporary refusal in the answer to PING.
fn refuses(subject: Subject<'_>) -> Option<Finding> {
    let message = subject.facts.refuses.as_deref()?;
    let finding = if message.starts_with("LOADING") {
        let left =
            subject.number("loading_eta_seconds").map(|seconds| format!(", about {} left", time(seconds as f64)));
        let percent =
            subject.info.and_then(|info| info.get("loading_loaded_perc")).map(|percent| format!(", {percent} % done"));
        let (left, percent) = (left.unwrap_or_default(), percent.unwrap_or_default());
        Finding::bad(STATE, format!("it is loading its data{percent}{left}"))
            .why("PSYNC is refused (LOADING) until then; `redtail tail --reconnect forever` waits for it")
    } else if message.starts_with("BUSY") {
        Finding::bad(STATE, "busy with a script or function")
            .why("PSYNC is refused (BUSY) until it ends; `redtail tail --reconnect forever` waits for it")
            .fix("SCRIPT KILL   # or FUNCTION KILL; works until the first write")
    } else {
        // For MASTERDOWN, [`role`] reports the lost connection if INFO shows it.
        if subject.info.is_some() {
            return None;
        }
        Finding::bad(STATE, "a replica, disconnected from its primary")
            .why("it refuses PSYNC until it is connected again; follow its primary, or wait")
    };
    Some(finding)
}
