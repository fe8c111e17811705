//! Arrays of slices, filled with the arguments of a command.

use crate::capi::basics::redtail_slice;
use crate::resp::{Command, Span};

/// Room for `capacity` slices.
#[derive(Clone, Copy)]
pub(super) struct Array {
    pub(super) start: *mut redtail_slice,
    capacity: usize,
}

impl Array {
    /// The unused capacity of an empty vector.
    #[inline]
    pub(super) fn of(vector: &mut Vec<redtail_slice>) -> Self {
        Self { start: vector.as_mut_ptr(), capacity: vector.capacity() }
    }

    /// Writes the arguments of a command that fit.
    #[inline(always)]
    pub(super) fn fill_all(self, command: &Command<'_>) {
        let spans = command.spans();
        let (bytes, mut target) = (command.raw().as_ptr(), self.start);
        for span in spans.iter().take(self.capacity) {
            // SAFETY: within the vector's memory. What is there is not read.
            unsafe {
                target.write(slice(bytes, span));
                target = target.add(1);
            }
        }
        if spans.len() < command.argc() {
            self.fill_after(command, spans.len());
        }
    }

    #[cold]
    fn fill_after(self, command: &Command<'_>, written: usize) {
        for (index, arg) in command.args().enumerate().take(self.capacity).skip(written) {
            // SAFETY: within the vector's memory. What is there is not read.
            unsafe { self.start.add(index).write(redtail_slice::of(arg)) };
        }
    }
}

/// The spans of the tape lie within the command, because the parser has walked through it.
#[inline(always)]
fn slice(raw: *const u8, span: &Span) -> redtail_slice {
    redtail_slice { data: raw.wrapping_add(span.start as usize).cast(), len: span.length as usize }
}
