//! The address of a server as text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The address of a server. Its text form is `host:port`, `[::1]:6379` or `unix:PATH`.
///
/// ```
/// # use redtail::net::Target;
/// let target: Target = "[::1]:6379".parse()?;
/// assert_eq!(target, Target::Tcp { host: "::1".into(), port: 6379 });
/// assert_eq!(target.to_string(), "[::1]:6379");
/// assert!("localhost".parse::<Target>().unwrap_err().to_string().contains("localhost:6379"));
/// # Ok::<(), redtail::net::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// A TCP port.
    Tcp {
        /// A name or an IP address; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(TargetError::NoPath) } else { Ok(Self::Unix(path.into())) };
        }
        if text.contains("//") {
            return Err(TargetError::Url);
        }
        if text.contains('@') {
            return Err(TargetError::Login);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(|| TargetError::NoPort(text.into()))?,
            None => text.rsplit_once(':').ok_or_else(|| TargetError::NoPort(text.into()))?,
        };
        if host.is_empty() {
            return Err(TargetError::NoHost(text.into()));
        }
        if host.contains(':') && !text.starts_with('[') {
            return Err(TargetError::Brackets(text.into()));
        }
        match port.parse() {
            // Rust's own parser would accept a plus sign.
            Ok(number @ 1..) if !port.starts_with('+') => Ok(Self::Tcp { host: host.into(), port: number }),
            _ => Err(TargetError::Port(port.into())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The reason why a text is not a [`Target`].
///
/// ```
/// let error = "localhost".parse::<redtail::net::Target>().unwrap_err();
/// assert!(error.to_string().contains("localhost:6379"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There is no port.
    #[error("{0:?} has no port: write host:port, for example {example}, or unix:PATH", example = example(.0))]
    NoPort(String),
    /// There is no host.
    #[error("{0:?} has no host: write host:port, for example 127.0.0.1:6379, or unix:PATH")]
    NoHost(String),
    /// The port is not a number from 1 to 65535.
    #[error("{0:?} is not a port: write host:port with a number from 1 to 65535, or unix:PATH")]
    Port(String),
    /// An IPv6 address without brackets.
    #[error("{0:?} is ambiguous: write an IPv6 address in brackets, for example [::1]:6379")]
    Brackets(String),
    /// There is no path after `unix:`.
    #[error("there is no path after unix: (write unix:/path/of/the.sock)")]
    NoPath,
    /// A URL. The message does not repeat it, because it may contain a password.
    #[error("this is a URL: write host:port or unix:PATH")]
    Url,
    /// User or password before an `@`. The message does not repeat them.
    #[error("an address has no user or password: write host:port, and set user and password as options")]
    Login,
}

/// An address for a message: the text with a port, if that is an address.
fn example(text: &str) -> String {
    let with_port = format!("{text}:6379");
    let is_address = !text.contains(char::is_whitespace) && with_port.parse::<Target>().is_ok();
    if is_address { with_port } else { "127.0.0.1:6379".into() }
}
