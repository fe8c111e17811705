//! A primary that Sentinels watch: found by name, and found again after each failover.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{io, thread};

use thiserror::Error;

#[cfg(feature = "tls")]
use crate::net::Tls;
use crate::net::{Answer, Builder, Handle, Login, Socket, Talk, TalkError, Target, TargetError, Timeouts, Transport};
use crate::topology::connector::Way;

/// A primary by its name among Sentinels.
///
/// Each time the follower connects, the Sentinels are asked in turn where the primary is, and it is asked itself whether it is one.
/// After a failover the follower goes on from the same position on the new primary: exactly, where that one has the history, else
/// there is a [`Gap`](crate::Gap). A thread listens for `+switch-master` meanwhile, and asks again each 5 s, which ends a link to a primary
/// that hangs, or that goes on without knowing that it is none any more; nothing else depends on it. It ends with the follower.
///
/// ```no_run
/// use redtail::topology::Sentinel;
///
/// let sentinel = Sentinel::new(["10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"], "mymaster")?;
/// let mut follower = sentinel.password("secret").builder().connect()?;
/// while let Some(event) = follower.next()? {
///     println!("{event:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sentinel {
    finder: Finder,
    handle: Handle,
}

/// Where the Sentinels say that a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The server.
    pub target: Target,
    /// Whether it was chosen among the replicas.
    pub is_replica: bool,
    /// The Sentinel that said so.
    pub told_by: Target,
}

/// Why no server was found. Inside an [`io::Error`] where a follower tells it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SentinelError {
    /// No Sentinel could be asked.
    #[error("no Sentinel tells where {name} is: {}", each(tried))]
    Silent {
        /// The name asked for.
        name: String,
        /// The Sentinels, and what became of each.
        tried: Vec<(Target, String)>,
    },
    /// All that could be asked know nothing of the name.
    #[error("the Sentinels know no primary called {name:?}: `SENTINEL MASTERS` lists those they know")]
    UnknownName {
        /// The name asked for.
        name: String,
    },
    /// The server that was named says that it is no primary. That passes, once the Sentinels agree.
    #[error("{target} is where the Sentinels say that {name} is, but it is a replica itself")]
    NotPrimary {
        /// The name asked for.
        name: String,
        /// The server.
        target: Target,
    },
    /// There are no addresses to ask at.
    #[error("there is no Sentinel to ask: give at least one host:port")]
    NoSentinel,
    /// An address can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl Sentinel {
    /// The primary that these Sentinels call `name`. One address is enough to learn the others from; more help while that one is down.
    ///
    /// # Errors
    /// If an address can't be read, or there is none.
    pub fn new<S: AsRef<str>>(
        sentinels: impl IntoIterator<Item = S>,
        name: impl Into<String>,
    ) -> Result<Self, SentinelError> {
        let sentinels = sentinels.into_iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Target>, _>>()?;
        if sentinels.is_empty() {
            return Err(SentinelError::NoSentinel);
        }
        let finder = Finder {
            name: name.into(),
            given: sentinels.clone(),
            sentinels,
            primary: None,
            prefer_replica: false,
            to_sentinels: Way::default(),
            to_servers: Way::default(),
        };
        Ok(Self { finder, handle: Handle::new() })
    }

    /// The password of the servers' default user. (A Sentinel's own is [`sentinel_login`](Self::sentinel_login).)
    pub fn password(self, password: impl Into<Vec<u8>>) -> Self {
        let password = password.into();
        self.login(move || Ok(Login { user: None, password: Some(password.clone()) }))
    }

    /// Where to get user and password of the servers: asked at every connect.
    pub fn login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.finder.to_servers.log_in_with(ask);
        self
    }

    /// Where to get user and password of the Sentinels, which have their own. Unless said, none are given.
    pub fn sentinel_login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.finder.to_sentinels.log_in_with(ask);
        self
    }

    /// Speaks TLS with the servers. The Sentinels name them by address unless they are configured otherwise
    /// (`sentinel announce-hostnames`), so the certificates must have these.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.finder.to_servers.tls = Some(tls);
        self
    }

    /// Speaks TLS with the Sentinels.
    #[cfg(feature = "tls")]
    pub fn sentinel_tls(mut self, tls: Tls) -> Self {
        self.finder.to_sentinels.tls = Some(tls);
        self
    }

    /// The time-outs for each Sentinel and server that is tried. Unless said, 2 s to connect and 5 s for an answer.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.finder.to_sentinels.timeouts = timeouts;
        self.finder.to_servers.timeouts = timeouts;
        self
    }

    /// Follows a replica that is in good order, to spare the primary; the primary, where there is none. What a replica has not received
    /// from its primary can't be seen there, and it is sent later. When the link moves on to another replica that has received less
    /// than was followed already, that is a gap, though nothing is missing.
    pub fn prefer_replica(mut self, yes: bool) -> Self {
        self.finder.prefer_replica = yes;
        self
    }

    /// The handle the follower is to have. (One given to [`Builder::handle`] instead works, but a switch then ends no link.)
    pub fn handle(mut self, handle: Handle) -> Self {
        self.handle = handle;
        self
    }

    /// Asks the Sentinels, one after the other, where the server is. The one that answered is asked first the next time, and the others
    /// it knows of are asked too.
    ///
    /// # Errors
    /// [`SentinelError`].
    pub fn find(&mut self) -> Result<Found, SentinelError> {
        self.finder.find(|| false)
    }

    /// A follower of that server, still to be told where to start. Finish it with [`Builder::connect`].
    pub fn builder(self) -> Builder<Socket> {
        let Self { finder, handle } = self;
        let name = finder.name.clone();
        let servers = finder.to_servers.clone();
        let shared = Arc::new(Mutex::new(Shared { finder, linked: None, is_watched: false }));
        let connector = {
            let handle = handle.clone();
            move || connect(&shared, &handle)
        };
        Builder::from_connector(connector).named(name).handle(handle).login(move || servers.login())
    }
}

