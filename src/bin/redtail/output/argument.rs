//! An argument, as text and JSON print it.

/// An argument, as text and JSON print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    Whole(&'a [u8]),
    /// Longer than `--max-arg`; its length in bytes.
    Omitted(u64),
    /// Printed in pieces; its length in bytes.
    Pieces(u64),
}

impl<'a> Argument<'a> {
    pub(in crate::output) fn of(bytes: &'a [u8], max_arg: u64) -> Self {
        let length = bytes.len() as u64;
        if length > max_arg { Self::Omitted(length) } else { Self::Whole(bytes) }
    }
}
