//! Findings about a node of a cluster.

use crate::doctor::findings::finding::Finding;
use crate::doctor::findings::subject::Subject;

pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    const ABOUT: &str = "cluster";
    const SHOWN: usize = 8;
    if !subject.info.is_some_and(|info| info.is("cluster_enabled", "1")) {
        return Vec::new();
    }
    let Some(cluster) = &subject.facts.cluster else {
        return vec![
            Finding::unknown(ABOUT, "a node of a cluster with its own slots only; could not check which slots")
                .why("each shard has a stream of its own, and every write is in one of them")
                .fix(subject.allow(&["+cluster|slots", "+cluster|myid"])),
        ];
    };
    if cluster.others.is_empty() {
        return vec![Finding::good(ABOUT, format!("a node of a cluster, the only shard ({} slots)", cluster.slots))];
    }
    let count = cluster.others.len();
    let shards = if count == 1 { "one other shard has".to_owned() } else { format!("{count} other shards have") };
    let mut finding =
        Finding::warn(ABOUT, format!("a node of a cluster with {} of 16384 slots; {shards} the rest", cluster.slots))
            .why("each shard has a stream of its own, without an order between shards; --cluster follows all of them")
            .fix(format!("redtail doctor {} --cluster", subject.target))
            .fix(format!("redtail tail {} --cluster", subject.target));
    for address in cluster.others.iter().take(SHOWN) {
        finding = finding.fix(format!("redtail tail {}{address}", subject.scheme));
    }
    vec![finding]
}
