//! The permissions that a use of the server needs, and the remedies if some are missing.

use crate::doctor::facts::Known;
use crate::doctor::findings::remedy::Remedy;
use crate::doctor::findings::subject::Subject;

/// An ACL rule, and whether the user has it.
pub(super) type Need = (&'static str, Known);

/// The rules that the user lacks, or may lack.
pub(super) struct Missing {
    pub(super) denied: Vec<&'static str>,
    pub(super) unsure: Vec<&'static str>,
}

impl Missing {
    pub(super) fn of(needs: &[Need]) -> Self {
        let rules = |known| needs.iter().filter(|(_, it)| *it == known).map(|(rule, _)| *rule).collect();
        Self { denied: rules(Known::No), unsure: rules(Known::Unknown) }
    }

    /// The same for every use with the same needs.
    pub(super) fn remedies(&self, subject: Subject<'_>) -> Vec<Remedy> {
        let rules = [&self.denied[..], &self.unsure[..]].concat();
        if rules.is_empty() {
            return Vec::new();
        }
        if !self.denied.is_empty() {
            return vec![subject.allow(&rules).into()];
        }
        let user = &subject.facts.user;
        let can_try = subject.is_since_7();
        let checks: &[&str] = if can_try { &["+acl|whoami", "+acl|dryrun"] } else { &["+acl|whoami", "+acl|getuser"] };
        let tried = rules.first().filter(|_| can_try).map(|rule| match *rule {
            "+psync" => format!("ACL DRYRUN {user} PSYNC ? -1"),
            rule => format!("ACL DRYRUN {user} {}", rule.trim_start_matches('+').to_ascii_uppercase()),
        });
        tried.into_iter().chain([subject.allow(&[&rules[..], checks].concat())]).map(Remedy::from).collect()
    }
}
