//! The address of a server, with credentials and TLS.

use std::io;
use std::path::Path;

use redtail::io::recording::Recorder;
use redtail::net::{Login, Socket, Source, Target, TargetError, Timeouts};
use redtail::topology::{FoundServer, Sentinel, SentinelError};
use redtail::{Builder, Error, Follower, Handle, Options};
use url::Url;

use crate::args::{Scheme, Server};
use crate::failure::Failure;
use crate::target::credentials::{Credentials, ENCODING, Password, from_environment, percent_decoded};
use crate::target::endpoint::Endpoint;
use crate::target::introduction;
use crate::terminal::log;

/// A server as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) endpoint: Endpoint,
    pub(crate) login: Credentials,
    pub(crate) security: Security,
    sentinels: SentinelOptions,
}

impl Security {
    /// The security of an address that asks for TLS.
    fn wanted() -> Result<Self, String> {
        #[cfg(feature = "tls")]
        return Ok(Self::Tls(redtail::net::Tls::new()));
        #[cfg(not(feature = "tls"))]
        Err("this build has no TLS (rediss://): build with --features cli,tls, or use the port of the server without \
             TLS"
        .into())
    }

    fn connect(&self, target: &Target, timeouts: &Timeouts) -> io::Result<Socket> {
        match self {
            Self::Plain => Socket::connect(target, timeouts),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Socket::connect_tls(target, timeouts, tls),
        }
    }
}

/// The credentials and the security for Sentinels, and the choice between primary and replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SentinelOptions {
    login: Credentials,
    security: Security,
    prefer_replica: bool,
}

/// The security of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Security {
    #[default]
    Plain,
    #[cfg(feature = "tls")]
    Tls(redtail::net::Tls),
}

/// The configuration of a follower of any endpoint.
struct FollowerConfig {
    login: Credentials,
    handle: Handle,
    options: Options,
    recorder: Option<Recorder>,
}

impl FollowerConfig {
    fn connect<S: Source<Transport = Socket>>(self, builder: Builder<S>) -> Result<Follower, Error> {
        let Self { login, handle, options, recorder } = self;
        let builder = builder.options(options).handle(handle).login(move || login.read());
        match recorder {
            Some(recorder) => builder.record(recorder).connect(),
            None => builder.connect(),
        }
    }
}

impl Address {
    /// Reads the address from arguments and environment.
    pub(crate) fn of(server: &Server) -> Result<Self, String> {
        let address = Self::read(&server.target).map_err(|message| format!("TARGET: {message}"))?;
        let address = if server.ask_password { address.asking(server.user.as_deref())? } else { address };
        let address = address.with_credentials(server.user.as_deref(), server.password_file.as_deref())?;
        #[cfg(feature = "tls")]
        let address = {
            let wanted = server.tls.is_wanted() || address.security != Security::Plain;
            address.with_tls(&server.tls, wanted)
        };
        address.with_sentinels(server)
    }

    /// Reads the address of the server that a target is compared with. `server`: the options for TLS and Sentinels.
    pub(crate) fn of_source(text: &str, password_file: Option<&Path>, server: &Server) -> Result<Self, String> {
        let mut address = Self::read(text).map_err(|message| format!("the source: {message}"))?;
        let login = &mut address.login;
        match (password_file, &login.password) {
            (Some(_), Some(_)) => {
                return Err("the URL and --source-password-file both give a password: remove it from the URL".into());
            }
            (Some(file), None) => login.password = Some(Password::File(file.into())),
            (None, Some(_)) => {}
            (None, None) => login.password = from_environment("REDTAIL_SOURCE_PASSWORD").map(Password::Environment),
        }
        if let (Some(user), None) = (&login.user, &login.password) {
            return Err(format!(
                "the user {user} of the source has no password: give it with --source-password-file, or in the \
                 environment as REDTAIL_SOURCE_PASSWORD; for a nopass user, give an empty file"
            ));
        }
        #[cfg(feature = "tls")]
        let address = {
            let wanted = address.security != Security::Plain;
            address.with_tls(&server.tls, wanted)
        };
        address.with_sentinels(server)
    }

