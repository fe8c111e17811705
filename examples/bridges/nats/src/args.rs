//! The command line.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, ValueEnum};
use redtail::net::Login;
use redtail::replication::ReplicaLabel;
use redtail::topology::Positions;
use redtail::{Position, Start};

use crate::filter::Filter;
use crate::target::Target;

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
    /// [user@]host:port, redis://[user@]host[:port], unix:PATH, or redis+sentinel://host,host/name
    ///
    /// With --cluster one or more nodes, with commas between them. rediss:// is redis:// with TLS; valkey:// and
    /// valkeys:// mean the same.
    #[arg(value_parser = Target::read)]
    pub(crate) target: Target,
    /// Follow every primary of the cluster that the nodes belong to
    #[arg(long)]
    pub(crate) cluster: bool,
    /// The file with the position that the broker has confirmed
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
    /// The start without a checkpoint: now, snapshot (all data, then later writes), or a position to resume after
    #[arg(long, value_name = "START", default_value = "now")]
    pub(crate) from: String,
    /// Acknowledge the position that the broker has confirmed, so that WAIT counts it; or nothing
    #[arg(long, value_name = "POLICY", default_value = "applied")]
    ack: AckPolicy,

    #[command(flatten)]
    pub(crate) filter: Filter,

    /// The ACL user on the servers
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file with the password, read again at each connect; or the environment's REDTAIL_PASSWORD, REDISCLI_AUTH
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The ACL user of the Sentinels
    #[arg(long, value_name = "NAME")]
    sentinel_user: Option<String>,
    /// The file with the password of the Sentinels; without it REDTAIL_SENTINEL_PASSWORD is read
    #[arg(long, value_name = "FILE")]
    sentinel_password_file: Option<PathBuf>,
    /// With Sentinels: follow a healthy replica if there is one
    #[arg(long)]
    pub(crate) prefer_replica: bool,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: Tls,

    /// Serve metrics for Prometheus at http://ADDR/metrics; ADDR is host:port
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,
    /// Show this bridge as NAME.redtail.invalid in INFO, ROLE and CLIENT LIST of the server
    ///
    /// NAME has letters, digits, '.', '-', '_' and '='.
    #[arg(long, value_name = "NAME", value_parser = label)]
    name: Option<Box<ReplicaLabel>>,

    /// URLs of the broker, separated by commas; tls:// for TLS
    #[arg(long, value_name = "LIST", default_value = "nats://127.0.0.1:4222", value_delimiter = ',', value_parser = broker)]
    pub(crate) brokers: Vec<String>,
    /// A NATS credentials file (JWT and key)
    #[cfg(feature = "nkeys")]
    #[arg(long, value_name = "FILE", group = "broker_login")]
    pub(crate) broker_creds: Option<PathBuf>,
    /// The user on the broker
    #[arg(long, value_name = "NAME", group = "broker_login")]
    pub(crate) broker_user: Option<String>,
    /// A file with the user's password, or with a token if there is no user; default: the environment's NATS_PASSWORD
    #[arg(long, value_name = "FILE")]
    broker_password_file: Option<PathBuf>,
    /// The CA file for the broker's certificate, PEM; default: the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) broker_cacert: Option<PathBuf>,
    /// The client certificate for the broker, PEM
    #[arg(long, value_name = "FILE", requires = "broker_cert_key")]
    pub(crate) broker_cert: Option<PathBuf>,
    /// The private key of the client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "broker_cert")]
    pub(crate) broker_cert_key: Option<PathBuf>,

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

    /// If the server no longer has the next part of the stream: end with exit code 4, publish a gap and continue, or
    /// publish a gap and a snapshot
    #[arg(long, value_name = "CHOICE", default_value = "stop")]
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
    /// The maximum size of one transaction's messages, held until its EXEC; a larger one ends the bridge
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub(crate) transaction_limit: usize,
}

