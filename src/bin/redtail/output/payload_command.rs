//! The commands that carry a payload, and where it is.

/// A command with a payload of DUMP or FUNCTION DUMP among its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadCommand {
    /// `RESTORE key time payload …`
    Restore,
    /// The same inside of a slot migration.
    RestoreAsking,
    /// `FUNCTION RESTORE payload …`
    FunctionRestore,
}

/// The length of the longest name, `RESTORE-ASKING`. A longer argument after the name is a key.
pub(super) const LONGEST_NAME: u64 = 14;

impl PayloadCommand {
    /// The command with this name and second argument, which is empty while it is unknown.
    pub(super) fn of(name: &[u8], second: &[u8]) -> Option<Self> {
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"RESTORE") => Some(Self::Restore),
            14 if name.eq_ignore_ascii_case(b"RESTORE-ASKING") => Some(Self::RestoreAsking),
            8 if name.eq_ignore_ascii_case(b"FUNCTION") && second.eq_ignore_ascii_case(b"RESTORE") => {
                Some(Self::FunctionRestore)
            }
            _ => None,
        }
    }

    /// Whether a command with this name may carry one.
    pub(super) fn may_be(name: &[u8]) -> bool {
        Self::of(name, b"RESTORE").is_some()
    }

    /// The index of the payload among the arguments.
    pub(super) const fn payload(self) -> usize {
        match self {
            Self::Restore | Self::RestoreAsking => 3,
            Self::FunctionRestore => 2,
        }
    }

    /// The index of the first option.
    pub(super) const fn options(self) -> usize {
        self.payload() + 1
    }
}
