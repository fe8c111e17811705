//! The magic and the version at the front of a snapshot.

use core::fmt;

/// The server family that defines the type numbers and opcodes. The same number has different meanings in the two.
///
/// ```
/// use redtail::rdb::{Item, Magic};
///
/// fn is_of_valkey_9(item: &Item<'_>) -> bool {
///     matches!(item, Item::Start(format) if format.magic == Magic::Valkey)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Magic {
    /// `REDIS` and four digits, 1 to 79: every Redis, and Valkey before 9.0.
    Redis,
    /// `VALKEY` and three digits, 80 or more: Valkey 9.0 and later.
    Valkey,
}

/// The magic and version at the front of a snapshot. Prints as in the snapshot: `REDIS0011`, `VALKEY080`.
///
/// The fields are complete: a snapshot has a magic and a version.
///
/// ```
/// use redtail::rdb::{Format, Magic};
///
/// let format = Format { magic: Magic::Redis, version: 11 };
/// assert_eq!(format.to_string(), "REDIS0011");
/// assert!(!format.is_newer());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The server family.
    pub magic: Magic,
    /// The version of the format.
    pub version: u16,
}

impl Format {
    /// Whether the version is newer than all that this decoder knows: those of Redis 8.12 and Valkey 9.2.
    ///
    /// A decoder reads such a snapshot as if it were of the newest known version. It stops at the first number or
    /// encoding that it does not know, because the length of the data after it is unknown.
    #[must_use]
    pub const fn is_newer(self) -> bool {
        match self.magic {
            Magic::Redis => self.version > 17,
            Magic::Valkey => self.version > 81,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.magic {
            Magic::Redis => write!(f, "REDIS{:04}", self.version),
            Magic::Valkey => write!(f, "VALKEY{:03}", self.version),
        }
    }
}
