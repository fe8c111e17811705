//! Findings about other replicas, and about redtail as a replica.

use crate::doctor::facts::Replica;
use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(info) = subject.info {
        findings.push(others(&info.replicas()));
    }
    findings.push(ours(subject));
    findings
}

fn others(replicas: &[Replica]) -> Finding {
    const ABOUT: &str = "replicas";
    const SHOWN: usize = 3;
    let each = replicas.iter().take(SHOWN).map(|replica| {
        let lag = replica.lag.map(|lag| format!(", last ACK {lag} s ago")).unwrap_or_default();
        format!("{} ({}{lag})", replica.address, replica.state)
    });
    let each = each.collect::<Vec<_>>().join(", ");
    match replicas.len() {
        0 => Finding::good(ABOUT, "no other replicas"),
        count @ ..=SHOWN => Finding::good(ABOUT, format!("{count}: {each}")),
        count => Finding::good(ABOUT, format!("{count}: {each}, ...")),
    }
}

/// The policy is `observe` unless --ack says otherwise.
fn ours(subject: Subject<'_>) -> Finding {
    const ABOUT: &str = "redtail";
    let settings = &subject.facts.settings;
    // INFO has this field if both settings are greater than 0.
    if subject.number("min_slaves_good_slaves").is_some() && !subject.is_replica() {
        return Finding::warn(ABOUT, "min-replicas-to-write would count redtail as a replica with the data")
            .why(
                "it counts every connected replica, and redtail stores nothing: writes would be accepted with one \
                 replica too few",
            )
            .fix(format!("redtail tail {}   # same stream, not counted", subject.replica()));
    }
    let shutdown = match (subject.is_replica(), settings.number("shutdown-timeout")) {
        (false, Some(seconds @ 1..)) => format!("; SHUTDOWN waits up to {} for redtail", time(seconds as f64)),
        _ => String::new(),
    };
    Finding::good(ABOUT, format!("WAIT and FAILOVER do not count redtail{shutdown}")).why(
        "with --ack applied they do: WAIT then waits for the checkpoint, and a plain FAILOVER may choose redtail, \
         which leaves the server read-only until FAILOVER ABORT",
    )
}
