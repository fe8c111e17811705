//! Which server, and who we are to it.

use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use redtail::net::{Login, Socket, Target, Timeouts};
use redtail::{Builder, Follower};
use url::Url;

use crate::args::Server;
#[cfg(feature = "tls")]
use crate::notes;

/// A server as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) login: Credentials,
    pub(crate) security: Security,
}

/// Whether anybody on the way can listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    #[cfg(feature = "tls")]
    Tls(redtail::net::Tls),
}

impl Address {
    /// What the arguments and the environment say.
    pub(crate) fn of(server: &Server) -> Result<Self, String> {
        let address = Self::read(&server.target).map_err(|words| format!("TARGET: {words}"))?;
        let address = address.with_credentials(server.user.as_deref(), server.password_file.as_deref())?;
        #[cfg(feature = "tls")]
        let address = address.with_tls(&server.tls)?;
        Ok(address)
    }

    /// The way to this server, with a login that is asked for anew at every connect.
    pub(crate) fn builder(self) -> Builder {
        let Self { target, login, security } = self;
        let builder = Follower::builder(target.to_string()).login(move || login.read());
        match security {
            Security::Plain => builder,
            #[cfg(feature = "tls")]
            Security::Tls(tls) => builder.tls(tls),
        }
    }

    /// A connection to this server, for questions.
    pub(crate) fn connect(&self, timeouts: &Timeouts) -> io::Result<Socket> {
        match &self.security {
            Security::Plain => Socket::connect(&self.target, timeouts),
            #[cfg(feature = "tls")]
            Security::Tls(tls) => Socket::connect_tls(&self.target, timeouts, tls),
        }
    }

    /// Reads `host:port`, `unix:PATH` or a `redis://` URL. No error repeats the text where a password may be in it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("redis", _)) => Self::from_url(text),
            #[cfg(feature = "tls")]
            Some(("rediss", _)) => {
                Ok(Self { security: Security::Tls(redtail::net::Tls::new()), ..Self::from_url(text)? })
            }
            #[cfg(not(feature = "tls"))]
            Some(("rediss", _)) => Err("TLS (rediss://) is not in this build: build it with --features cli,tls, or reach the server \
                                        at its port without TLS"
                .into()),
            Some((scheme, _)) if scheme != "unix" => {
                Err(format!("{scheme}:// is not known here: write host:port, redis://host:port or unix:PATH"))
            }
            _ if text.contains('@') && !text.starts_with("unix:") => {
                Err("user and password belong in a URL, redis://user:password@host:port, or better in --user and --password-file"
                    .into())
            }
            _ => match text.parse() {
                Ok(target) => Ok(Self { target, login: Credentials::default(), security: Security::Plain }),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    #[cfg(feature = "tls")]
    fn with_tls(mut self, options: &crate::args::Tls) -> Result<Self, String> {
        let wanted = self.security != Security::Plain;
        if let Some(tls) = options.chosen(wanted)? {
            if matches!(self.target, Target::Unix(_)) {
                return Err("there is no TLS over a Unix socket: remove --tls".into());
            }
            if options.is_insecure() {
                notes::say(
                    "the server's certificate is not verified: whoever is in between can read and change everything",
                );
            }
            self.security = Security::Tls(tls);
        }
        Ok(self)
    }

    fn from_url(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}; write redis://host:port"))?;
        if !matches!(url.path(), "" | "/") {
            return Err(
                "a replication stream carries all databases: remove what stands behind the port in the URL".into()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("there are no options in the URL of a server: remove what stands behind the port".into());
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or("the URL has no host: write redis://host:port")?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = Target::Tcp { host: host.into(), port: url.port().unwrap_or(6379) };
        let user = Some(url.username()).filter(|user| !user.is_empty()).map(percent_decoded).transpose()?;
        let user = user.map(String::from_utf8).transpose().map_err(|_| "the user in the URL is not UTF-8")?;
        let password = url.password().map(percent_decoded).transpose()?.map(Password::Given);
        Ok(Self { target, login: Credentials { user, password }, security: Security::Plain })
    }

    /// Adds what `--user`, `--password-file` and the environment say.
    pub(crate) fn with_credentials(mut self, user: Option<&str>, file: Option<&Path>) -> Result<Self, String> {
        let login = &mut self.login;
        match (user, &login.user) {
            (Some(_), Some(_)) => return Err("there is a user in the URL and one in --user: keep one of them".into()),
            (Some(user), None) => login.user = Some(user.into()),
            (None, _) => {}
        }
        match (file, &login.password) {
            (Some(_), Some(_)) => {
                return Err("there is a password in the URL and one in --password-file: keep the file".into());
            }
            (Some(file), None) => login.password = Some(Password::File(file.into())),
            (None, Some(_)) => {}
            (None, None) => {
                let password = from_environment("REDTAIL_PASSWORD").or_else(|| from_environment("REDISCLI_AUTH"));
                login.password = password.map(Password::Given);
            }
        }
        if let (Some(user), None) = (&login.user, &login.password) {
            return Err(format!(
                "the user {user} has no password: give it with --password-file, or in the environment as REDTAIL_PASSWORD or \
                 REDISCLI_AUTH"
            ));
        }
        Ok(self)
    }
}

/// Who we are to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: Option<String>,
    password: Option<Password>,
}

#[derive(Clone, PartialEq, Eq)]
enum Password {
    Given(Vec<u8>),
    File(PathBuf),
}

impl Credentials {
    /// What to log in with now. A file is read anew at every connect: a password may change in a long life.
    pub(crate) fn read(&self) -> io::Result<Login> {
        let password = match &self.password {
            None => None,
            Some(Password::Given(password)) => Some(password.clone()),
            Some(Password::File(file)) => Some(password_in(file)?),
        };
        Ok(Login { user: self.user.clone(), password })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}

fn from_environment(name: &str) -> Option<Vec<u8>> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into_encoded_bytes())
}

fn password_in(file: &Path) -> io::Result<Vec<u8>> {
    let mut password = fs::read(file).map_err(|error| {
        let words = format!(
            "can't read {}: {error}; --password-file takes a file that holds the password alone",
            file.display()
        );
        io::Error::new(error.kind(), words)
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
        decoded.push(
            value.ok_or("a % in the user or password of a URL is written %25 (and @ is %40, : is %3A, / is %2F)")?,
        );
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
        let login = address.login.read().unwrap();
        assert_eq!(login.user.as_deref(), Some("c@c"));
        assert_eq!(login.password.as_deref(), Some(b"p%w/\0".as_slice()));
        let address = Address::read("redis://:secret@[::1]").unwrap();
        let login = address.login.read().unwrap();
        assert_eq!((address.target, login.user), (tcp("::1", 6379), None));
        assert_eq!(login.password.as_deref(), Some(b"secret".as_slice()));
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