/// TLS to the servers, and to the Sentinels; named as in redis-cli.
#[cfg(feature = "tls")]
#[derive(Clone, clap::Args)]
struct Tls {
    /// Use TLS, as with rediss://
    #[arg(long)]
    tls: bool,
    /// Trust the CA certificates in this PEM file instead of those of the system
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Trust the CA certificates in the PEM files of this folder instead of those of the system
    #[arg(long, value_name = "FOLDER")]
    cacertdir: Option<PathBuf>,
    /// The client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "cert_key")]
    cert: Option<PathBuf>,
    /// The private key of the client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    cert_key: Option<PathBuf>,
    /// The server name to request and to expect in the certificate [default: the host]
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// What to verify in the server's certificate
    #[arg(long, value_name = "WHAT", default_value = "full")]
    verify: Verify,
    /// Verify nothing: an attacker on the network can then read and change everything
    #[arg(long, conflicts_with = "verify")]
    insecure: bool,
    /// Connect to the Sentinels with TLS although the servers have none; the options above are then for the Sentinels
    #[arg(long, conflicts_with = "tls")]
    sentinel_tls: bool,
    /// Connect to the Sentinels without TLS although the servers have TLS
    #[arg(long, conflicts_with = "sentinel_tls")]
    sentinel_no_tls: bool,
}

#[cfg(feature = "tls")]
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verify {
    Full,
    Ca,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AckPolicy {
    Applied,
    Observe,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnGap {
    Stop,
    Continue,
    Snapshot,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TooLarge {
    Stop,
    Omit,
}

impl Args {
    /// Reads the command line, or ends the process with a message.
    pub(crate) fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| without_target(error).exit())
    }

    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(&self.stream)
    }

    /// Refuses options without effect, and contradictions.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { target, user, .. } = self;
        if let (Some(user), Some(other)) = (user, &target.user)
            && user != other
        {
            return Err(format!("--user {user} and the target name different users"));
        }
        for (takes, option) in
            [(self.start() == Start::Snapshot, "--from"), (self.on_gap == OnGap::Snapshot, "--on-gap")]
        {
            if takes && self.filter.selects_commands() {
                return Err(format!(
                    "the keys of a snapshot are no commands: {option} snapshot and --command exclude each other"
                ));
            }
        }
        let to_sentinels = self.sentinel_user.is_some() || self.sentinel_password_file.is_some();
        match (&target.name, self.cluster) {
            (None, _) if to_sentinels || self.prefer_replica => {
                return Err("options of Sentinels need redis+sentinel://host,host/name".into());
            }
            (Some(_), true) => return Err("--cluster is for nodes, not for Sentinels".into()),
            (None, false) if target.hosts.len() > 1 => {
                return Err("several addresses need --cluster or redis+sentinel://".into());
            }
            _ => {}
        }
        #[cfg(feature = "tls")]
        {
            let Tls { sentinel_tls, sentinel_no_tls, .. } = self.tls;
            if (sentinel_tls || sentinel_no_tls) && target.name.is_none() {
                return Err("options of Sentinels need redis+sentinel://host,host/name".into());
            }
            if sentinel_tls && self.uses_tls() {
                return Err("with TLS to the servers the Sentinels have it too: --sentinel-tls has no effect".into());
            }
            if !self.uses_tls() && !sentinel_tls && (self.tls.is_any() || sentinel_no_tls) {
                return Err("options of TLS need --tls or rediss://".into());
            }
        }
        #[cfg(not(feature = "tls"))]
        if target.uses_tls {
            return Err("this build has no TLS: build with --features tls".into());
        }
        match self.cluster {
            true => self.position::<Positions>().map(drop),
            false => self.position::<Position>().map(drop),
        }
    }

    /// The position of `--from`; `None`: now, or a snapshot.
    pub(crate) fn position<P: FromStr<Err: Display>>(&self) -> Result<Option<P>, String> {
        match self.from.as_str() {
            "now" | "snapshot" => Ok(None),
            text => text.parse().map(Some).map_err(|error| format!("--from {text}: {error}")),
        }
    }

    /// The start without a position.
    pub(crate) fn start(&self) -> Start {
        match self.from.as_str() {
            "snapshot" => Start::Snapshot,
            _ => Start::Now,
        }
    }

    pub(crate) fn ack(&self) -> redtail::Ack {
        match self.ack {
            AckPolicy::Applied => redtail::Ack::Applied,
            AckPolicy::Observe => redtail::Ack::Observe,
        }
    }

    /// The address that the server shows for this bridge.
    pub(crate) fn label(&self) -> ReplicaLabel {
        self.name.as_deref().copied().unwrap_or_default()
    }

    /// Called at each connect to a server.
    pub(crate) fn login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        let user = self.user.clone().or_else(|| self.target.user.clone());
        login(user, self.password_file.clone(), &["REDTAIL_PASSWORD", "REDISCLI_AUTH"])
    }

    pub(crate) fn sentinel_login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        login(self.sentinel_user.clone(), self.sentinel_password_file.clone(), &["REDTAIL_SENTINEL_PASSWORD"])
    }

    pub(crate) fn broker_password(&self) -> io::Result<Option<String>> {
        secret(self.broker_password_file.as_deref(), &["NATS_PASSWORD"])
    }

    #[cfg(feature = "tls")]
    fn uses_tls(&self) -> bool {
        self.tls.tls || self.target.uses_tls
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<redtail::net::Tls> {
        self.uses_tls().then(|| self.tls.chosen())
    }

    #[cfg(feature = "tls")]
    pub(crate) fn sentinel_tls(&self) -> Option<redtail::net::Tls> {
        let wanted = self.tls.sentinel_tls || (self.uses_tls() && !self.tls.sentinel_no_tls);
        wanted.then(|| self.tls.chosen())
    }
}

