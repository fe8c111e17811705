//! Text for C and from C.

use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::slice::from_raw_parts;

use crate::capi::basics::*;
use crate::capi::boundary::{Out, text};

/// Text for C: a NUL inside becomes a question mark.
pub(super) fn c_text(text: impl Display) -> CString {
    let bytes: Vec<u8> = text.to_string().bytes().map(|byte| if byte == 0 { b'?' } else { byte }).collect();
    CString::new(bytes).unwrap_or_default()
}

/// Writes text with a NUL if it fits. Sets `needed` to the required size.
pub(super) fn write_text(given: &str, text: *mut c_char, size: usize, needed: Out<usize>) -> redtail_status {
    if text.is_null() && size > 0 {
        return REDTAIL_ERROR_ARGUMENT;
    }
    needed.set(given.len() + 1);
    if given.len() >= size {
        return REDTAIL_NEED_MORE;
    }
    // SAFETY: there is room for as many bytes, as just compared with what the caller says; our own don't
    // overlap the caller's.
    unsafe {
        std::ptr::copy_nonoverlapping(given.as_ptr(), text.cast(), given.len());
        text.add(given.len()).write(0);
    }
    REDTAIL_OK
}

/// # Safety
/// At `list` are `count` pointers to text that ends with NUL, or NULLs, or `list` is NULL.
pub(super) unsafe fn addresses(list: *const *const c_char, count: usize) -> Result<Vec<String>, String> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if list.is_null() || !list.is_aligned() || count > isize::MAX as usize / size_of::<*const c_char>() {
        return Err("the addresses are NULL, or their number exceeds memory".into());
    }
    // SAFETY: there, aligned and not beyond memory, as just seen; readable, as promised.
    let list = unsafe { from_raw_parts(list, count) };
    let one = |(at, &address): (usize, &*const c_char)| {
        // SAFETY: as promised.
        unsafe { text(address) }.map(str::to_owned).map_err(|what| format!("address number {} {what}", at + 1))
    };
    list.iter().enumerate().map(one).collect()
}
