//! A primary that Sentinels monitor: found by name, and found again after each failover.

mod error;
mod finder;
mod link;
mod state;
mod warnings;
mod watch;

use std::io;

#[cfg(feature = "tls")]
use crate::net::Tls;
use crate::net::sealed::Sealed;
use crate::net::{Builder, Dial, Dialer, Error, Handle, Login, LoginSource, Opened, Reconnect, Socket, Source, Target};
use crate::replication::ReplicaLabel;
use crate::topology::access::{Access, TIMEOUTS};
use crate::topology::sentinel::finder::{Identify, PrimaryFinder};
use crate::topology::sentinel::warnings::Warnings;

pub use error::SentinelError;
pub use finder::FoundServer;

/// A primary by its name among Sentinels.
///
/// For each connection the follower asks the Sentinels in turn for the address of the primary. Then it asks that server
/// whether it is a primary, and for the run id that the Sentinel knows (`SENTINEL MASTER`, `INFO server`). Another
/// server is refused: [`SentinelError::NotPrimary`], [`SentinelError::OtherServer`]. A denied question is not asked
/// again, and the server is believed. After a failover the follower resumes from its position on the new primary. If
/// the new primary lacks that history, the follower delivers a [`Gap`](crate::Gap).
///
/// A thread subscribes to `+switch-master` and asks the Sentinels every 5 s. A Sentinel that denies SUBSCRIBE is
/// reported ([`Builder::on_warning`]) and only asked. The thread ends the connection to a primary that
/// hangs, or that was replaced and does not know it. Dropping the follower ends the thread at once. Outside Linux, a
/// thread that is just connecting to a Sentinel ends after that attempt ([`Builder::connect_timeout`]).
///
/// ```no_run
/// use redtail::topology::Sentinel;
///
/// let sentinels = ["10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"];
/// let mut follower = Sentinel::builder(sentinels, "mymaster")?.password("secret").connect()?;
/// while let Some(event) = follower.next_event()? {
///     println!("{event:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `Builder::tls` and [`Builder::login`] are for the servers; `Builder::sentinel_tls` and
/// [`Builder::sentinel_login`] are for the Sentinels:
///
/// ```no_run
/// # #[cfg(feature = "tls")] {
/// use redtail::net::Tls;
/// use redtail::topology::Sentinel;
///
/// let builder = Sentinel::builder(["10.0.0.1:26379"], "mymaster")?;
/// let plain_sentinels = builder.tls(Tls::new().ca_file("/etc/redis/ca.crt")).password("secret").connect()?;
/// let builder = Sentinel::builder(["10.0.0.1:26379"], "mymaster")?;
/// let plain_servers = builder.sentinel_tls(Tls::new().ca_file("/etc/redis/ca.crt")).connect()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The Sentinels' login does not exist elsewhere:
///
/// ```compile_fail,E0599
/// redtail::Follower::builder("127.0.0.1:6379").sentinel_login(|| Ok(redtail::net::Login::default()));
/// ```
#[derive(Debug)]
pub struct Sentinel {
    finder: PrimaryFinder,
    sentinel_login: LoginSource,
    #[cfg(feature = "tls")]
    sentinel_tls: Option<Tls>,
    warnings: Warnings,
    /// For the servers.
    dialer: Dialer,
}

impl Sentinel {
    /// The primary that these Sentinels call `name`. One address is enough: the follower learns the others from it.
    /// Several help while that one is down.
    ///
    /// # Errors
    /// [`SentinelError::Target`], [`SentinelError::NoSentinel`].
    pub fn builder<A: AsRef<str>>(
        sentinels: impl IntoIterator<Item = A>,
        name: impl Into<String>,
    ) -> Result<Builder<Self>, SentinelError> {
        let sentinels = sentinels.into_iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Target>, _>>()?;
        if sentinels.is_empty() {
            return Err(SentinelError::NoSentinel);
        }
        Ok(Builder::new(Self {
            finder: PrimaryFinder::new(sentinels, name.into()),
            sentinel_login: LoginSource::default(),
            #[cfg(feature = "tls")]
            sentinel_tls: None,
            warnings: Warnings::default(),
            dialer: Dialer::new(TIMEOUTS),
        }))
    }

    /// Access to the Sentinels.
    fn access(&self, label: ReplicaLabel) -> Access {
        let dialer = Dialer {
            timeouts: self.dialer.timeouts,
            #[cfg(feature = "tls")]
            tls: self.sentinel_tls.clone(),
        };
        Access::new(dialer, self.sentinel_login.clone(), label)
    }
}

impl Builder<Sentinel> {
    /// A function that supplies user and password of the Sentinels for every connection; default: no AUTH is sent.
    pub fn sentinel_login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.source.sentinel_login = LoginSource::new(ask);
        self
    }

    /// Connects to the Sentinels over TLS.
    ///
    /// With [`tls`](Self::tls) for the servers: Sentinels name servers by IP address, unless
    /// `sentinel announce-hostnames` is set. The servers' certificates must contain these addresses.
    #[cfg(feature = "tls")]
    pub fn sentinel_tls(mut self, tls: Tls) -> Self {
        self.source.sentinel_tls = Some(tls);
        self
    }

    /// A function that receives each reason why a failover may be noticed late or not at all, while the follower
    /// continues: [`SentinelError::NotSubscribed`], [`SentinelError::NotWatched`], and, until a Sentinel answers again,
    /// [`SentinelError::Silent`] or [`SentinelError::UnknownName`]. Each is delivered once; default: none is.
    ///
    /// The follower's thread calls it while it connects, and the thread that watches the Sentinels at any time.
    /// Dropping the follower waits for a call that is in progress, so the function must not drop the follower.
    ///
    /// ```no_run
    /// use redtail::topology::Sentinel;
    ///
    /// let builder = Sentinel::builder(["10.0.0.1:26379"], "mymaster")?;
    /// let follower = builder.on_warning(|warning| eprintln!("{warning}")).connect()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_warning(mut self, call: impl FnMut(&SentinelError) + Send + 'static) -> Self {
        self.source.warnings = Warnings::new(call);
        self
    }

    /// Whether to follow a healthy replica, to spare the primary; the primary if there is none.
    ///
    /// A replica delivers a write when it has received it from its primary. If the follower moves to a replica that has
    /// received less than the follower, it delivers a [`Gap`](crate::Gap) although nothing is missing.
    pub fn prefer_replica(mut self, yes: bool) -> Self {
        self.source.finder.prefer_replica = yes;
        self
    }

    /// Asks the Sentinels in turn for the server. The next call asks the one that answered first, and others it knows.
    ///
    /// # Errors
    /// [`SentinelError::Silent`], [`SentinelError::UnknownName`].
    pub fn find(&mut self) -> Result<FoundServer, SentinelError> {
        let access = self.source.access(self.options.label);
        self.source.finder.find(&access, Identify::No, || false)
    }
}

impl Sealed for Sentinel {}

impl Reconnect for Sentinel {}

impl Dial for Sentinel {
    fn dialer(&mut self) -> &mut Dialer {
        &mut self.dialer
    }
}

impl Source for Sentinel {
    type Transport = Socket;

    fn open(self, login: &LoginSource, handle: &Handle, label: &ReplicaLabel) -> Result<Opened<Socket>, Error> {
        let sentinels = self.access(*label);
        let servers = Access::new(self.dialer, login.clone(), *label);
        let name = self.finder.name.clone();
        Ok(Opened { name, connector: link::connector(self.finder, sentinels, servers, handle.clone(), self.warnings) })
    }
}
