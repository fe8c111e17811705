//! The builder of followers.

use std::time::Duration;
use std::{fmt, io};

use crate::base::limits::{BUFFER_CAPACITY, Limits};
use crate::io::recording::Recorder;
use crate::net::error::Error;
use crate::net::follower::Follower;
use crate::net::handle::Handle;
use crate::net::login::{Login, LoginSource};
use crate::net::socket::Socket;
use crate::net::source::{Address, Connected, Connector, Dial, Opened, Reconnect, Source};
#[cfg(feature = "tls")]
use crate::net::tls::Tls;
use crate::net::transport::Transport;
use crate::replication::{Ack, Backoff, OnGap, Options, ReplicaLabel, SnapshotForm, Start};

/// Configures a follower, or the followers of a cluster. The defaults are those of [`Options`].
///
/// ```no_run
/// use redtail::{Follower, Start};
///
/// let follower = Follower::builder("127.0.0.1:6379").password("secret").start(Start::Snapshot).connect()?;
/// # Ok::<(), redtail::Error>(())
/// ```
///
/// `S` is the source of the connections. It decides which setters exist:
///
/// | source | made by | has also |
/// | --- | --- | --- |
/// | [`Address`] | [`Follower::builder`] | timeouts, TLS |
/// | [`Connector`] | [`Follower::with_connector`] | [`named`](Self::named) |
/// | [`Connected`] | [`Follower::with_stream`] | no reconnection |
/// | [`Sentinel`](crate::topology::Sentinel) | [`Sentinel::builder`](crate::topology::Sentinel::builder) | timeouts, TLS, the Sentinels' login and TLS |
/// | [`Cluster`](crate::topology::Cluster) | [`Cluster::builder`](crate::topology::Cluster::builder) | timeouts, TLS, positions; no handle, no recording |
///
/// A setter that would have no effect does not compile. This crate opens no connection here, so it has no timeouts:
///
/// ```compile_fail,E0599
/// # use redtail::Follower;
/// # use std::{net::TcpStream, time::Duration};
/// let builder = Follower::with_connector(|| TcpStream::connect("127.0.0.1:6379"));
/// builder.connect_timeout(Duration::from_secs(1));
/// ```
///
/// A single connection is never replaced by another:
///
/// ```compile_fail,E0599
/// # use redtail::{Backoff, Follower};
/// # use std::net::TcpStream;
/// let builder = Follower::with_stream(TcpStream::connect("127.0.0.1:6379").unwrap());
/// builder.reconnect(Backoff::OFF);
/// ```
///
/// A server with an address needs no name:
///
/// ```compile_fail,E0599
/// redtail::Follower::builder("127.0.0.1:6379").named("orders");
/// ```
///
/// Each shard of a cluster has a handle of its own:
///
/// ```compile_fail,E0599
/// # use redtail::topology::Cluster;
/// Cluster::builder(["10.0.0.1:7000"]).unwrap().handle(redtail::Handle::new());
/// ```
pub struct Builder<S = Address> {
    pub(crate) source: S,
    pub(crate) options: Options,
    pub(crate) login: LoginSource,
    pub(crate) buffer: usize,
    handle: Handle,
    recorder: Option<Recorder>,
}

impl Follower<Socket> {
    /// Follows the server at `host:port`, `[address]:port` or `unix:PATH`. Each connect resolves the name again.
    pub fn builder(address: impl Into<String>) -> Builder<Address> {
        Builder::new(Address::new(address.into()))
    }
}

impl<T: Transport + 'static> Follower<T> {
    /// Follows over connections that the caller makes: a tunnel, another resolver, another TLS library. The function is
    /// called once for every connection.
    pub fn with_connector(connect: impl FnMut() -> io::Result<T> + Send + 'static) -> Builder<Connector<T>> {
        Builder::new(Connector::new(connect))
    }

    /// Follows over one connection that exists already. There is no reconnection, and a start that needs a second
    /// connection is an error.
    pub fn with_stream(stream: T) -> Builder<Connected<T>>
    where
        T: Send,
    {
        let mut builder = Builder::new(Connected::new(stream));
        builder.options.single_link = true;
        builder
    }
}

/// The replication, the login and the buffer: of every source.
impl<S> Builder<S> {
    pub(crate) fn new(source: S) -> Self {
        let seed = crate::io::random();
        Self {
            source,
            options: Options { seed, ..Options::default() },
            login: LoginSource::default(),
            buffer: BUFFER_CAPACITY,
            handle: Handle::new(),
            recorder: None,
        }
    }

    /// Sets all options at once. A later call of another setter changes that one option.
    pub fn options(mut self, options: Options) -> Self {
        let single_link = self.options.single_link | options.single_link;
        let seed = if options.seed == 0 { self.options.seed } else { options.seed };
        self.options = Options { single_link, seed, ..options };
        self
    }

    /// Where to start. Of a cluster: where the shards start that exist at the beginning, unless positions are given.
    pub fn start(mut self, start: Start) -> Self {
        self.options.start = start;
        self
    }

