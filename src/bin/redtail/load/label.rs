//! A command that was sent, for messages and counts.

use redtail::Position;

/// A command that waits for its reply.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) label: Label,
    /// The target stores this once the command is confirmed.
    pub(super) stores: Option<Position>,
}

/// A command, for messages.
#[derive(Debug, Default)]
pub(super) struct Label {
    pub(super) name: Vec<u8>,
    /// The beginning of its first argument.
    pub(super) argument: Vec<u8>,
    /// The number of its first byte in the input. `None`: this program added the command.
    pub(super) start: Option<u64>,
    /// The size of the command in bytes.
    pub(super) bytes: u64,
}

impl Label {
    /// The bytes kept of a name and of an argument.
    const KEPT: usize = 64;

    /// The label of a command of this program.
    pub(super) fn own(args: &[&[u8]]) -> Self {
        let mut label = Self::default();
        args.iter().take(2).enumerate().for_each(|(index, arg)| label.keep(index, arg));
        label
    }

    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Appends a piece of an argument.
    pub(super) fn keep(&mut self, index: usize, piece: &[u8]) {
        let to = match index {
            0 => &mut self.name,
            1 => &mut self.argument,
            _ => return,
        };
        let left = Self::KEPT.saturating_sub(to.len());
        to.extend_from_slice(piece.get(..left).unwrap_or(piece));
    }
}
