#![no_main]
//! The C functions, called in any order, as C calls them: raw pointers to memory of just the size that is promised, so that
//! AddressSanitizer sees each byte read or written beside it, before it or after its life.
//!
//! Each byte is a call; those after it are its arguments. What comes out is held against the parsers in Rust.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "every block here is a call from C, under the promises of the header"
)]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

mod parser;
mod position;
mod session;

use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use redtail::capi::basics::{redtail_limits, redtail_slice, redtail_status, redtail_status_name};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut parsers = [parser::Calls::default(), parser::Calls::default()];
    let mut session = session::Calls::default();
    while let Some(call) = input.0.split_off_first().copied() {
        match call {
            0..100 => parsers[usize::from(call & 1)].call(call >> 1, &mut input),
            100..200 => session.call(call - 100, &mut input),
            200.. => position::call(call - 200, &mut input),
        }
    }
});

/// Arguments; 0 once there are none.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// Bytes, after a byte that tells how many; 255: all that is left.
    fn bytes(&mut self) -> &'a [u8] {
        let count = match self.byte() {
            255 => self.0.len(),
            count => usize::from(count).min(self.0.len()),
        };
        self.0.split_off(..count).unwrap()
    }

    fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            254 => i64::MAX as u64,
            253 => u64::from(u32::MAX),
            byte => u64::from(byte),
        }
    }

    /// Text that ends with NUL, and nothing behind it.
    fn text(&mut self) -> Box<[u8]> {
        [self.bytes(), b"\0"].concat().into_boxed_slice()
    }

    /// NULL, the defaults, limits so small that they are met, a struct of an older version, whose fields are its size alone, and one of a
    /// newer.
    fn limits(&mut self) -> Option<Box<redtail_limits>> {
        let struct_size = size_of::<redtail_limits>();
        let (bulk, command, arguments, depth, line) = match self.byte() % 6 {
            0 | 1 => return None,
            2 => (0, 0, 0, 0, 0),
            3 => (30, 200, 12, 4, 24),
            other => {
                return Some(Box::new(redtail_limits {
                    struct_size: if other == 4 { 8 } else { struct_size + 8 },
                    bulk: 1,
                    command: 1,
                    arguments: 1,
                    depth: 1,
                    line: 1,
                }));
            }
        };
        Some(Box::new(redtail_limits { struct_size, bulk, command, arguments, depth, line }))
    }
}

fn pointer<T>(value: Option<&T>) -> *const T {
    value.map_or(std::ptr::null(), |value| value)
}

/// A status that exists, and is no bug.
#[track_caller]
fn known(status: c_int) -> c_int {
    assert_ne!(status, redtail_status::REDTAIL_ERROR_PANIC as c_int);
    let name = unsafe { CStr::from_ptr(redtail_status_name(status)) };
    assert_ne!(name, c"unknown status");
    status
}

fn is(status: c_int, wanted: redtail_status) -> bool {
    status == wanted as c_int
}

/// Reads all of it.
fn read(slice: redtail_slice) -> &'static [u8] {
    if slice.data.is_null() {
        assert_eq!(slice.len, 0);
        return &[];
    }
    let bytes = unsafe { std::slice::from_raw_parts(slice.data.cast::<u8>(), slice.len) };
    black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
    bytes
}

/// Reads a text up to its NUL.
fn words(text: *const c_char) -> String {
    assert!(!text.is_null());
    unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}
