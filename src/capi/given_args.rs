//! The arguments of a command that the caller passes.

use crate::capi::basics::redtail_slice;
use crate::capi::boundary::bytes;

/// Ends at the first invalid slice.
#[derive(Clone)]
pub(super) struct GivenArgs<'a> {
    args: std::slice::Iter<'a, redtail_slice>,
    is_wrong: bool,
}

impl GivenArgs<'_> {
    /// `None` if the array is empty or invalid.
    ///
    /// # Safety
    /// `first` points to `count` slices and each slice to its bytes. Nobody changes them while the result is used.
    /// Invalid pointers and lengths are rejected here.
    pub(super) unsafe fn new(first: *const redtail_slice, count: usize) -> Option<Self> {
        let most = isize::MAX as usize / size_of::<redtail_slice>();
        if first.is_null() || !first.is_aligned() || count == 0 || count > most {
            return None;
        }
        // SAFETY: not NULL, aligned, not longer than memory, and readable as the caller promises.
        let args = unsafe { std::slice::from_raw_parts(first, count) };
        Some(Self { args: args.iter(), is_wrong: false })
    }

    /// Whether the iteration met an invalid slice.
    pub(super) const fn is_wrong(&self) -> bool {
        self.is_wrong
    }
}

impl<'a> Iterator for GivenArgs<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let arg = self.args.next()?;
        // SAFETY: the slice points to its bytes, as promised to `new`.
        let given = unsafe { bytes(arg.data, arg.len) };
        self.is_wrong |= given.is_none();
        given
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.args.size_hint()
    }
}

/// Exact after an iteration that met no invalid slice.
impl ExactSizeIterator for GivenArgs<'_> {}
