//! Arguments of a command that arrives in parts.

use redtail::resp::Part;

use crate::output::argument::Argument;

/// Joins the arguments of a command that arrives in parts. Holds at most one argument, and none longer than
/// `--max-arg`.
#[derive(Debug)]
pub(super) struct Gather {
    max_arg: u64,
    held: Vec<u8>,
    /// The missing bytes of the held argument.
    missing: u64,
}

impl Gather {
    pub(super) fn new(max_arg: u64) -> Self {
        Self { max_arg, held: Vec::new(), missing: 0 }
    }

    /// Returns the argument that `part` completes.
    pub(super) fn part(&mut self, part: &Part<'_>) -> Option<Argument<'_>> {
        match *part {
            Part::Argument { length, .. } if length > self.max_arg => {
                self.missing = 0;
                Some(Argument::Omitted(length))
            }
            Part::Argument { length, .. } => {
                self.held.clear();
                self.missing = length;
                (length == 0).then_some(Argument::Whole(&self.held))
            }
            Part::Piece(bytes) if self.missing > 0 => {
                self.held.extend_from_slice(bytes);
                self.missing = self.missing.saturating_sub(bytes.len() as u64);
                (self.missing == 0).then_some(Argument::Whole(&self.held))
            }
            _ => None,
        }
    }
}
