//! The head of a recorded connection, as text.

use std::fmt::Write;

use crate::replication::{AttachMethod, OnFull, PsyncRequest, Role};

/// The head of a connection in a recording.
///
/// ```
/// use redtail::AttachMethod;
/// use redtail::io::recording::Link;
/// use redtail::replication::{OnFull, PsyncRequest};
///
/// let request = PsyncRequest::new(AttachMethod::Full, None, OnFull::Deliver);
/// let link = Link::new("127.0.0.1:6379", 1_700_000_000_000, request);
/// assert_eq!(link.psync_request.to_string(), "PSYNC ? -1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The server, as the recorder named it.
    pub target: String,
    /// The time of the request, in milliseconds since 1970.
    pub asked_ms: u64,
    /// The request.
    pub psync_request: PsyncRequest,
}

impl Link {
    /// A connection to `target`, on which the request was sent `asked_ms` milliseconds after 1970.
    #[must_use]
    pub fn new(target: impl Into<String>, asked_ms: u64, psync_request: PsyncRequest) -> Self {
        Self { target: target.into(), asked_ms, psync_request }
    }

    pub(super) fn text(&self) -> String {
        let Self { target, psync_request, .. } = self;
        let mut text = format!("target {}\n", target.replace(['\n', '\r'], " "));
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{name} {value}");
        };
        if let Some(server) = psync_request.server {
            line("server", &server);
        }
        if let Some(role) = psync_request.role {
            line("role", &role.as_str());
        }
        line("asked", psync_request);
        line("method", &psync_request.method.as_str());
        if let Some(from) = psync_request.from {
            line("from", &from);
        }
        line("full-resync", &psync_request.on_full.as_str());
        text
    }

    /// The error names the missing or invalid field.
    pub(super) fn read(text: &[u8], asked_ms: u64) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| "UTF-8")?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let from = field("from").map(str::parse).transpose().map_err(|_| "from")?;
        let psync_request = PsyncRequest {
            method: field("method").and_then(method).ok_or("method")?,
            from,
            on_full: field("full-resync").and_then(OnFull::from_name).ok_or("full-resync")?,
            server: field("server").and_then(|text| text.parse().ok()),
            role: field("role").and_then(role),
        };
        Ok(Self { target: field("target").unwrap_or_default().to_owned(), asked_ms, psync_request })
    }
}

fn method(name: &str) -> Option<AttachMethod> {
    use AttachMethod::{Continued, Filtered, Full, Info, Probed, Rewound, Sync};
    [Filtered, Info, Full, Continued, Rewound, Probed, Sync].into_iter().find(|method| method.as_str() == name)
}

fn role(name: &str) -> Option<Role> {
    [Role::Primary, Role::Replica].into_iter().find(|role| role.as_str() == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let from = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:?:0123456789012345678901234567890123456789";
        for (method, from, on_full) in [
            (AttachMethod::Filtered, None, OnFull::PassOver),
            (AttachMethod::Info, Some(from.parse().unwrap()), OnFull::Abandon),
            (AttachMethod::Full, None, OnFull::Deliver),
            (AttachMethod::Continued, Some(from.parse().unwrap()), OnFull::PassOver),
            (AttachMethod::Rewound, Some(from.parse().unwrap()), OnFull::Abandon),
            (AttachMethod::Probed, None, OnFull::Abandon),
            (AttachMethod::Sync, None, OnFull::Deliver),
        ] {
            let server = from.and_then(|_| "valkey 9.1.2".parse().ok());
            let psync_request = PsyncRequest { method, from, on_full, server, role: server.map(|_| Role::Replica) };
            let link = Link { target: "unix:/a b".into(), asked_ms: 5, psync_request };
            let text = format!("{}later-field x\n", link.text());
            assert_eq!(Link::read(text.as_bytes(), 5).unwrap(), link, "{text}");
        }
    }

    #[test]
    fn a_line_of_a_target_is_no_line_of_the_head() {
        let psync_request =
            PsyncRequest { method: AttachMethod::Sync, from: None, on_full: OnFull::Deliver, server: None, role: None };
        let link = Link { target: "a\nmethod full\r\n".into(), asked_ms: 0, psync_request };
        assert_eq!(Link::read(link.text().as_bytes(), 0).unwrap().psync_request, psync_request);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Link::read(b"full-resync deliver\n", 0), Err("method"));
        assert_eq!(Link::read(b"method full\n", 0), Err("full-resync"));
        assert_eq!(Link::read(b"method full\nfull-resync deliver\nfrom x\n", 0), Err("from"));
        assert_eq!(Link::read(b"method \xff", 0), Err("UTF-8"));
    }
}
