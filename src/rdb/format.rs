//! The magic and the version at the front of a snapshot.

use core::fmt;

/// Whose numbers a snapshot uses: the same type number or opcode means different things in the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Magic {
    /// `REDIS` and four digits: every Redis, and Valkey before 9.0.
    Redis,
    /// `VALKEY` and three digits: Valkey 9.0 and later.
    Valkey,
}

/// The magic and version at the front of a snapshot. Prints as it stands there: `REDIS0011`, `VALKEY080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Whose numbers it uses.
    pub magic: Magic,
    /// The version of the format.
    pub version: u16,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.magic {
            Magic::Redis => write!(f, "REDIS{:04}", self.version),
            Magic::Valkey => write!(f, "VALKEY{:03}", self.version),
        }
    }
}
