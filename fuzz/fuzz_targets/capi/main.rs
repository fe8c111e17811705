#![no_main]
//! The C functions, called in any order, as C calls them. Raw pointers lead to memory of exactly the promised size:
//! AddressSanitizer sees each access outside it, or outside its lifetime.
//!
//! Each byte is a call; the bytes after it are its arguments. Results are compared with the parsers in Rust.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "every block here is a call from C, under the promises of the header"
)]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

mod follower;
mod options;
mod parser;
mod position;
mod rdb;
mod session;

use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use redtail::Limits;
use redtail::capi::basics::{redtail_limits, redtail_slice, redtail_status, redtail_status_name};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut parsers = [parser::Calls::default(), parser::Calls::default()];
    let mut session = session::Calls::default();
    let mut rdb = rdb::Calls::default();
    let mut follower = follower::Calls::default();
    while let Some(call) = input.0.split_off_first().copied() {
        match call {
            0..100 => parsers[usize::from(call & 1)].call(call >> 1, &mut input),
            100..200 => session.call(call - 100, &mut input),
            200..228 => position::call(call - 200, &mut input),
            228..240 => rdb.call(call - 228, &mut input),
            240.. => follower.call(call - 240, &mut input),
        }
    }
});

/// Arguments; 0 after the last.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// Bytes, after a byte with their number; 255: all that remain.
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

    /// A NUL-terminated text, with nothing after it.
    fn text(&mut self) -> Box<[u8]> {
        [self.bytes(), b"\0"].concat().into_boxed_slice()
    }

    /// NULL, or a struct of this library's header, or one of another size, in memory of exactly its size.
    fn limits(&mut self) -> Option<Box<[u64]>> {
        let words = match self.byte() % 6 {
            0 | 1 => return None,
            2 => [0, 0, 0, 0, 0, 0],
            3 => [30, 200, 12, 4, 24, 20],
            4 => [9, 40, 4, 1, 5, 6],
            _ => [0, 0, 0, 3, 0, 0],
        };
        let struct_size = match self.byte() {
            size @ 0..=11 => 8 * (usize::from(size) + 1),
            12 => 12,
            _ => size_of::<redtail_limits>(),
        };
        let mut given = vec![7; struct_size.div_ceil(8)].into_boxed_slice();
        given[1..].iter_mut().zip(words).for_each(|(to, word)| *to = word);
        given[0] = struct_size as u64;
        Some(given)
    }
}

/// The meaning of such a struct; `None` if there is none.
fn understood(given: Option<&[u64]>) -> Option<Limits> {
    let mut limits = Limits::DEFAULT;
    let Some(given) = given else { return Some(limits) };
    let field = |index: usize, default| given.get(index).copied().filter(|value| *value > 0).unwrap_or(default);
    limits.bulk = field(1, limits.bulk);
    limits.command = field(2, limits.command);
    limits.arguments = field(3, limits.arguments);
    limits.depth = field(4, limits.depth as u64) as usize;
    limits.line = field(5, limits.line as u64) as usize;
    limits.reply_line = field(6, limits.reply_line as u64) as usize;
    // No version of the struct was shorter.
    (given[0] == size_of::<redtail_limits>() as u64).then_some(limits)
}

fn pointer(limits: Option<&[u64]>) -> *const redtail_limits {
    limits.map_or(std::ptr::null(), |limits| limits.as_ptr().cast())
}

/// A status that exists and is not an internal error.
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
