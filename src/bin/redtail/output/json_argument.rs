//! An argument as JSON.

use std::io::{self, Write};

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use redtail::resp::Quoted;

use crate::output::argument::Argument;

pub(super) fn push_argument(line: &mut impl Write, argument: Argument<'_>) -> io::Result<()> {
    match argument {
        Argument::Whole(bytes) => push_bytes(line, bytes),
        Argument::Omitted(length) => write!(line, "{{\"omitted\":{length}}}"),
        Argument::Pieces(length) => write!(line, "{{\"pieces\":{length}}}"),
    }
}

/// A string if it is valid UTF-8, else `{"base64":"…"}`.
fn push_bytes(line: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    // Most arguments need no escape: a search for one is faster than an encoder.
    if Quoted(bytes).is_plain() {
        line.write_all(b"\"")?;
        line.write_all(bytes)?;
        return line.write_all(b"\"");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(serde_json::to_writer(line, text)?),
        Err(_) => write!(line, "{{\"base64\":\"{}\"}}", Base64Display::new(bytes, &BASE64_STANDARD)),
    }
}
