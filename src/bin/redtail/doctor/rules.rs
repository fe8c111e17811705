//! ACL rules, for servers without ACL DRYRUN (before 7.0).

/// The categories of the replication commands, on every version.
const CATEGORIES: [&str; 4] = ["all", "admin", "slow", "dangerous"];

/// Whether the rules of `ACL GETUSER` allow PSYNC or SYNC. The last matching rule counts. `None` without a matching
/// rule.
pub(super) fn allow(rules: &str, command: &str) -> Option<bool> {
    let mut allowed = None;
    for rule in rules.split_whitespace() {
        let (sign, what) = rule.split_at(usize::from(rule.starts_with(['+', '-'])));
        let fits = match what.strip_prefix('@') {
            Some(category) => CATEGORIES.contains(&category.to_ascii_lowercase().as_str()),
            None => what.eq_ignore_ascii_case(command),
        };
        match sign {
            "+" if fits => allowed = Some(true),
            "-" if fits => allowed = Some(false),
            _ => {}
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_fits_counts() {
        for (rules, allowed) in [
            ("+@all", Some(true)),
            ("-@all +replconf +ping +psync", Some(true)),
            ("-@all +replconf +ping", Some(false)),
            ("+@all -@dangerous", Some(false)),
            ("+@all -@dangerous +PSYNC", Some(true)),
            ("-@all +@admin", Some(true)),
            ("-@all +sync", Some(false)),
            ("-@all +@read +@keyspace", Some(false)),
            ("", None),
        ] {
            assert_eq!(allow(rules, "psync"), allowed, "{rules}");
        }
    }
}
