//! Findings about permissions.

use crate::doctor::facts::Known;
use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::subject::Subject;

const ABOUT: &str = "permission";

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = renamed(subject);
    if findings.is_empty() {
        findings.push(permission(subject));
    }
    if subject.facts.may.ping == Known::No {
        findings.push(
            Finding::warn(ABOUT, "PING is not allowed")
                .why("following works without it, but each connect adds an entry to the server's ACL LOG")
                .fix(subject.allow(&["+ping"])),
        );
    }
    findings
}

/// Commands that are renamed or blocked.
fn renamed(subject: Subject<'_>) -> Vec<Finding> {
    let has = subject.facts.has;
    let service = subject.kind.and_then(|kind| kind.service);
    [("PSYNC", has.psync), ("REPLCONF", has.replconf)]
        .into_iter()
        .filter(|(_, has)| *has == Known::No)
        .map(|(name, _)| {
            let finding = Finding::bad(ABOUT, format!("{name} is renamed or blocked"));
            match service {
                Some(service) => finding.why(format!(
                    "{service} has no replication for clients; if it can replicate to a server of yours, follow that"
                )),
                None => {
                    finding.why("replication needs it; cloud services often block it, or redis.conf renames it").fix(
                        format!("# remove the line `rename-command {name} ...` from redis.conf and restart the server"),
                    )
                }
            }
        })
        .collect()
}

fn permission(subject: Subject<'_>) -> Finding {
    let (may, user) = (subject.facts.may, &subject.facts.user);
    let needed = [("+psync", may.psync), ("+replconf", may.replconf)];
    let missing = |known| needed.iter().filter(|(_, it)| *it == known).map(|(rule, _)| *rule).collect::<Vec<_>>();
    let (denied, unsure) = (missing(Known::No), missing(Known::Unknown));
    if !denied.is_empty() {
        let rules = [&denied[..], &unsure[..]].concat();
        return Finding::bad(ABOUT, format!("the user {user} may not replicate: {} is missing", denied.join(" and ")))
            .why("key patterns are not needed: the stream contains every key, even those that the user may not read")
            .fix(subject.allow(&rules));
    }
    if !unsure.is_empty() {
        return Finding::unknown(
            ABOUT,
            format!("could not check whether the user {user} may replicate ({})", unsure.join(" and ")),
        )
        .why(
            "the user may not use ACL WHOAMI and ACL DRYRUN (before 7.0 ACL GETUSER); check as an administrator, or \
             permit them",
        )
        .fix(format!("ACL DRYRUN {user} PSYNC ? -1"))
        .fix(subject.allow(&["+psync", "+replconf", "+ping", "+acl|whoami", "+acl|dryrun"]));
    }
    Finding::good(ABOUT, format!("the user {user} may replicate"))
}
