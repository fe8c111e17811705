//! The first part of a target: `rediss://`.

/// The part of a URL before `://`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// `rediss`, `valkeys`.
    pub(crate) tls: bool,
    /// `+sentinel`: the hosts are Sentinels.
    pub(crate) sentinels: bool,
}

impl Scheme {
    /// The scheme, and the text after it. `None` for a text without a scheme of a server.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let (scheme, sentinels) = match scheme.strip_suffix("+sentinel") {
            Some(scheme) => (scheme, true),
            None => (scheme, false),
        };
        let tls = match scheme {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return None,
        };
        Some((Self { tls, sentinels }, rest))
    }
}