/// What is asked, and of whom.
#[derive(Clone)]
struct Finder {
    name: String,
    given: Vec<Target>,
    /// Those to ask, best first: those that were given, and those that the last one to answer knows of.
    sentinels: Vec<Target>,
    /// What the last answer was.
    primary: Option<Target>,
    prefer_replica: bool,
    to_sentinels: Way,
    to_servers: Way,
}

/// Shared by the connector and the thread that listens.
struct Shared {
    finder: Finder,
    /// The server of the present link.
    linked: Option<Target>,
    is_watched: bool,
}

/// As many Sentinels as are kept: whoever answers may name any number of others.
const MOST_SENTINELS: usize = 32;

impl Finder {
    fn find(&mut self, stopped: impl Fn() -> bool) -> Result<Found, SentinelError> {
        let (mut tried, mut unknown) = (Vec::new(), false);
        for sentinel in self.sentinels.clone() {
            if stopped() {
                break;
            }
            match self.ask(&sentinel) {
                Ok(Some(found)) => {
                    self.sentinels.retain(|one| *one != sentinel);
                    self.sentinels.insert(0, sentinel);
                    return Ok(found);
                }
                Ok(None) => unknown = true,
                Err(error) => tried.push((sentinel, error.to_string())),
            }
        }
        let name = self.name.clone();
        Err(if unknown { SentinelError::UnknownName { name } } else { SentinelError::Silent { name, tried } })
    }

