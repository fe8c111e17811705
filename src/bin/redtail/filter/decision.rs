//! What happens to a command or key that arrives in pieces.

/// The decision about a piece of a command or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Print it, after the held pieces.
    Print,
    /// Hold it until more is known.
    Hold,
    /// Drop it, and the held pieces.
    Drop,
}

/// The bytes that are held of a large command or a long name. Beyond them it passes without a decision.
pub(super) const MOST_HELD: u64 = 1 << 20;
