//! The positions in all shards, as one value.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::io::{CheckpointFile, CheckpointPosition, sealed};
use crate::replication::{Position, PositionError, ReplicationId};
use crate::topology::cluster::members::Member;
use crate::topology::cluster::slots::{Slots, SlotsError};

/// The position of each shard of a cluster: to be saved, and passed to
/// [`Builder::positions`](crate::Builder::positions) after a restart.
///
/// The text form has entries `node@slots=position`, separated by `;` or line ends. The replication id in the position
/// identifies the shard, because a failover keeps it. The node's id and the slots are for servers that deny INFO, and
/// for people.
///
/// ```
/// # use redtail::topology::Positions;
/// let text = "6836f11e273c17a2fdaa12f281be0760b829cdaa@0-5460=26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0";
/// let positions: Positions = text.parse()?;
/// assert_eq!(positions.shards[0].position.offset, 1311);
/// assert_eq!(positions.to_string(), text);
/// # Ok::<(), redtail::topology::PositionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Positions {
    /// One entry for each shard.
    pub shards: Vec<SavedShard>,
}

/// The position in one shard.
///
/// ```
/// use redtail::topology::SavedShard;
///
/// let text = "6836f11e273c17a2fdaa12f281be0760b829cdaa@0-5460=26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0";
/// let shard: SavedShard = text.parse()?;
/// assert_eq!((shard.slots.len(), shard.position.offset), (5461, 1311));
/// # Ok::<(), redtail::topology::PositionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedShard {
    /// The id of its primary at that time.
    pub node: String,
    /// Its slots at that time.
    pub slots: Slots,
    /// The position.
    pub position: Position,
}

/// The reason why a text is not [`Positions`].
///
/// ```
/// use redtail::topology::{Positions, PositionsError};
///
/// let error = "no position".parse::<Positions>().unwrap_err();
/// assert!(matches!(error, PositionsError::Entry(entry) if entry == "no position"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionsError {
    /// An entry has another form.
    #[error("{0:?} is not the position of a shard: write node@slots=position, with ; between several")]
    Entry(String),
    /// The slots are invalid.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The position is invalid.
    #[error(transparent)]
    Position(#[from] PositionError),
}

impl FromIterator<SavedShard> for Positions {
    fn from_iter<I: IntoIterator<Item = SavedShard>>(shards: I) -> Self {
        Self { shards: shards.into_iter().collect() }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, shard) in self.shards.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ";" })?;
            shard.fmt(f)?;
        }
        Ok(())
    }
}

/// Keeps the [`Positions`] of a cluster in a file.
///
/// ```no_run
/// use redtail::Ack;
/// use redtail::topology::{Cluster, ClusterCheckpoint, ClusterEvent};
///
/// let mut checkpoint = ClusterCheckpoint::open("orders.positions", "10.0.0.1:7000")?;
/// let cluster = Cluster::builder(["10.0.0.1:7000"])?.positions(checkpoint.position().unwrap_or_default());
/// let mut merged = cluster.ack(Ack::Applied).merged(10_000)?;
/// // If nobody writes, the last positions are saved, too.
/// while let Some(event) = merged.next_timeout(checkpoint.due_in()) {
///     if let ClusterEvent::Shard { shard, event } = event {
///         println!("{} {event:?}", shard.id()); // and everything that makes it durable
///         checkpoint.count(1);
///     }
///     if checkpoint.is_due() {
///         let positions = merged.positions();
///         checkpoint.save(positions.clone())?;
///         merged.commit(&positions);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type ClusterCheckpoint = CheckpointFile<Positions>;

impl CheckpointPosition for Positions {}

impl sealed::Lines for Positions {
    const TITLE: &'static str = "redtail cluster checkpoint 1";
    const NAME: &'static str = "shard";
    const FOREIGN: &'static str = "it does not begin with \"redtail cluster checkpoint 1\"";
    const LONGEST: u64 = 16 << 20;

    fn lines(&self) -> Vec<String> {
        self.shards.iter().map(SavedShard::to_string).collect()
    }

    fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let shards: Vec<SavedShard> = lines.map(str::parse).collect::<Result<_, _>>()?;
        if shards.is_empty() { Err(sealed::Missing.into()) } else { Ok(Self { shards }) }
    }
}

impl fmt::Display for SavedShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}={}", self.node, self.slots, self.position)
    }
}

impl FromStr for Positions {
    type Err = PositionsError;