    /// `None` where it does not know the name.
    fn ask(&mut self, sentinel: &Target) -> io::Result<Option<Found>> {
        let mut talk = self.talk_to(sentinel)?;
        let name = self.name.clone();
        let ask = |talk: &mut Talk, what: &str| match talk.ask(&["SENTINEL", what, &name])? {
            Answer::Error(words) => Err(io::Error::other(words)),
            answer => Ok(answer),
        };
        let answer = ask(&mut talk, "GET-MASTER-ADDR-BY-NAME")?;
        let Some(primary) = target(answer.list()) else { return Ok(None) };
        self.primary = Some(primary.clone());
        // Help for later; what matters is known already.
        if let Ok(others) = ask(&mut talk, "SENTINELS") {
            self.learn(&others);
        }
        let replica = match self.prefer_replica {
            true => any_of(&mut ask(&mut talk, "REPLICAS")?.list().iter().filter_map(healthy_replica).collect()),
            false => None,
        };
        let is_replica = replica.is_some();
        Ok(Some(Found { target: replica.unwrap_or(primary), is_replica, told_by: sentinel.clone() }))
    }

    fn talk_to(&self, sentinel: &Target) -> io::Result<Talk> {
        Ok(Talk::begin(self.to_sentinels.connect(sentinel)?, &self.to_sentinels.login()?)?)
    }

    fn learn(&mut self, others: &Answer) {
        // Addresses change; those that were true once would be tried for ever.
        self.sentinels.retain(|one| self.given.contains(one));
        for other in others.list().iter().filter_map(address_in) {
            if self.sentinels.len() < MOST_SENTINELS && !self.sentinels.contains(&other) {
                self.sentinels.push(other);
            }
        }
    }

    /// A link to the server, which has said itself that it is what was asked for. (One that we may not ask is believed.)
    fn link(&self, found: &Found) -> io::Result<Socket> {
        let link = self.to_servers.connect(&found.target)?;
        let mut talk = Talk::begin(link, &self.to_servers.login()?)?;
        let role = talk.ask(&["ROLE"])?;
        let is_replica = role.list().first().and_then(Answer::text) == Some("slave");
        if is_replica && !found.is_replica {
            let (name, target) = (self.name.clone(), found.target.clone());
            return Err(SentinelError::NotPrimary { name, target }.into());
        }
        Ok(talk.into_link())
    }
}

fn connect(shared: &Arc<Mutex<Shared>>, handle: &Handle) -> io::Result<Socket> {
    let mut state = lock(shared);
    state.linked = None;
    let found = state.finder.find(|| handle.is_stopped())?;
    let link = state.finder.link(&found)?;
    state.linked = Some(found.target);
    if !state.is_watched {
        let (shared, handle) = (Arc::downgrade(shared), handle.clone());
        let thread = thread::Builder::new().name("redtail-sentinel".into());
        // Without it a failover is noticed later, but noticed.
        state.is_watched = thread.spawn(move || watch(&shared, &handle)).is_ok();
    }
    Ok(link)
}

/// Listens to one Sentinel after another for as long as the follower is there.
fn watch(shared: &Weak<Mutex<Shared>>, handle: &Handle) {
    let mut turn = 0_usize;
    while let Some(state) = shared.upgrade().filter(|_| !handle.is_stopped()) {
        let subscribed = {
            let state = lock(&state);
            let sentinels = &state.finder.sentinels;
            let sentinel = sentinels.get(turn % sentinels.len().max(1)).cloned();
            (sentinel, state.finder.to_sentinels.clone(), state.finder.name.clone())
        };
        drop(state);
        let (Some(sentinel), way, name) = subscribed else { return };
        if let Ok(talk) = subscribe(&way, &sentinel) {
            listen(talk, &name, shared, handle);
        }
        turn += 1;
        thread::sleep(TICK);
    }
}

/// How late the thread may notice that nobody needs it, and how long it leaves a Sentinel alone that hung up.
const TICK: Duration = Duration::from_secs(1);

