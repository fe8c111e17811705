//! The identity of shards across changes of the topology.

use crate::topology::cluster::members::Member;

/// For each known shard its index in `now`. A shard is where its primary is, or where one of its replicas has become a
/// primary. If both exist, it is the one with slots.
pub(super) fn same(known: &[&Member], now: &[Member]) -> Vec<Option<usize>> {
    let mut found = vec![None; known.len()];
    let mut each = |fits: &dyn Fn(&Member, &Member) -> bool| {
        for (at, before) in known.iter().enumerate() {
            if found[at].is_none() {
                let free = |one: &usize| !found.contains(&Some(*one));
                found[at] = (0..now.len()).filter(free).find(|&one| fits(before, &now[one]));
            }
        }
    };
    let is_same = |before: &Member, now: &Member| before.primary.id == now.primary.id;
    let is_related = |before: &Member, now: &Member| before.has(&now.primary.id) || now.has(&before.primary.id);
    let overlaps = |before: &Member, now: &Member| !before.slots.common(&now.slots).is_empty();
    let are_empty = |before: &Member, now: &Member| before.slots.is_empty() && now.slots.is_empty();
    each(&|before, now| is_same(before, now) && (overlaps(before, now) || are_empty(before, now)));
    each(&|before, now| is_related(before, now) && overlaps(before, now));
    each(&is_same);
    each(&is_related);
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't continue has failed, in a helper too")]
mod tests {
    use super::*;
    use crate::topology::cluster::members::Node;

    fn member(nodes: &str, slots: &str) -> Member {
        let node = |id: char| Node { id: id.into(), target: "h:1".parse().unwrap(), is_up: true };
        let mut nodes = nodes.chars().map(node);
        Member { primary: nodes.next().unwrap(), replicas: nodes.collect(), slots: slots.parse().unwrap() }
    }

    fn found(known: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<Option<usize>> {
        let known: Vec<_> = known.iter().map(|(nodes, slots)| member(nodes, slots)).collect();
        let now: Vec<_> = now.iter().map(|(nodes, slots)| member(nodes, slots)).collect();
        same(&known.iter().collect::<Vec<_>>(), &now)
    }

    #[test]
    fn a_shard_keeps_its_identity() {
        let before = [("ab", "0-9"), ("cd", "10-19")];
        // In another order, with slots moved, and one added.
        assert_eq!(found(&before, &[("x", "0-4"), ("cd", "15-19"), ("ab", "5-14")]), [Some(2), Some(1)]);
        // Failed over: the former primary is a replica, or gone.
        assert_eq!(found(&before, &[("ba", "0-9"), ("d", "10-19")]), [Some(0), Some(1)]);
        // The former primary is back, and does not know yet that it was replaced.
        assert_eq!(found(&before, &[("a", ""), ("b", "0-9"), ("cd", "10-19")]), [Some(1), Some(2)]);
        // All slots moved to the other shard; then the node becomes a replica there.
        assert_eq!(found(&before, &[("ab", ""), ("cd", "0-19")]), [Some(0), Some(1)]);
        assert_eq!(found(&before, &[("cdab", "0-19")]), [None, Some(0)]);
        // A node without slots is a shard. It stays the same when it receives slots.
        assert_eq!(found(&[("a", "0-9"), ("x", "")], &[("a", "0-4"), ("x", "5-9")]), [Some(0), Some(1)]);
        // A replica, listed as a primary while the cluster was created, replaces its primary.
        assert_eq!(found(&[("a", "0-9"), ("b", "")], &[("ba", "0-9")]), [Some(0), None]);
        assert_eq!(found(&before, &[]), [None, None]);
    }
}
