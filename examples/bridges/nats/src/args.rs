//! The command line.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use redtail::net::Login;

/// Publish every write of a Redis or Valkey server, or of a whole cluster, into one NATS JetStream stream: in order,
/// transactions whole, each write exactly once after the broker's deduplication.
#[derive(Clone, Parser)]
#[command(
    version,
    after_help = "Passwords are read from files or the environment, never from arguments, which every user of the machine can read.\n\n\
        Exit codes: 0 ended by a signal, the confirmed position is saved; 1 a temporary failure, start it again;\n\
        2 invalid arguments, files or stream settings; 4 history was lost: an operator must choose --on-gap."
)]
pub(crate) struct Args {
    /// The server to follow, host:port or unix:PATH; with --cluster some of its nodes, with --sentinel the Sentinels
    #[arg(required = true, value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
    /// Follow every primary of the cluster
    #[arg(long, conflicts_with = "sentinel")]
    pub(crate) cluster: bool,
    /// Follow the primary that the Sentinels know by this name
    #[arg(long, value_name = "NAME")]
    pub(crate) sentinel: Option<String>,
    /// The file with the position that the broker has confirmed
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,

    /// The ACL user on the servers
    #[arg(long, env = "REDTAIL_USER")]
    user: Option<String>,
    /// A file with the user's password, read again at each connect; default: the environment's REDTAIL_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the Sentinels' password
    #[arg(long, value_name = "FILE")]
    sentinel_password_file: Option<PathBuf>,
    /// TLS to the servers
    #[cfg(feature = "tls")]
    #[arg(long)]
    tls: bool,
    /// The CA file for the servers' certificates, PEM; default: the system's
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls")]
    cacert: Option<PathBuf>,

    /// URLs of the broker, separated by commas; tls:// for TLS
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222", value_delimiter = ',', value_parser = broker)]
    pub(crate) broker: Vec<String>,
    /// A NATS credentials file (JWT and key)
    #[cfg(feature = "nkeys")]
    #[arg(long, value_name = "FILE", group = "broker_login")]
    pub(crate) broker_creds: Option<PathBuf>,
    /// The user on the broker
    #[arg(long, value_name = "USER", group = "broker_login")]
    pub(crate) broker_user: Option<String>,
    /// A file with the user's password, or with a token if there is no user; default: the environment's NATS_PASSWORD
    #[arg(long, value_name = "FILE")]
    broker_password_file: Option<PathBuf>,
    /// The CA file for the broker's certificate, PEM; default: the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) broker_cacert: Option<PathBuf>,

    /// The stream; created if it does not exist
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: String,
    /// Subjects are PREFIX.PARTITION [default: the stream's name]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// The number of partitions; a key is in the partition of its hash slot modulo N. Do not change it for a stream
    /// that has messages
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    pub(crate) partitions: u16,
    /// The deduplication window of the stream: longer than the longest outage to survive without repetitions
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub(crate) window: Duration,
    /// The number of copies of a new stream in a cluster of brokers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: usize,

    /// If the server no longer has the next part of the stream: end with exit code 4, or publish a gap and continue
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    pub(crate) on_gap: OnGap,
    /// If a message exceeds the broker's max_payload: end, or publish it with {"omitted":BYTES} for its long arguments
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    pub(crate) too_large: TooLarge,
    /// The maximum number of messages that wait for the broker's confirmation
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..=4000))]
    pub(crate) in_flight: u16,
    /// The maximum MiB of waiting messages; when reached, the shards wait, and send their primaries heartbeats
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    pub(crate) memory: usize,
    /// The maximum MiB of one transaction; a larger one ends the bridge
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) max_transaction: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnGap {
    Stop,
    Continue,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TooLarge {
    Stop,
    Omit,
}

impl Args {
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(&self.stream)
    }

    /// Called at each connect to a server.
    pub(crate) fn login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        let (user, file) = (self.user.clone(), self.password_file.clone());
        move || {
            let password = secret(file.as_deref(), "REDTAIL_PASSWORD")?;
            let mut login = Login::default();
            (login.user, login.password) = (user.clone(), password.map(String::into_bytes));
            Ok(login)
        }
    }

    pub(crate) fn sentinel_login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        let file = self.sentinel_password_file.clone();
        move || {
            let password = secret(file.as_deref(), "REDTAIL_SENTINEL_PASSWORD")?;
            Ok(password.map_or_else(Login::default, Login::password))
        }
    }

    pub(crate) fn broker_password(&self) -> io::Result<Option<String>> {
        secret(self.broker_password_file.as_deref(), "NATS_PASSWORD")
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<redtail::net::Tls> {
        let tls = redtail::net::Tls::new();
        self.tls.then(|| match &self.cacert {
            Some(file) => tls.ca_file(file),
            None => tls,
        })
    }
}

fn broker(text: &str) -> Result<String, &'static str> {
    match text.contains('@') {
        false => Ok(text.into()),
        true => Err("every user of the machine can read arguments: use --broker-user and --broker-password-file"),
    }
}

fn secret(file: Option<&Path>, variable: &str) -> io::Result<Option<String>> {
    let Some(file) = file else { return Ok(std::env::var(variable).ok()) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
}
