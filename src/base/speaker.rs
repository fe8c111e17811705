//! Programs that answer instead of a Redis or Valkey server.

use core::fmt;

/// The kind of program that sends these bytes first, or as its answer to a request.
fn speaker(heard: &[u8]) -> Option<&'static str> {
    let is_code = |code: &[u8]| code.iter().all(u8::is_ascii_digit);
    match heard {
        [b'H', b'T', b'T', b'P', b'/', ..] | [b'<', ..] => Some("an HTTP server"),
        [b'S', b'S', b'H', b'-', ..] => Some("an SSH server"),
        // The record of an alert.
        [0x15, 0x03, ..] => Some("a server that requires TLS"),
        [0x16, 0x03, ..] => Some("a TLS client"),
        [b'E', b'R', b'R', b'O', b'R', b'\r' | b'\n', ..] => Some("a memcached server"),
        [one, two, three, b' ' | b'-', ..] if is_code(&[*one, *two, *three]) => Some("a mail or FTP server"),
        _ => None,
    }
}

/// `an HTTP server answers: "HTTP/1.1 400 Bad Request"`: the first line, without control characters.
pub(crate) struct Answers<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Answers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.0 {
            [] => return Ok(()),
            [b'+' | b'-', ..] => "a server",
            heard => speaker(heard).unwrap_or("something that is not Redis or Valkey"),
        };
        write!(f, "{who} answers: \"")?;
        let line = self.0.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        write!(f, "{}\"", line.escape_ascii())
    }
}
