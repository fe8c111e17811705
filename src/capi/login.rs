//! Credentials of the caller.

use std::ffi::{CStr, c_char};

use crate::capi::boundary::{bytes, text};
use crate::net::Login;

/// # Safety
/// `user` is NULL or ends with NUL; `password` is NULL or has `len` bytes, or ends with NUL where `len` is 0.
pub(super) unsafe fn read(user: *const c_char, password: *const c_char, len: usize) -> Result<Login, String> {
    let mut login = Login::default();
    if !user.is_null() {
        // SAFETY: as promised.
        login.user = Some(unsafe { text(user) }.map_err(|what| format!("user {what}"))?.to_owned());
    }
    if password.is_null() && len > 0 {
        return Err(format!("password_len is {len}, but password is NULL"));
    }
    if !password.is_null() {
        // SAFETY: as promised.
        let password = unsafe {
            match len {
                0 => Some(CStr::from_ptr(password).to_bytes()),
                len => bytes(password, len),
            }
        };
        login.password = Some(password.ok_or("password_len exceeds memory")?.to_vec());
    }
    login.checked().map_err(|error| error.to_string())
}
