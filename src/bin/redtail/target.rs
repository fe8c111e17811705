//! Which server, and who we are to it.

use std::path::Path;
use std::{env, fs};

use redtail::net::Target;
use url::Url;

/// A server as given on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

impl Address {
    /// Reads `host:port`, `unix:PATH` or a `redis://` URL. No error repeats the text where a password may be in it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("redis", _)) => Self::from_url(text),
            Some(("rediss", _)) => Err("TLS (rediss://) is not in this build; reach the server through a TLS proxy such as \
                                        stunnel, or at its port without TLS"
                .into()),
            Some((scheme, _)) if scheme != "unix" => {
                Err(format!("{scheme}:// is not known here: write host:port, redis://host:port or unix:PATH"))
            }
            _ if text.contains('@') && !text.starts_with("unix:") => {
                Err("user and password belong in a URL, redis://user:password@host:port, or better in --user and --password-file"
                    .into())
            }
            _ => match text.parse() {
                Ok(target) => Ok(Self { target, user: None, password: None }),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn from_url(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}; write redis://host:port"))?;
        if !matches!(url.path(), "" | "/") {
            return Err("a replication stream carries all databases: remove what stands behind the port in the URL".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("there are no options in the URL of a server: remove what stands behind the port".into());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the URL has no host: write redis://host:port")?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = Target::Tcp { host: host.into(), port: url.port().unwrap_or(6379) };
        let user = Some(url.username()).filter(|user| !user.is_empty()).map(percent_decoded).transpose()?;
        let user = user.map(String::from_utf8).transpose().map_err(|_| "the user in the URL is not UTF-8")?;
        let password = url.password().map(percent_decoded).transpose()?;
        Ok(Self { target, user, password })
    }

    /// Adds what `--user`, `--password-file` and the environment say.
    pub(crate) fn with_credentials(mut self, user: Option<&str>, file: Option<&Path>) -> Result<Self, Wrong> {
        match (user, &self.user) {
            (Some(_), Some(_)) => {
                return Err(Wrong::Usage("there is a user in the URL and one with --user: keep one of them".into()));
            }
            (Some(user), None) => self.user = Some(user.into()),
            (None, _) => {}
        }
        match (file, &self.password) {
            (Some(_), Some(_)) => {
                return Err(Wrong::Usage(
                    "there is a password in the URL and one with --password-file: keep the file".into(),
                ));
            }
            (Some(file), None) => self.password = Some(password_in(file).map_err(Wrong::File)?),
            (None, Some(_)) => {}
            (None, None) => self.password = from_environment("REDTAIL_PASSWORD").or_else(|| from_environment("REDISCLI_AUTH")),
        }
        if let (Some(user), None) = (&self.user, &self.password) {
            return Err(Wrong::Usage(format!(
                "user {user} has no password: give it with --password-file, or in the environment as REDTAIL_PASSWORD or REDISCLI_AUTH"
            )));
        }
        Ok(self)
    }
}

/// What is wrong with credentials.
#[derive(Debug)]
pub(crate) enum Wrong {
    Usage(String),
    File(String),
}

fn from_environment(name: &str) -> Option<Vec<u8>> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into_encoded_bytes())
}

fn password_in(file: &Path) -> Result<Vec<u8>, String> {
    let mut password = fs::read(file).map_err(|error| {
        format!("can't read the password file {}: {error}; --password-file takes a file with nothing but the password", file.display())
    })?;
    if password.last() == Some(&b'\n') {
        password.pop();
        if password.last() == Some(&b'\r') {
            password.pop();
        }
    }
    Ok(password)
}

/// Strict: a stray `%` in a password would otherwise be a wrong password that nobody understands.
fn percent_decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(value.ok_or("a % in the user or password of a URL is written %25 (and @ is %40, : is %3A, / is %2F)")?);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Target {
        Target::Tcp { host: host.into(), port }
    }

    #[test]
    fn a_url_may_hold_credentials() {
        let address = Address::read("redis://c%40c:p%25w%2F%00@db.internal:7000").unwrap();
        assert_eq!(address.target, tcp("db.internal", 7000));
        assert_eq!(address.user.as_deref(), Some("c@c"));
        assert_eq!(address.password.as_deref(), Some(b"p%w/\0".as_slice()));
        let address = Address::read("redis://:secret@[::1]").unwrap();
        assert_eq!((address.target, address.user), (tcp("::1", 6379), None));
        assert_eq!(address.password.as_deref(), Some(b"secret".as_slice()));
    }

    #[test]
    fn plain_targets() {
        assert_eq!(Address::read("localhost:6379").unwrap().target, tcp("localhost", 6379));
        assert_eq!(Address::read("unix:/run/a@b.sock").unwrap().target, Target::Unix("/run/a@b.sock".into()));
        assert_eq!(Address::read("redis://localhost/").unwrap().target, tcp("localhost", 6379));
    }

    #[test]
    fn errors_say_what_to_do_and_keep_passwords() {
        for (text, word) in [
            ("rediss://u:hunter2@h", "TLS"),
            ("redis://u:hunter2@h:6379/3", "all databases"),
            ("redis://u:hunter2@h:6379?x=1", "no options"),
            ("redis://u:hunter2%@h:6379", "%25"),
            ("redis://u:hunter2@", "redis://host:port"),
            ("redis://u:hunter2@h:99999", "redis://host:port"),
            ("u:hunter2@h:6379", "--password-file"),
            ("http://u:hunter2@h", "host:port"),
            ("localhost", "localhost:6379"),
        ] {
            let error = Address::read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }
}
