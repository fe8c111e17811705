//! Which commands of a cluster's streams are no client's: those that move slots.

use redtail::Command;
use redtail::resp::Part;
use redtail::topology::Migration;

/// The word for a whole command, where it is such a one.
pub(super) fn word(command: &Command<'_>) -> Option<&'static str> {
    Migration::of(command).map(|migration| migration.as_str())
}

/// The beginnings of the first arguments of a command that comes in parts.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    args: Vec<Vec<u8>>,
    /// The argument at hand.
    index: usize,
}

/// More arguments than stand in front of the slots, and longer ones than any word that counts.
const MOST: usize = 16;
const LONGEST: usize = 64;

impl Beginnings {
    /// Takes note of the next part.
    pub(super) fn part(&mut self, part: &Part<'_>) {
        match *part {
            Part::Begin { .. } => self.args.clear(),
            Part::Argument { index, .. } => {
                self.index = index;
                if index < MOST {
                    self.args.push(Vec::new());
                }
            }
            Part::Piece(bytes) => {
                if let Some(held) = self.args.get_mut(self.index) {
                    let more = bytes.len().min(LONGEST - held.len());
                    held.extend_from_slice(&bytes[..more]);
                }
            }
            Part::End => {}
        }
    }

    /// The word for the command, once all its parts were there.
    pub(super) fn word(&self) -> Option<&'static str> {
        Migration::of_args(self.args.iter().map(Vec::as_slice)).map(|migration| migration.as_str())
    }
}