    /// The reaction to lost history. With [`OnGap::Stop`], the default, a cluster's shard ends and the others continue.
    pub fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.options.on_gap = on_gap;
        self
    }

    /// What to acknowledge. With [`Ack::Applied`] the caller commits positions to [`Follower::commit`],
    /// [`Handle::commit`] or the handle of a shard.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.options.ack = ack;
        self
    }

    /// Whether a server without filter and backlog may be probed; see [`Options::allow_probe`].
    pub fn allow_probe(mut self, yes: bool) -> Self {
        self.options.allow_probe = yes;
        self
    }

    /// Whether SELECT, PING and REPLCONF are delivered as events.
    pub fn control(mut self, yes: bool) -> Self {
        self.options.control = yes;
        self
    }

    /// The bulk length in bytes from which commands are delivered in parts; `None`: never.
    pub fn parts(mut self, threshold: impl Into<Option<u64>>) -> Self {
        self.options.parts = threshold.into();
        self
    }

    /// The form of a snapshot: bytes, the default, or keys and their elements.
    pub fn snapshot(mut self, form: SnapshotForm) -> Self {
        self.options.snapshot = form;
        self
    }

    /// Whether items of a snapshot are delivered although some of it is unknown or broken; see [`Options::lenient`].
    pub fn lenient(mut self, yes: bool) -> Self {
        self.options.lenient = yes;
        self
    }

    /// The text under which the primary lists the follower. Through Sentinels and in a cluster, each connection tells
    /// it to its server for `CLIENT LIST` (`CLIENT SETNAME`). After a denial this is not repeated.
    pub fn label(mut self, label: ReplicaLabel) -> Self {
        self.options.label = label;
        self
    }

    /// The port under which the primary lists the follower; `None`, the default: none.
    pub fn listening_port(mut self, port: impl Into<Option<u16>>) -> Self {
        self.options.listening_port = port.into();
        self
    }

    /// The parser's limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// How long the server may send nothing before the connection counts as dead; `None`: for ever.
    pub fn silence(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options.silence = limit.into();
        self
    }

    /// The password of the servers' default user.
    pub fn password(self, password: impl Into<Vec<u8>>) -> Self {
        let login = Login::password(password);
        self.login(move || Ok(login.clone()))
    }

    /// An ACL user of the servers and its password, which is empty for a `nopass` user.
    pub fn user(self, user: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        let login = Login::user(user, password);
        self.login(move || Ok(login.clone()))
    }

    /// A function that supplies the servers' user and password. It is called for every connection, because tokens
    /// expire and files are rewritten.
    pub fn login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.login = LoginSource::new(ask);
        self
    }

    /// The size of the buffer in bytes; default 256 KiB. It has at most 16 KiB until a read fills them, and again after
    /// a second without data. A longer command makes it grow up to [`Limits::command`](crate::Limits::command); it
    /// shrinks again. Each shard of a cluster has a buffer.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes.max(1024);
        self
    }
}

/// The connections: where this crate opens them.
impl<S: Dial> Builder<S> {
    /// The time for each address that is tried in connecting, and once more for a TLS handshake. Default 5 s; 2 s for
    /// Sentinels, the servers they name, and the nodes of a cluster.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.source.dialer().timeouts.connect = limit;
        self
    }

    /// The time for each write; `None`: for ever. Default 10 s. ([`silence`](Self::silence) limits the wait for bytes.)
    pub fn write_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.source.dialer().timeouts.write = limit.into();
        self
    }

    /// Connects to the servers over TLS, with a new handshake for every connection.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.source.dialer().tls = Some(tls);
        self
    }
}

/// The life of a connection: where another one can follow.
impl<S: Reconnect> Builder<S> {
    /// When to reconnect.
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// Whether to request a snapshot again after one was interrupted; see [`Options::retry_snapshot`].
    pub fn retry_snapshot(mut self, yes: bool) -> Self {
        self.options.retry_snapshot = yes;
        self
    }

    /// Connects again after a refusal that a person can fix, after this pause; see [`Options::retry_refused`].
    pub fn retry_refused(mut self, pause: Duration) -> Self {
        self.options.retry_refused = Some(pause);
        self
    }

    /// Whether to retry when the first attempt fails; see [`Options::retry_first`]. (A cluster's shards always do.)
    pub fn retry_first(mut self, yes: bool) -> Self
    where
        S: Source,
    {
        self.options.retry_first = yes;
        self
    }
}

impl<T> Builder<Connector<T>> {
    /// The name of the server in error messages; default `the server`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.source.name = name.into();
        self
    }
}

/// One follower: of every source but a cluster.
impl<S: Source> Builder<S> {
    /// The handle of the follower. A handle that is older than its follower can stop it before it connects.
    pub fn handle(mut self, handle: Handle) -> Self {
        self.handle = handle;
        self
    }

    /// Records every received byte; see [`recording`](crate::io::recording). A failed write ends the follower with
    /// [`Error::Recording`].
    pub fn record(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Connects, so that a wrong address is reported here. The handshake follows in the first call of `next_event`.
    ///
    /// # Errors
    /// [`Error::Target`], [`Error::Options`], [`Error::Login`], or [`Error::Connect`] unless
    /// [`retry_first`](Self::retry_first) is set.
    pub fn connect(self) -> Result<Follower<S::Transport>, Error> {
        match self.options.contradiction() {
            Some(message) => Err(Error::Options(message)),
            None => self.connect_checked(),
        }
    }

    /// As [`connect`](Self::connect), for options that were checked where the caller chose them.
    pub(crate) fn connect_checked(self) -> Result<Follower<S::Transport>, Error> {
        let Self { source, options, login, buffer, handle, recorder } = self;
        let Opened { name, connector } = source.open(&login, &handle, &options.label)?;
        let follower = Follower::start(name, connector, Box::new(move || login.ask()), options, buffer, handle)?;
        Ok(follower.recording(recorder))
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("options", &self.options).finish_non_exhaustive()
    }
}
