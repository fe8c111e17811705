//! A client that writes numbers: each tag has its own sequence, without a hole.

use std::thread;
use std::time::Duration;

use redtail::topology::slot;

use crate::random::Random;
use crate::servers::{Link, Node, encoded};

/// Slots that each client writes to.
const TAGS: usize = 12;
const BATCH: u64 = 40;

pub(crate) struct Writer {
    link: Link,
    /// Tags of the node's slots, and the number of changes of each.
    tags: Vec<(String, u64)>,
    random: Random,
}

impl Writer {
    pub(crate) fn new(node: &Node, number: usize, seed: u64) -> Self {
        let is_ours = |tag: &String| (node.slots.0..=node.slots.1).contains(&slot(tag.as_bytes()));
        let tags = (0..).map(|n: u32| format!("t{n}")).filter(is_ours).take(TAGS).map(|tag| (tag, 0)).collect();
        let link = Link::to(node.port).expect("a link");
        Self { link, tags, random: Random::new(seed ^ (number as u64 + 1)) }
    }

    pub(crate) fn write(&mut self, mut changes: u64) {
        self.link.send(&encoded(&[b"FLUSHALL"]));
        assert_eq!(self.link.reply(), "+OK");
        while changes > 0 {
            let (mut bytes, mut replies, mut batch) = (Vec::new(), 0, BATCH.min(changes));
            changes -= batch;
            while batch > 0 {
                let at = self.random.below(TAGS as u64) as usize;
                // One in four changes is in a transaction.
                let count = if self.random.below(10) == 0 { 2 + self.random.below(4) } else { 1 }.min(batch);
                batch -= count;
                if count > 1 {
                    bytes.extend(encoded(&[b"MULTI"]));
                }
                (0..count).for_each(|_| bytes.extend(self.change(at)));
                if count > 1 {
                    bytes.extend(encoded(&[b"EXEC"]));
                }
                replies += if count > 1 { count + 2 } else { 1 };
            }
            self.link.send(&bytes);
            (0..replies).for_each(|_| drop(self.link.reply()));
            // Time for the kills.
            thread::sleep(Duration::from_millis(self.random.below(40)));
        }
    }

    /// Some values are not UTF-8.
    fn change(&mut self, at: usize) -> Vec<u8> {
        let (tag, count) = &mut self.tags[at];
        let mut value = format!("{tag} {count} ").into_bytes();
        if *count % 8 == 0 {
            value.extend([0xff, 0, b'"', b'\n']);
        }
        *count += 1;
        encoded(&[b"SET", format!("{{{tag}}}:key").as_bytes(), &value])
    }

    /// Each tag, and its number of changes.
    pub(crate) fn sequences(self) -> Vec<(String, u64)> {
        self.tags
    }
}
