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
    /// For a target: the command is complete and held. The part of it inside of the filters is printed.
    Narrow,
    /// For a target: the command is printed as one command for each selected key.
    Split,
}

/// The bytes that are held of a large command or a long name. Beyond them it passes without a decision,
/// or is left out for a target.
pub(super) const MOST_HELD: u64 = 1 << 20;