    fn from_str(text: &str) -> Result<Self, PositionsError> {
        let entries = text.split([';', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self { shards: entries.map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl FromStr for SavedShard {
    type Err = PositionsError;

    fn from_str(text: &str) -> Result<Self, PositionsError> {
        let fields = text.split_once('@').and_then(|(node, rest)| Some((node, rest.split_once('=')?)));
        let Some((node, (slots, position))) = fields.filter(|(node, _)| !node.is_empty()) else {
            return Err(PositionsError::Entry(text.into()));
        };
        Ok(Self { node: node.into(), slots: slots.parse()?, position: position.parse()? })
    }
}

/// Finds the saved position of each shard: by the histories that its primary continues, then by its nodes, then by its
/// slots. Returns the positions without a shard as well.
pub(super) fn assign(
    saved: Positions,
    shards: &[(&Member, Vec<ReplicationId>)],
) -> (Vec<Option<Position>>, Vec<SavedShard>) {
    let mut left = saved.shards;
    let mut found = vec![None; shards.len()];
    let mut each = |fits: &mut dyn FnMut(&SavedShard, &Member, &[ReplicationId]) -> bool| {
        for ((shard, ids), found) in shards.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            if let Some(at) = left.iter().position(|saved| fits(saved, shard, ids)) {
                *found = Some(left.swap_remove(at).position);
            }
        }
    };
    // A primary's own history first: a former replica also has the id of its old primary.
    each(&mut |saved, _, ids| ids.first() == Some(&saved.position.replid));
    each(&mut |saved, _, ids| ids.contains(&saved.position.replid));
    each(&mut |saved, shard, _| shard.primary.id == saved.node);
    each(&mut |saved, shard, _| shard.has(&saved.node));
    each(&mut |saved, shard, _| 2 * shard.slots.common(&saved.slots).len() > saved.slots.len());
    (found, left)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests {
    use super::*;
    use crate::topology::cluster::members::Node;

    fn id(digit: char) -> ReplicationId {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn saved(node: &str, slots: &str, digit: char, offset: u64) -> SavedShard {
        let position = Position::new(id(digit), offset, Some(0));
        SavedShard { node: node.into(), slots: slots.parse().unwrap(), position }
    }

    fn member(nodes: [&str; 2], slots: &str) -> Member {
        let node = |id: &str| Node { id: id.into(), target: "h:1".parse().unwrap(), is_up: true };
        Member { primary: node(nodes[0]), replicas: vec![node(nodes[1])], slots: slots.parse().unwrap() }
    }

    #[test]
    fn one_text_holds_all_positions() {
        let positions = Positions { shards: vec![saved("aa", "0-9,11", 'a', 5), saved("bb", "", 'b', 6)] };
        let text = positions.to_string();
        assert_eq!(text.parse(), Ok(positions.clone()));
        assert_eq!(text.replace(';', "\n\n ").parse(), Ok(positions));
        assert_eq!("".parse(), Ok(Positions::default()));
        let a = id('a');
        for wrong in [
            format!("a@0-9:{a}:1:0"),
            format!("@0-9={a}:1:0"),
            format!("a@9-0={a}:1:0"),
            "a@0-9=b:1:0".into(),
            "x".into(),
        ] {
            assert!(wrong.parse::<Positions>().is_err(), "{wrong}");
        }
    }

    /// Roles, names and slots have all been exchanged. Only the histories identify the shards.
    #[test]
    fn a_position_belongs_to_the_shard_that_continues_its_history() {
        let (one, two) = (member(["n1", "n2"], "0-9"), member(["n3", "n4"], "10-19"));
        let saves = || Positions { shards: vec![saved("n3", "10-19", 'a', 1), saved("n1", "0-9", 'b', 2)] };
        let (found, left) = assign(saves(), &[(&one, vec![id('c'), id('a')]), (&two, vec![id('b')])]);
        assert_eq!(found.iter().map(|at| at.unwrap().offset).collect::<Vec<_>>(), [1, 2]);
        assert!(left.is_empty());
        // Without histories, names count.
        let (found, _) = assign(saves(), &[(&one, vec![]), (&two, vec![])]);
        assert_eq!(found.iter().map(|at| at.unwrap().offset).collect::<Vec<_>>(), [2, 1]);
    }

    /// A replica that was reset and has slots keeps its primary's id as its second id.
    #[test]
    fn a_position_prefers_the_owner_of_its_history() {
        let (former, owner) = (member(["n2", "n5"], "0-4"), member(["n1", "n6"], "5-9"));
        let saves = Positions { shards: vec![saved("n1", "0-9", 'a', 7)] };
        let (found, left) = assign(saves, &[(&former, vec![id('b'), id('a')]), (&owner, vec![id('a')])]);
        assert_eq!(found.iter().map(|at| at.map(|at| at.offset)).collect::<Vec<_>>(), [None, Some(7)]);
        assert!(left.is_empty());
    }

    #[test]
    fn positions_without_a_shard_are_returned() {
        let (new, old) = (member(["n5", "n6"], "0-4"), member(["n7", "n2"], "5-19"));
        let saves = vec![saved("n2", "0-9", 'a', 1), saved("n3", "10-19", 'b', 2), saved("n8", "30-39", 'c', 3)];
        let (found, left) = assign(Positions { shards: saves.clone() }, &[(&new, vec![]), (&old, vec![])]);
        // A replica that became a primary. Half of the slots of n2 moved away, which proves nothing.
        assert_eq!(found, [None, Some(saves[0].position)]);
        assert_eq!(left.len(), 2);
        let taken_over = member(["n9", "n10"], "8-19");
        let (found, left) = assign(Positions { shards: saves.clone() }, &[(&taken_over, vec![])]);
        assert_eq!((found, left.len()), (vec![Some(saves[1].position)], 2));
    }
}