#[cfg(feature = "tls")]
impl Tls {
    fn is_any(&self) -> bool {
        let Self { cacert, cacertdir, cert, sni, verify, insecure, .. } = self;
        [cacert, cacertdir, cert].iter().any(|it| it.is_some()) || sni.is_some() || *verify == Verify::Ca || *insecure
    }

    fn chosen(&self) -> redtail::net::Tls {
        let Self { cacert, cacertdir, cert, cert_key, sni, .. } = self;
        let mut tls = redtail::net::Tls::new().verify(match (self.insecure, self.verify) {
            (true, _) => redtail::net::Verify::Nothing,
            (false, Verify::Full) => redtail::net::Verify::Full,
            (false, Verify::Ca) => redtail::net::Verify::Authority,
        });
        if let Some(file) = cacert {
            tls = tls.ca_file(file);
        }
        if let Some(folder) = cacertdir {
            tls = tls.ca_folder(folder);
        }
        if let (Some(certificate), Some(key)) = (cert, cert_key) {
            tls = tls.identity(certificate, key);
        }
        match sni {
            Some(name) => tls.server_name(name),
            None => tls,
        }
    }
}

fn login(
    user: Option<String>,
    file: Option<PathBuf>,
    variables: &'static [&'static str],
) -> impl FnMut() -> io::Result<Login> + Send + 'static {
    move || {
        let mut login = Login::default();
        login.password = secret(file.as_deref(), variables)?.map(String::into_bytes);
        login.user.clone_from(&user);
        Ok(login)
    }
}

/// As of the tool: an address that never resolves.
fn label(name: &str) -> Result<Box<ReplicaLabel>, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_=".contains(&byte);
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(is_allowed);
    let label = fits.then(|| ReplicaLabel::new(&format!("{name}.redtail.invalid"))).flatten();
    label.map(Box::new).ok_or("choose 1 to 64 letters, digits, '.', '-', '_' and '='")
}

fn broker(text: &str) -> Result<String, &'static str> {
    match text.contains('@') {
        false => Ok(text.into()),
        true => Err("every user of the machine can read arguments: use --broker-user and --broker-password-file"),
    }
}

/// The content of the file, or the first of these variables that is not empty.
fn secret(file: Option<&Path>, variables: &[&str]) -> io::Result<Option<String>> {
    let Some(file) = file else {
        let values = variables.iter().filter_map(|name| std::env::var(name).ok());
        return Ok(values.into_iter().find(|value| !value.is_empty()));
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
}

/// The error without the target, which may have a password in it.
fn without_target(mut error: clap::Error) -> clap::Error {
    if error.get(ContextKind::InvalidArg) == Some(&ContextValue::String("<TARGET>".into())) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".into()));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_target_is_not_printed() {
        let args = ["x", "--stream", "s", "--checkpoint", "c"];
        for (target, why) in
            [("redis://cdc:secret@h:1", "it has a password"), ("http://cdc:secret@h:1", "the scheme is none of")]
        {
            let error = Args::try_parse_from(args.into_iter().chain([target])).err().map(without_target);
            let message = error.unwrap().to_string();
            assert!(message.contains(why) && !message.contains("secret"), "{message}");
        }
    }
}
