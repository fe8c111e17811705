//! What happens to a command or key that arrives in pieces.

/// What becomes of a piece of a command or key that comes in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// To be printed, after what is held.
    Print,
    /// Held until more is known.
    Hold,
    /// To be left out, and what is held with it.
    Drop,
}

/// What a large command or a long name may hold before it is known whether it passes. Then it does.
pub(super) const MOST_HELD: u64 = 1 << 20;