    /// Follows this server. The credentials are read before each connect.
    pub(crate) fn follow(
        self,
        handle: Handle,
        options: Options,
        recorder: Option<Recorder>,
    ) -> Result<Follower, Failure> {
        let Self { endpoint, login, security, sentinels } = self;
        let SentinelOptions { login: to_sentinels, security: sentinel_security, prefer_replica } = sentinels;
        let config = FollowerConfig { login, handle, options, recorder };
        match endpoint {
            Endpoint::Server(target) => {
                let builder = Follower::builder(target.to_string());
                let builder = match security {
                    Security::Plain => builder,
                    #[cfg(feature = "tls")]
                    Security::Tls(tls) => builder.tls(tls),
                };
                Ok(config.connect(builder)?)
            }
            Endpoint::Watched { sentinels, name } => {
                let sentinels = sentinels.iter().map(Target::to_string);
                let builder =
                    Sentinel::builder(sentinels, name).map_err(|error| Failure::Message(error.to_string()))?;
                let builder = builder.sentinel_login(move || to_sentinels.read()).prefer_replica(prefer_replica);
                let builder = builder.on_warning(|warning| log::warn(warning));
                let builder = match security {
                    Security::Plain => builder,
                    #[cfg(feature = "tls")]
                    Security::Tls(tls) => builder.tls(tls),
                };
                let builder = match sentinel_security {
                    Security::Plain => builder,
                    #[cfg(feature = "tls")]
                    Security::Tls(tls) => builder.sentinel_tls(tls),
                };
                Ok(config.connect(builder)?)
            }
        }
    }

    /// The current address of the server. Asks the Sentinels.
    pub(crate) fn server(&self) -> Result<Target, SentinelError> {
        match &self.endpoint {
            Endpoint::Server(target) => Ok(target.clone()),
            Endpoint::Watched { sentinels, name } => Ok(self.find(sentinels, name)?.target),
        }
    }

    /// The server that these Sentinels report.
    pub(crate) fn find(&self, sentinels: &[Target], name: &str) -> Result<FoundServer, SentinelError> {
        let sentinels = sentinels.iter().map(Target::to_string);
        let SentinelOptions { login, security, prefer_replica } = &self.sentinels;
        let login = login.clone();
        let sentinel = Sentinel::builder(sentinels, name)?.prefer_replica(*prefer_replica).label(introduction::label());
        let sentinel = sentinel.sentinel_login(move || login.read());
        let mut sentinel = match security {
            Security::Plain => sentinel,
            #[cfg(feature = "tls")]
            Security::Tls(tls) => sentinel.sentinel_tls(tls.clone()),
        };
        sentinel.find()
    }

    /// Reads the credentials for the Sentinels.
    pub(crate) fn sentinel_login(&self) -> io::Result<Login> {
        self.sentinels.login.read()
    }

    /// The credentials for the Sentinels, as options of a command line.
    pub(crate) fn sentinel_options(&self) -> Vec<String> {
        self.sentinels.login.options("--sentinel-")
    }

    /// Opens a connection to a server for commands.
    pub(crate) fn connect(&self, target: &Target, timeouts: &Timeouts) -> io::Result<Socket> {
        self.security.connect(target, timeouts)
    }

    /// Opens a connection to a Sentinel.
    pub(crate) fn connect_sentinel(&self, target: &Target, timeouts: &Timeouts) -> io::Result<Socket> {
        self.sentinels.security.connect(target, timeouts)
    }