fn subscribe(way: &Way, sentinel: &Target) -> io::Result<Talk> {
    let mut talk = Talk::begin(way.connect(sentinel)?, &way.login()?)?;
    match talk.ask(&["SUBSCRIBE", "+switch-master"])? {
        Answer::Error(words) => Err(io::Error::other(words)),
        _ => {
            talk.link().set_read_timeout(Some(TICK))?;
            Ok(talk)
        }
    }
}

/// Until the Sentinel hangs up or the follower ends.
fn listen(mut talk: Talk, name: &str, shared: &Weak<Mutex<Shared>>, handle: &Handle) {
    let mut looked: Option<Instant> = None;
    while let Some(state) = shared.upgrade().filter(|_| !handle.is_stopped()) {
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            look_again(&state, handle);
            looked = Some(Instant::now());
        }
        drop(state);
        match talk.listen() {
            Ok(message) => {
                let Some(primary) = switched(&message, name) else { continue };
                let Some(state) = shared.upgrade() else { return };
                if lock(&state).linked.as_ref().is_some_and(|linked| *linked != primary) {
                    handle.reconnect();
                }
            }
            Err(TalkError::Silent) => {}
            Err(_) => return,
        }
    }
}

/// How often a Sentinel is asked what it should have told.
const LOOK: Duration = Duration::from_secs(5);

/// A switch may have been told while nobody listened, or while the link that it ends was still being made.
fn look_again(shared: &Mutex<Shared>, handle: &Handle) {
    let mut finder = lock(shared).finder.clone();
    let before = finder.primary.clone();
    let found = finder.find(|| handle.is_stopped());
    let state = lock(shared);
    // Unless a new link is being made, or was meanwhile.
    if found.is_ok() && finder.primary != before && state.finder.primary == before && state.linked.is_some() {
        handle.reconnect();
    }
}

/// The new primary, if the message is that ours has changed: `name old-ip old-port new-ip new-port`.
fn switched(message: &Answer, name: &str) -> Option<Target> {
    let [_, _, payload] = message.list() else { return None };
    let mut words = payload.text()?.split(' ');
    let ours = words.next() == Some(name);
    let [_, _, host, port] = [words.next()?, words.next()?, words.next()?, words.next()?];
    ours.then_some(Target::Tcp { host: host.into(), port: port.parse().ok()? })
}

/// Host and port of an answer to GET-MASTER-ADDR-BY-NAME.
fn target(answer: &[Answer]) -> Option<Target> {
    let [host, port] = answer else { return None };
    tcp(host.text()?, port.text()?)
}

/// The address in the fields of a Sentinel or replica.
fn address_in(fields: &Answer) -> Option<Target> {
    tcp(fields.field("ip")?.text()?, fields.field("port")?.text()?)
}

fn tcp(host: &str, port: &str) -> Option<Target> {
    let port = port.parse().ok().filter(|&port| port > 0)?;
    Some(Target::Tcp { host: host.into(), port })
}

fn healthy_replica(fields: &Answer) -> Option<Target> {
    let flags = fields.field("flags")?.text()?;
    let bad = flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"));
    let linked = fields.field("master-link-status")?.text()? == "ok";
    address_in(fields).filter(|_| linked && !bad)
}

/// Takes out any of them, so that several followers don't all choose the same.
pub(super) fn any_of(targets: &mut Vec<Target>) -> Option<Target> {
    let count = targets.len() as u64;
    let chosen = crate::io::random().checked_rem(count)?;
    Some(targets.swap_remove(usize::try_from(chosen).ok()?))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn each(tried: &[(Target, String)]) -> String {
    let each: Vec<_> = tried.iter().map(|(target, words)| format!("{target}: {words}")).collect();
    each.join("; ")
}

impl From<SentinelError> for io::Error {
    fn from(error: SentinelError) -> Self {
        Self::other(error)
    }
}

impl std::fmt::Debug for Sentinel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finder { name, sentinels, .. } = &self.finder;
        f.debug_struct("Sentinel").field("name", name).field("sentinels", sentinels).finish_non_exhaustive()
    }
}
