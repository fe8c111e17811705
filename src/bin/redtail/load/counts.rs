//! The confirmed part of the input.

use redtail::Position;

/// The commands of the input that have a reply.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) confirmed: u64,
    pub(super) bytes: u64,
    pub(super) refused: u64,
    /// The position that the target stores.
    pub(super) position: Option<Position>,
}