    /// The URL scheme for other addresses with the same security.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.security {
            Security::Plain => "",
            #[cfg(feature = "tls")]
            Security::Tls(_) => "rediss://",
        }
    }

    /// The URL scheme for Sentinels with the same security.
    pub(crate) fn sentinel_scheme(&self) -> &'static str {
        match self.security {
            Security::Plain => "redis+sentinel://",
            #[cfg(feature = "tls")]
            Security::Tls(_) => "rediss+sentinel://",
        }
    }

    /// Reads `[user@]host:port`, `unix:PATH` or the URL of a server. An error never repeats a text that may contain a
    /// password.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = Scheme::split(text) {
            let security = if scheme.tls { Security::wanted()? } else { Security::Plain };
            let plain = if scheme.sentinels { Self::from_sentinels(rest) } else { Self::from_url(rest) };
            return Ok(Self { security, ..plain? });
        }
        if text.starts_with("unix:") {
            return Self::at_target(text);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!(
                "{scheme}:// is not supported: write host:port, redis://host:port, redis+sentinel://host:port/name or \
                 unix:PATH"
            ));
        }
        match text.rsplit_once('@') {
            Some((login, _)) if login.contains(':') => Err(
                "a password needs a URL, redis://user:password@host:port; better user@host:port and --password-file"
                    .into(),
            ),
            Some(_) => Self::from_url(text),
            // A path begins with a slash.
            None if text.find('/').is_some_and(|at| at > 0) => Self::from_url(text),
            None => Self::at_target(text),
        }
    }

    #[cfg(feature = "tls")]
    fn with_tls(mut self, options: &crate::args::Tls, wanted: bool) -> Self {
        if let Some(tls) = options.chosen(wanted) {
            if options.is_insecure() {
                log::say(
                    "the server's certificate is not verified: an attacker on the network can read and change \
                     everything",
                );
            }
            if !options.sentinel_no_tls {
                self.sentinels.security = Security::Tls(tls.clone());
            }
            if wanted {
                self.security = Security::Tls(tls);
            }
        }
        self
    }

    fn at_target(text: &str) -> Result<Self, String> {
        let target = text.parse().map_err(|error: TargetError| error.to_string())?;
        Ok(Self::at(Endpoint::Server(target), Credentials::default()))
    }

    fn at(endpoint: Endpoint, login: Credentials) -> Self {
        Self { endpoint, login, security: Security::Plain, sentinels: SentinelOptions::default() }
    }

    fn with_sentinels(mut self, server: &Server) -> Result<Self, String> {
        let Server { sentinel_user, sentinel_password_file, prefer_replica, .. } = server;
        if let Endpoint::Server(_) = self.endpoint {
            return Ok(self);
        }
        let file = sentinel_password_file.as_ref().map(|file| Password::File(file.clone()));
        let password = file.or_else(|| from_environment("REDTAIL_SENTINEL_PASSWORD").map(Password::Environment));
        if let (Some(user), None) = (sentinel_user, &password) {
            return Err(format!(
                "the user {user} of the Sentinels has no password: give it with --sentinel-password-file, or in the \
                 environment as REDTAIL_SENTINEL_PASSWORD; for a nopass user, give an empty file"
            ));
        }
        let login = Credentials { user: sentinel_user.clone(), password };
        (self.sentinels.login, self.sentinels.prefer_replica) = (login, *prefer_replica);
        Ok(self)
    }

    /// Reads the text after `redis+sentinel://`. The credentials are those of the servers.
    fn from_sentinels(text: &str) -> Result<Self, String> {
        let (login, endpoint) = split_login(text)?;
        Ok(Self::at(Endpoint::watched(endpoint)?, login))
    }

    /// Reads the text after `redis://`.
    fn from_url(text: &str) -> Result<Self, String> {
        let (login, location) = split_login(text)?;
        let url = Url::parse(&format!("redis://{location}"));
        let url = url.map_err(|error| format!("not a URL: {error}; write redis://host:port"))?;
        if !matches!(url.path(), "" | "/" | "/0") {
            return Err(
                "a replication stream contains all databases: remove the database from the URL; --db of tail, \
                        snapshot and decode selects one"
                    .into(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the URL of a server has no options: remove the text after the port".into());
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or("the URL has no host: write redis://host:port")?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = Target::Tcp { host: host.into(), port: url.port().unwrap_or(6379) };
        Ok(Self::at(Endpoint::Server(target), login))
    }

    /// Asks a person for the password of this user, or of the user in the address.
    fn asking(mut self, user: Option<&str>) -> Result<Self, String> {
        if self.login.password.is_some() {
            return Err("the URL and --ask-password both give a password: remove it from the URL".into());
        }
        let user = user.or(self.login.user.as_deref());
        let of = user.map_or_else(|| self.endpoint.to_string(), |user| format!("{user} at {}", self.endpoint));
        self.login.password = Some(Password::asked(&of)?);
        Ok(self)
    }

    /// Adds `--user`, `--password-file` and the environment.
    pub(crate) fn with_credentials(mut self, user: Option<&str>, file: Option<&Path>) -> Result<Self, String> {
        let login = &mut self.login;
        match (user, &login.user) {
            (Some(_), Some(_)) => return Err("the URL and --user both give a user: remove one of them".into()),
            (Some(user), None) => login.user = Some(user.into()),
            (None, _) => {}
        }
        match (file, &login.password) {
            (Some(_), Some(_)) => {
                return Err("the URL and --password-file both give a password: remove it from the URL".into());
            }
            (Some(file), None) => login.password = Some(Password::File(file.into())),
            (None, Some(_)) => {}
            (None, None) => {
                let password = from_environment("REDTAIL_PASSWORD").or_else(|| from_environment("REDISCLI_AUTH"));
                login.password = password.map(Password::Environment);
            }
        }
        if let (Some(user), None) = (&login.user, &login.password) {
            return Err(format!(
                "the user {user} has no password: give it with --password-file, or in the environment as \
                 REDTAIL_PASSWORD or REDISCLI_AUTH; for a nopass user, --password-file with an empty file"
            ));
        }
        Ok(self)
    }
}

/// Splits `[user[:password]@]location`.
fn split_login(text: &str) -> Result<(Credentials, &str), String> {
    let Some((login, location)) = text.rsplit_once('@') else { return Ok((Credentials::default(), text)) };
    // A URL ends its host at each of these, so other programs would read another host and another password.
    if login.contains(['/', '?', '#']) {
        return Err(ENCODING.into());
    }
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(Password::Given(percent_decoded(password)?))),
        None => (login, None),
    };
    let user = Some(user).filter(|user| !user.is_empty()).map(percent_decoded).transpose()?;
    let user = user
        .map(String::from_utf8)
        .transpose()
        .map_err(|_| "the user in the URL is not UTF-8: correct its % escapes, or use --user")?;
    Ok((Credentials { user, password }, location))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Server(Target::Tcp { host: host.into(), port })
    }

    #[test]
    fn a_name_among_sentinels() {
        let address = Address::read("redis+sentinel://cdc:p%40@a:1,b/mymaster").unwrap();
        assert_eq!(address.endpoint.to_string(), "redis+sentinel://a:1,b:26379/mymaster");
        let login = address.login.read().unwrap();
        assert_eq!((login.user.as_deref(), login.password.as_deref()), (Some("cdc"), Some(b"p@".as_slice())));
    }

    #[test]
    fn a_url_may_hold_credentials() {
        let address = Address::read("redis://c%40c:p%25w%2F%00@db.internal:7000").unwrap();
        assert_eq!(address.endpoint, tcp("db.internal", 7000));
        let login = address.login.read().unwrap();
        assert_eq!(login.user.as_deref(), Some("c@c"));
        assert_eq!(login.password.as_deref(), Some(b"p%w/\0".as_slice()));
        let address = Address::read("redis://:secret@[::1]").unwrap();
        let login = address.login.read().unwrap();
        assert_eq!((address.endpoint, login.user), (tcp("::1", 6379), None));
        assert_eq!(login.password.as_deref(), Some(b"secret".as_slice()));
    }

    #[test]
    fn plain_targets() {
        assert_eq!(Address::read("localhost:6379").unwrap().endpoint, tcp("localhost", 6379));
        assert_eq!(
            Address::read("unix:/run/a@b.sock").unwrap().endpoint,
            Endpoint::Server(Target::Unix("/run/a@b.sock".into()))
        );
        for text in ["redis://localhost/", "redis://localhost/0", "valkey://localhost", "localhost:6379/0"] {
            assert_eq!(Address::read(text).unwrap().endpoint, tcp("localhost", 6379), "{text}");
        }
    }

    #[test]
    fn a_user_needs_no_url() {
        for (text, user, endpoint) in [
            ("cdc@localhost:7000", "cdc", tcp("localhost", 7000)),
            ("cdc@localhost", "cdc", tcp("localhost", 6379)),
            ("c%40c@[::1]:7000/0", "c@c", tcp("::1", 7000)),
            ("valkey://cdc@localhost", "cdc", tcp("localhost", 6379)),
        ] {
            let address = Address::read(text).unwrap();
            let login = address.login.read().unwrap();
            assert_eq!(
                (address.endpoint, login.user.as_deref(), login.password),
                (endpoint, Some(user), None),
                "{text}"
            );
        }
    }

    #[test]
    fn the_last_at_sign_ends_the_password() {
        let address = Address::read("redis://cdc:p@ss:word@localhost").unwrap();
        assert_eq!(address.login.read().unwrap().password.as_deref(), Some(b"p@ss:word".as_slice()));
        assert_eq!(address.endpoint, tcp("localhost", 6379));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn schemes_of_both_products_mean_the_same() {
        for (redis, valkey) in [
            ("redis://h:1", "valkey://h:1"),
            ("rediss://u:p@h", "valkeys://u:p@h"),
            ("redis+sentinel://h:1/m", "valkey+sentinel://h:1/m"),
            ("rediss+sentinel://h:1/m", "valkeys+sentinel://h:1/m"),
        ] {
            let (redis, valkey) = (Address::read(redis).unwrap(), Address::read(valkey).unwrap());
            assert_eq!(redis, valkey);
        }
        assert_ne!(Address::read("valkeys://h").unwrap().security, Security::Plain);
    }

    #[test]
    fn errors_say_what_to_do_and_keep_passwords() {
        for (text, word) in [
            #[cfg(not(feature = "tls"))]
            ("rediss://u:hunter2@h", "TLS"),
            #[cfg(feature = "tls")]
            ("rediss://u:hunter2@h/3", "all databases"),
            ("redis://u:hunter2@h:6379/3", "all databases"),
            ("redis://u:hunter2@h:6379?x=1", "no options"),
            ("redis://u:hunter2%@h:6379", "%25"),
            ("redis://u:hunter2#x@h:6379", "# %23"),
            ("redis://u:hunter2/x@h:6379", "/ %2F"),
            ("redis://u:hunter2?x@h:6379", "? %3F"),
            ("redis://u:@hunter2/x@h:6379", "@ %40"),
            ("redis+sentinel://u:hunter2#x@h:1/m", "# %23"),
            ("u:hunter2@h", "better user@host:port"),
            ("u@h:6379/3", "all databases"),
            ("u@h:hunter2", "redis://host:port"),
            ("redis://u:hunter2@", "redis://host:port"),
            ("redis://u:hunter2@h:99999", "redis://host:port"),
            ("redis+sentinel://u:hunter2@h:1", "no name of a primary"),
            ("redis+sentinel://u:hunter2@h:x/m", "is not a port"),
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
