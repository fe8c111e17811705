//! Commands of a cluster that move slots, and do not come from a client.

use redtail::Command;
use redtail::resp::Part;
use redtail::topology::Migration;

/// The migration word of a complete command.
pub(super) fn word(command: &Command<'_>) -> Option<&'static str> {
    Migration::of(command).map(|migration| migration.as_str())
}

/// The first bytes of the first arguments of a command that arrives in parts.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    args: Vec<Vec<u8>>,
    /// The index of the current argument.
    index: usize,
}

/// Enough arguments and bytes for every command that moves slots.
const MOST: usize = 16;
const LONGEST: usize = 64;

impl Beginnings {
    /// Reads the next part.
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

    /// The migration word, after the last part.
    pub(super) fn word(&self) -> Option<&'static str> {
        Migration::of_args(self.args.iter().map(Vec::as_slice)).map(|migration| migration.as_str())
    }
}
