//! How a follower is made.

use std::time::Duration;
use std::{fmt, io};

use crate::base::limits::BUFFER_CAPACITY;
use crate::io::recording::Recorder;
use crate::net::error::Error;
use crate::net::follower::Follower;
use crate::net::handle::Handle;
use crate::net::login::{Ask, Login};
use crate::net::socket::{Socket, Timeouts};
use crate::net::target::Target;
#[cfg(feature = "tls")]
use crate::net::tls::Tls;
use crate::net::transport::Transport;
use crate::replication::{Ack, Backoff, OnGap, Options, ReplicaLabel, SnapshotForm, Start};

/// Chooses how to follow. Every choice has a default that surprises no primary; see [`Options`].
///
/// ```no_run
/// use redtail::{Follower, Start};
///
/// let follower = Follower::builder("127.0.0.1:6379").password("secret").start(Start::Snapshot).connect()?;
/// # Ok::<(), redtail::Error>(())
/// ```
pub struct Builder<T = Socket> {
    link: Link<T>,
    options: Options,
    login: Box<Ask<Login>>,
    buffer: usize,
    handle: Handle,
    recorder: Option<Recorder>,
}

enum Link<T> {
    /// An address as it was written.
    Address {
        text: String,
        timeouts: Timeouts,
        #[cfg(feature = "tls")]
        tls: Option<Tls>,
    },
    /// The caller's own way to connect, and what errors call the other side.
    Connector { connector: Box<Ask<T>>, name: String },
}

impl Follower<Socket> {
    /// Chooses how to follow the server at `target`: `host:port`, `[address]:port` or `unix:PATH`.
    pub fn builder(target: impl Into<String>) -> Builder<Socket> {
        Builder::new(target)
    }
}

impl Builder<Socket> {
    /// Follows the server at `host:port`, `[address]:port` or `unix:PATH`. The name is resolved anew at every connect.
    pub fn new(target: impl Into<String>) -> Self {
        Self::over(Link::Address {
            text: target.into(),
            timeouts: Timeouts::default(),
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// The time-outs for connecting and writing. (How long to wait for a silent server says [`silence`](Self::silence).)
    pub fn timeouts(mut self, chosen: Timeouts) -> Self {
        if let Link::Address { timeouts, .. } = &mut self.link {
            *timeouts = chosen;
        }
        self
    }

    /// Speaks TLS, as is said here; a new handshake for every link.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, chosen: Tls) -> Self {
        if let Link::Address { tls, .. } = &mut self.link {
            *tls = Some(chosen);
        }
        self
    }

    /// Connects, so that a wrong address shows at once. The handshake follows in the first call of `next`.
    ///
    /// # Errors
    /// If the address can't be read, resolved or reached (the last not with [`retry_first`](Self::retry_first)).
    pub fn connect(self) -> Result<Follower<Socket>, Error> {
        let follower = match self.link {
            #[cfg(feature = "tls")]
            Link::Address { text, timeouts, tls: Some(tls) } => {
                let target: Target = text.parse()?;
                let name = target.to_string();
                let connector = Box::new(move || Socket::connect_tls(&target, &timeouts, &tls));
                Follower::start(name, connector, self.login, self.options, self.buffer, self.handle)
            }
            Link::Address { text, timeouts, .. } => {
                let target: Target = text.parse()?;
                let name = target.to_string();
                let connector = Box::new(move || Socket::connect(&target, &timeouts));
                Follower::start(name, connector, self.login, self.options, self.buffer, self.handle)
            }
            Link::Connector { connector, name } => {
                Follower::start(name, connector, self.login, self.options, self.buffer, self.handle)
            }
        }?;
        Ok(follower.recording(self.recorder))
    }
}

impl<T: Transport + 'static> Builder<T> {
    /// Follows over links that the caller makes: TLS, a tunnel, another resolver. Called once for every link.
    pub fn from_connector(connector: impl FnMut() -> io::Result<T> + Send + 'static) -> Self {
        Self::over(Link::Connector { connector: Box::new(connector), name: "the server".into() })
    }

    /// What errors call the other side of links that the caller makes; `the server` unless said.
    pub fn named(mut self, chosen: impl Into<String>) -> Self {
        if let Link::Connector { name, .. } = &mut self.link {
            *name = chosen.into();
        }
        self
    }

    /// Follows over one link that stands already. There is no reconnection, and a start that needs a second link is an error.
    pub fn from_stream(stream: T) -> Self
    where
        T: Send,
    {
        let mut stream = Some(stream);
        let mut builder = Self::from_connector(move || {
            stream.take().ok_or_else(|| io::Error::other("the only link that was given is used up"))
        });
        builder.options.single_link = true;
        builder
    }

    /// Connects over the caller's own link; see [`Builder::connect`].
    ///
    /// # Errors
    /// What the connector says.
    pub fn follow(self) -> Result<Follower<T>, Error> {
        let follower = match self.link {
            Link::Connector { connector, name } => {
                Follower::start(name, connector, self.login, self.options, self.buffer, self.handle)
            }
            Link::Address { text, .. } => Err(Error::NotConnectable(text)),
        }?;
        Ok(follower.recording(self.recorder))
    }
}

impl<T> Builder<T> {
    fn over(link: Link<T>) -> Self {
        let seed = crate::io::random();
        let options = Options { seed, ..Options::default() };
        let login = Box::new(|| Ok(Login::default()));
        Self { link, options, login, buffer: BUFFER_CAPACITY, handle: Handle::new(), recorder: None }
    }

