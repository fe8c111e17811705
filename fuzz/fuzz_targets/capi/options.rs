//! Options, valid and invalid.

use std::ffi::{CStr, c_int};

use redtail::capi::options::{redtail_options, redtail_options_init};
use redtail::capi::position::redtail_position_parse;

use crate::{Input, known, pointer};

/// Options, and the data they point to.
pub(crate) struct Given {
    options: Box<redtail_options>,
    /// A value that is not an option.
    pub(crate) spare: bool,
    _limits: Option<Box<[u64]>>,
    _user: Box<[u8]>,
}

const LABEL: &CStr = c"here";

impl Given {
    pub(crate) fn read(input: &mut Input<'_>) -> Self {
        let mut options = Box::<redtail_options>::new_uninit();
        known(unsafe { redtail_options_init(options.as_mut_ptr(), size_of::<redtail_options>()) });
        let mut options = unsafe { options.assume_init() };
        let (first, second, limits) = (input.byte(), input.byte(), input.limits());
        let user = input.text();
        options.start = c_int::from(first & 7);
        options.parts = if first & 8 != 0 { 1024 } else { 0 };
        options.control = c_int::from(first & 16);
        options.retry_first = c_int::from(first & 32);
        options.single_link = c_int::from(first & 64);
        options.no_reconnect = c_int::from(first & 128);
        options.on_gap = c_int::from(second & 3);
        options.ack = c_int::from(second >> 2 & 3);
        options.allow_probe = c_int::from(second & 16);
        options.retry_snapshot = c_int::from(second & 32);
        // Beside another start it is refused.
        if second & 64 == 0 && (options.start == 3 || first & 8 != 0) {
            let text = c"26e9aa58837d8095338f33e660463dbdf56c86c9:1000:3";
            known(unsafe { redtail_position_parse(text.as_ptr(), &mut options.position) });
        }
        options.label = if second & 128 != 0 { std::ptr::null() } else { LABEL.as_ptr() };
        options.limits = pointer(limits.as_deref());
        if user.len() > 1 {
            (options.user, options.password) = (user.as_ptr().cast(), user.as_ptr().cast());
        }
        options.buffer_size = 1024;
        let third = input.byte();
        options.snapshot_items = c_int::from(third & 2);
        options.lenient = c_int::from(third & 4);
        options.retry_refused_ms = u64::from(third & 8);
        Self { options, spare: third & 1 != 0, _limits: limits, _user: user }
    }

    pub(crate) fn options(&self) -> &redtail_options {
        &self.options
    }

    /// For tests that wait in real time.
    pub(crate) fn hurry(&mut self) {
        if self.options.no_reconnect == 0 && self.options.single_link == 0 {
            (self.options.backoff_first_ms, self.options.backoff_longest_ms) = (1, 1);
        }
        (self.options.connect_timeout_ms, self.options.write_timeout_ms) = (100, 100);
    }
}
