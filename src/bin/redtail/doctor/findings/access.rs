//! Findings about permissions.

use crate::doctor::facts::Known;
use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::permission::Missing;
use crate::doctor::findings::remedy::Remedy;
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
                None => finding
                    .why("replication needs it; cloud services often block it, or redis.conf renames it")
                    .fix(Remedy::config(format!(
                        "remove the line `rename-command {name} ...` from redis.conf, and restart"
                    ))),
            }
        })
        .collect()
}

fn permission(subject: Subject<'_>) -> Finding {
    let (may, user) = (subject.facts.may, &subject.facts.user);
    let missing = Missing::of(&[("+psync", may.psync), ("+replconf", may.replconf)]);
    let finding = if !missing.denied.is_empty() {
        let denied = missing.denied.join(" and ");
        Finding::bad(ABOUT, format!("the user {user} may not replicate: {denied} is missing"))
            .why("key patterns are not needed: the stream contains every key, even those that the user may not read")
    } else if !missing.unsure.is_empty() {
        let unsure = missing.unsure.join(" and ");
        Finding::unknown(ABOUT, format!("could not check whether the user {user} may replicate ({unsure})")).why(
            "the user may not use ACL WHOAMI and ACL DRYRUN (before 7.0 ACL GETUSER); check as an administrator, or \
             permit them",
        )
    } else {
        own_user(subject, Finding::good(ABOUT, format!("the user {user} may replicate")))
    };
    missing.remedies(subject).into_iter().fold(finding, Finding::fix)
}

/// Proposes a user for redtail instead of `default`, which usually may do everything.
fn own_user(subject: Subject<'_>, finding: Finding) -> Finding {
    let server = subject.kind.and_then(|kind| kind.server);
    let has_users = server.is_some_and(|server| server.is_since(Some((6, 0)), Some((7, 2))));
    match subject.facts.user == "default" && has_users {
        true => finding
            .why("a user of its own needs these commands only, and no keys")
            .fix(format!("ACL SETUSER cdc on >PASSWORD {FEW}")),
        false => finding,
    }
}

/// What a follower needs, as README and the pages have it.
pub(super) const FEW: &str = "+psync +replconf +ping +info";