    /// All choices at once. A later call of another method changes that one choice.
    pub fn options(mut self, options: Options) -> Self {
        let single_link = self.options.single_link | options.single_link;
        let seed = if options.seed == 0 { self.options.seed } else { options.seed };
        self.options = Options { single_link, seed, ..options };
        self
    }

    /// Where to start.
    pub fn start(mut self, start: Start) -> Self {
        self.options.start = start;
        self
    }

    /// What to do when history was lost.
    pub fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.options.on_gap = on_gap;
        self
    }

    /// What to acknowledge.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.options.ack = ack;
        self
    }

    /// Whether a server without filter and backlog may be probed; see [`Options::allow_probe`].
    pub fn allow_probe(mut self, yes: bool) -> Self {
        self.options.allow_probe = yes;
        self
    }

    /// Whether to retry when the very first attempt fails; see [`Options::retry_first`].
    pub fn retry_first(mut self, yes: bool) -> Self {
        self.options.retry_first = yes;
        self
    }

    /// Whether to ask again for a snapshot that broke off; see [`Options::retry_snapshot`].
    pub fn retry_snapshot(mut self, yes: bool) -> Self {
        self.options.retry_snapshot = yes;
        self
    }

    /// Whether SELECT, PING and REPLCONF come out as events.
    pub fn control(mut self, yes: bool) -> Self {
        self.options.control = yes;
        self
    }

    /// From which bulk length in bytes commands come in parts; `None`: never.
    pub fn parts(mut self, threshold: Option<u64>) -> Self {
        self.options.parts = threshold;
        self
    }

    /// How a snapshot is handed out: as bytes, unless said, or as keys and their elements.
    pub fn snapshot(mut self, form: SnapshotForm) -> Self {
        self.options.snapshot = form;
        self
    }

    /// Whether items may be had from a snapshot that holds what is not known or broken; see [`Options::lenient`].
    pub fn lenient(mut self, yes: bool) -> Self {
        self.options.lenient = yes;
        self
    }

    /// How the primary shows us.
    pub fn label(mut self, label: ReplicaLabel) -> Self {
        self.options.label = label;
        self
    }

    /// When to reconnect.
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// How long the server may be silent before the link counts as dead; zero: for ever.
    pub fn silence(mut self, limit: Duration) -> Self {
        self.options.silence = (!limit.is_zero()).then_some(limit);
        self
    }

    /// The password of the default user.
    pub fn password(self, password: impl Into<Vec<u8>>) -> Self {
        let password = password.into();
        self.login(move || Ok(Login { user: None, password: Some(password.clone()) }))
    }

    /// An ACL user and its password.
    pub fn user(self, user: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        let (user, password) = (user.into(), password.into());
        self.login(move || Ok(Login { user: Some(user.clone()), password: Some(password.clone()) }))
    }

    /// Where to get user and password: asked at every connect, so that they may change (tokens that expire, a file that is rewritten).
    pub fn login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.login = Box::new(ask);
        self
    }

    /// The handle the follower is to have: one that existed before it, so that a stop can't come too early.
    pub fn handle(mut self, handle: Handle) -> Self {
        self.handle = handle;
        self
    }

    /// Writes down what comes, as it comes: see [`recording`](crate::io::recording). What can't be written ends the follower with
    /// [`Error::Recording`].
    pub fn record(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The size of the buffer in bytes, 256 KiB unless said. It grows for a command that is longer, up to
    /// [`Limits::command`](crate::Limits::command), and shrinks again.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes.max(1024);
        self
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("options", &self.options).finish_non_exhaustive()
    }
}
