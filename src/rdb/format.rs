//! The magic and the version at the front of a snapshot.

use core::fmt;

/// The server family that defines the type numbers and opcodes. The same number has different meanings in the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Magic {
    /// `REDIS` and four digits: every Redis, and Valkey before 9.0.
    Redis,
    /// `VALKEY` and three digits: Valkey 9.0 and later.
    Valkey,
}

/// The magic and version at the front of a snapshot. Prints as in the snapshot: `REDIS0011`, `VALKEY080`.
///
/// The fields are complete: a snapshot has a magic and a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The server family.
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
