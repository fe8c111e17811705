//! The server to connect to: an address, or a name known to Sentinels.

use std::fmt;

use redtail::net::Target;

/// An address, or a name known to Sentinels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Server(Target),
    /// The primary with this name.
    Watched {
        sentinels: Vec<Target>,
        name: String,
    },
}

const EXAMPLE: &str = "write redis+sentinel://host:port,host:port/name, with the name of the primary at the Sentinels";

impl Endpoint {
    /// Reads the text after `redis+sentinel://`, without credentials: `host[:port],host[:port]/name`.
    pub(crate) fn watched(text: &str) -> Result<Self, String> {
        let (hosts, name) = text.split_once('/').unwrap_or((text, ""));
        if name.is_empty() || name.contains(['/', '?', '#']) {
            return Err(format!("the URL has no name of a primary: {EXAMPLE}"));
        }
        let sentinels = hosts.split(',').map(|host| sentinel(host).map_err(|message| format!("{message}; {EXAMPLE}")));
        Ok(Self::Watched { sentinels: sentinels.collect::<Result<_, _>>()?, name: name.into() })
    }
}

fn sentinel(host: &str) -> Result<Target, String> {
    let has_port = host.rsplit_once(':').is_some_and(|(before, _)| !host.ends_with(']') && !before.is_empty());
    let text = if has_port || host.is_empty() { host.to_owned() } else { format!("{host}:26379") };
    text.parse().map_err(|error: redtail::net::TargetError| error.to_string())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(target) => target.fmt(f),
            Self::Watched { sentinels, name } => {
                let sentinels: Vec<_> = sentinels.iter().map(Target::to_string).collect();
                write!(f, "redis+sentinel://{}/{name}", sentinels.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_by_address_with_a_name() {
        let endpoint = Endpoint::watched("a,b:7000,[::1],[::2]:1/my master").unwrap();
        assert_eq!(endpoint.to_string(), "redis+sentinel://a:26379,b:7000,[::1]:26379,[::2]:1/my master");
        for text in ["a:1", "a:1/", "a:1/m?x", "a:1,/m", "/m", "a:x/m"] {
            let message = Endpoint::watched(text).unwrap_err();
            assert!(message.contains(EXAMPLE), "{text}: {message}");
        }
    }
}
