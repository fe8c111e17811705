//! The position of an argument in its command.

/// The position of an argument, counted from the first byte of its command.
// The C interface hands out spans as they are.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl Span {
    /// The bytes of the argument. `command` holds the bytes of its command.
    #[inline(always)]
    pub(super) fn of(self, command: &[u8]) -> Option<&[u8]> {
        let start = self.start as usize;
        command.get(start..start.checked_add(self.length as usize)?)
    }
}
