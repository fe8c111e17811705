//! Arrays of slices, filled with the arguments of a command.

use crate::base::limits::TAPE_LENGTH;
use crate::capi::basics::redtail_slice;
use crate::resp::{Command, Span};

/// Room for `capacity` slices.
#[derive(Clone, Copy)]
pub(super) struct Array {
    pub(super) start: *mut redtail_slice,
    pub(super) capacity: usize,
}

impl Array {
    /// `None` if such an array cannot exist.
    ///
    /// # Safety
    /// `start` points to room for `capacity` slices. Invalid pointers and capacities are rejected here.
    #[inline]
    pub(super) unsafe fn new(start: *mut redtail_slice, capacity: usize) -> Option<Self> {
        if start.is_null() || !start.is_aligned() || capacity > isize::MAX as usize / size_of::<redtail_slice>() {
            return Self::none(start, capacity);
        }
        Some(Self { start, capacity })
    }

    /// The unused capacity of an empty vector.
    #[inline]
    pub(super) fn of(vector: &mut Vec<redtail_slice>) -> Self {
        Self { start: vector.as_mut_ptr(), capacity: vector.capacity() }
    }

    #[cold]
    fn none(start: *mut redtail_slice, capacity: usize) -> Option<Self> {
        (capacity == 0).then_some(Self { start, capacity })
    }

    /// Writes the slices that fit.
    #[inline]
    pub(super) fn fill<'a>(self, args: impl Iterator<Item = &'a [u8]>) {
        let mut target = self.start;
        for arg in args.take(self.capacity) {
            // SAFETY: within the room that was promised to `new`. What is there is not read.
            unsafe {
                target.write(redtail_slice::of(arg));
                target = target.add(1);
            }
        }
    }

    /// Writes the `argc` arguments of a command that lie at the first spans in `raw`, as far as there is room.
    /// What lies behind them in the array may be overwritten: to write them by fours takes half the time.
    #[inline(always)]
    pub(super) fn fill_known(self, raw: &[u8], argc: usize, spans: &[Span; TAPE_LENGTH]) {
        if argc + 3 > self.capacity {
            return self.fill_spans(raw, spans.get(..argc).unwrap_or_default());
        }
        let (bytes, mut target, mut left) = (raw.as_ptr(), self.start, argc as isize);
        for [a, b, c, d] in spans.as_chunks().0 {
            // SAFETY: within the room that was promised to `new`. What is there is not read.
            unsafe {
                target.write(slice(bytes, a));
                target.add(1).write(slice(bytes, b));
                target.add(2).write(slice(bytes, c));
                target.add(3).write(slice(bytes, d));
                target = target.add(4);
            }
            left -= 4;
            if left <= 0 {
                break;
            }
        }
    }

    /// Writes the arguments of a command that lie at `spans` in `raw`, as far as there is room.
    #[inline(always)]
    fn fill_spans(self, raw: &[u8], spans: &[Span]) {
        let (bytes, mut target) = (raw.as_ptr(), self.start);
        for span in spans.iter().take(self.capacity) {
            // SAFETY: within the room that was promised to `new`. What is there is not read.
            unsafe {
                target.write(slice(bytes, span));
                target = target.add(1);
            }
        }
    }

    /// Writes the arguments of a command that fit.
    #[inline(always)]
    pub(super) fn fill_all(self, command: &Command<'_>) {
        let spans = command.spans();
        self.fill_spans(command.raw(), spans);
        if spans.len() < command.argc() {
            self.fill_after(command, spans.len());
        }
    }

    #[cold]
    fn fill_after(self, command: &Command<'_>, written: usize) {
        let Some(capacity) = self.capacity.checked_sub(written) else { return };
        // SAFETY: within the room, as just seen.
        let start = unsafe { self.start.add(written) };
        Self { start, capacity }.fill(command.args().skip(written));
    }
}

/// The spans of the tape lie within the command, because the parser has walked through it.
#[inline(always)]
fn slice(raw: *const u8, span: &Span) -> redtail_slice {
    redtail_slice { data: raw.wrapping_add(span.start as usize).cast(), len: span.length as usize }
}
