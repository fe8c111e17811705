//! The blocking follower: a `BufferedSession` with a transport and a clock.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use crate::io::{BufferedSession, Step};
use crate::net::error::Error;
use crate::net::handle::{Handle, HandleState};
use crate::net::login::{Ask, Login};
use crate::net::named::named;
use crate::net::socket::Socket;
use crate::net::transport::{Remote, Transport};
use crate::owned::OwnedEvent;
use crate::replication::{Closed, Credentials, Event, Heartbeat, Idle, Options, Position, StreamCommand};

/// Follows a primary in the caller's own thread, one event after another.
///
/// ```no_run
/// use redtail::{Event, Follower};
///
/// let mut follower = Follower::builder("127.0.0.1:6379").connect()?;
/// while let Some(event) = follower.next_event()? {
///     match event {
///         Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
///         Event::Gap(gap) => eprintln!("history lost: {gap}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), redtail::Error>(())
/// ```
///
/// It reconnects (see [`Options::backoff`]), and it acknowledges from within `next_event`. A caller that works on one
/// event for longer than the primary's `repl-timeout` calls [`Handle::heartbeat`] meanwhile.
pub struct Follower<T: Transport = Socket> {
    pub(super) engine: BufferedSession,
    /// The name of the server in the errors of its connections.
    target: String,
    connector: Box<Ask<T>>,
    login: Box<Ask<Login>>,
    link: Option<Link<T>>,
    shared: Arc<HandleState>,
    /// The version of the commits that the handles have.
    shared_version: u32,
    began: Instant,
    /// The time of the last clock reading, in milliseconds since `began`.
    time_ms: u64,
    /// Events until the clock is read again.
    clock_skip: u32,
    /// Events between the last two readings of the clock.
    clock_stride: u32,
}

struct Link<T> {
    transport: T,
    remote: Option<Arc<dyn Remote>>,
    read_timeout: Option<Duration>,
    /// The last read ended without data.
    silent: bool,
    /// The error of a write. The server may have sent its reason before it closed, so that is read first.
    write_error: Option<io::Error>,
}

/// How a search for the next event ended.
enum Search {
    Event,
    Idle,
    Over,
}

/// How long a search may take.
#[derive(Clone, Copy)]
enum Deadline {
    Never,
    At(u64),
}

impl<T: Transport> Follower<T> {
    /// The next event; waits for it. `None` after [`Handle::stop`], and after the server has closed the connection
    /// while reconnection is off. The event borrows from the follower until the next call.
    ///
    /// # Errors
    /// Why the follower has ended. Final: every later call returns the same.
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if !self.fast() && !matches!(self.search(Deadline::Never)?, Search::Event) {
            return Ok(None);
        }
        Ok(Some(self.found_event()))
    }

    /// The next event; waits at most `limit` for it, then returns [`Event::Idle`]. With zero it reads what the socket
    /// holds already. To connect again may take longer: as long as the connector takes.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Event<'_>>, Error> {
        if self.fast() {
            return Ok(Some(self.found_event()));
        }
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let until = self.now_ms().saturating_add(limit_ms);
        Ok(match self.search(Deadline::At(until))? {
            Search::Event => Some(self.engine.event()),
            Search::Idle => Some(Event::Idle(Idle { position: self.engine.position() })),
            Search::Over => None,
        })
    }

    /// The next event in the bytes that were received already: never reads, never waits. `None` if they hold none, and
    /// after [`Handle::stop`]; [`next_event`](Self::next_event) then tells what follows.
    #[inline]
    pub fn try_next(&mut self) -> Option<Event<'_>> {
        self.find_received().then(|| self.found_event())
    }

    /// Waits for the next event and delivers it to `each`, then every further event that was received already, without
    /// reading again. `each` may end the batch early with [`ControlFlow::Break`]. Returns false when the follower has
    /// ended.
    ///
    /// This is the fastest of the methods that deliver events. When it returns is the moment to flush an output.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn batch(&mut self, mut each: impl FnMut(Event<'_>) -> ControlFlow<()>) -> Result<bool, Error> {
        if !matches!(self.search(Deadline::Never)?, Search::Event) {
            return Ok(false);
        }
        if each(self.engine.event()).is_continue() {
            self.drain_batch(&mut each);
        }
        Ok(true)
    }

    /// All further events as an iterator. Its items own their data, so this method allocates. It ends as
    /// [`next_event`](Self::next_event) does, and after the first error.
    ///
    /// ```no_run
    /// use redtail::owned::OwnedEvent;
    ///
    /// let mut follower = redtail::Follower::builder("127.0.0.1:6379").connect()?;
    /// let first_ten_deletions: Vec<_> = follower
    ///     .events()
    ///     .filter_map(|event| match event {
    ///         Ok(OwnedEvent::Command(command)) if command.is(b"DEL") => Some(command),
    ///         _ => None,
    ///     })
    ///     .take(10)
    ///     .collect();
    /// # Ok::<(), redtail::Error>(())
    /// ```
    pub fn events(&mut self) -> Events<'_, T> {
        Events { follower: self, over: false }
    }

    /// Whether the next call has to read: no complete event is left in the received bytes. The moment to flush an
    /// output.
    pub fn is_drained(&mut self) -> bool {
        let now = self.time_ms();
        let is_drained = self.engine.is_drained(now);
        self.keep_in_touch();
        is_drained
    }

    /// The position to store once the work on the event returned last is done: the one after that event. Inside a
    /// transaction, and inside a command delivered in parts, it is the one before their first event, because the
    /// stream does not resume in their middle.
    ///
    /// [`StreamCommand::position`](crate::StreamCommand::position) is the same position where it is `Some`. This one
    /// also advances over PING and SELECT, which no event delivers by default, so it is the one to store while nothing
    /// is written. `None` before the first attach of a start without a position, during the snapshot of
    /// [`Start::Snapshot`](crate::Start::Snapshot), and after SYNC.
    ///
    /// ```
    /// use redtail::replay::{Primary, Recording};
    /// use redtail::{Event, Follower, Start};
    ///
    /// let recording = Recording::of([&["SET", "a", "1"][..], &["MULTI"], &["SET", "b", "2"], &["EXEC"]])?;
    /// let start = recording.first().start_position();
    /// let primary = Primary::serve(recording)?;
    /// let mut follower = Follower::builder(primary.address().to_string()).start(Start::At(start)).connect()?;
    /// let mut stored = None;
    /// while let Some(event) = follower.next_event()? {
    ///     let is_last = matches!(event, Event::Exec(_));
    ///     let own = match event {
    ///         Event::Attached(attached) => attached.position, // store this one too: later writes are then not lost
    ///         Event::Command(command) | Event::Multi(command) | Event::Exec(command) => command.position(),
    ///         _ => None,
    ///     };
    ///     // The work on the event is done.
    ///     match own {
    ///         Some(after_it) => assert_eq!(follower.position(), Some(after_it)),
    ///         None => assert_eq!(follower.position(), stored), // in the transaction: still the one before MULTI
    ///     }
    ///     stored = follower.position();
    ///     if is_last {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn position(&self) -> Option<Position> {
        self.engine.position()
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): everything up to this position is safely kept. A position of a
    /// history that a gap has ended is ignored. Other threads have [`Handle::commit`].
    ///
    /// If the primary has requested an acknowledgement that this commit makes possible, it is sent at once. Otherwise
    /// the next acknowledgement has the position, within a second. Bytes after the position that no event delivers
    /// (PING, SELECT) are acknowledged with it.
    pub fn commit(&mut self, position: Position) {
        self.engine.commit(position);
        self.keep_in_touch();
    }

    /// The transport of the present connection, for example to wait until its socket is readable. `None` between two
    /// connections. After a wait, call [`next_timeout`](Self::next_timeout) until it returns [`Event::Idle`].
    pub fn transport(&self) -> Option<&T> {
        self.link.as_ref().map(|link| &link.transport)
    }

    /// A handle for other threads, and for signal handlers.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    pub(super) fn start(
        target: String,
        connector: Box<Ask<T>>,
        login: Box<Ask<Login>>,
        options: Options,
        buffer: usize,
        handle: Handle,
    ) -> Result<Self, Error> {
        let mut follower = Self {
            engine: BufferedSession::with_buffer(options, buffer)?,
            target,
            connector,
            login,
            link: None,
            shared: handle.shared,
            shared_version: 0,
            began: Instant::now(),
            time_ms: 0,
            clock_skip: 0,
            clock_stride: 0,
        };
        follower.shared.set_link(None);
        follower.share_commits();
        match follower.connect()? {
            Ok(()) => {}
            Err(error) if options.retry_first => follower.connect_failed(&error),
            Err(source) => return Err(Error::Connect { target: follower.target.clone(), source }),
        }
        Ok(follower)
    }

    /// Whether the received bytes hold an event, which [`found_event`](Self::found_event) then builds.
    #[inline(always)]
    pub(crate) fn find_received(&mut self) -> bool {
        self.fast() || (!self.shared.is_stopped() && self.find().is_none())
    }

    #[inline(always)]
    pub(crate) fn found_event(&self) -> Event<'_> {
        self.found_write().map_or_else(|| self.engine.event(), Event::Command)
    }

    /// That event, if it is a write. Cheaper: an event is large, and copied with all its bytes.
    #[inline(always)]
    pub(crate) fn found_write(&self) -> Option<StreamCommand<'_>> {
        self.engine.write()
    }

    /// Finds the next event, which the engine then holds.
    #[inline(never)]
    fn search(&mut self, deadline: Deadline) -> Result<Search, Error> {
        let mut has_read = false;
        loop {
            if self.shared.is_stopped() {
                self.end_recording();
                self.unlink();
                return Ok(Search::Over);
            }
            match self.find() {
                None => return Ok(Search::Event),
                Some(Step::Read { deadline_ms }) => {
                    // However short the time, one read is tried: bytes that wait in the socket would never be seen
                    // otherwise.
                    if has_read && deadline.at_ms() <= self.now_ms() {
                        return Ok(Search::Idle);
                    }
                    has_read = true;
                    self.read(deadline_ms.min(deadline.at_ms()))?;
                }
                Some(Step::Connect { at_ms }) => {
                    if self.reconnect(at_ms, deadline)? {
                        return Ok(Search::Idle);
                    }
                }
                Some(Step::Failed(error)) => {
                    self.unlink();
                    return Err(error.into());
                }
                Some(Step::Ended | Step::Event(_)) => {
                    self.unlink();
                    return Ok(Search::Over);
                }
            }
        }
    }

    /// Finds a command in the middle of the stream, which the engine then holds. False: [`search`](Self::search)
    /// decides. Until the clock is read again no acknowledgement is due, and nothing of the handles is taken.
    #[inline(always)]
    fn fast(&mut self) -> bool {
        if self.clock_skip == 0 || self.shared.is_stopped() || !self.engine.fast() {
            return false;
        }
        self.clock_skip -= 1;
        self.shared.set_heartbeat(Some(Heartbeat::Ack(self.engine.offset())));
        true
    }

    /// Finds an event in the received bytes, which the engine then holds. `Some`: there is none.
    #[inline(never)]
    fn find(&mut self) -> Option<Step<'static>> {
        let now = self.time_ms();
        let step = self.engine.advance(now);
        self.keep_in_touch();
        step
    }

    /// Delivers the events that were received already.
    fn drain_batch(&mut self, each: &mut impl FnMut(Event<'_>) -> ControlFlow<()>) {
        while !self.shared.is_stopped() {
            self.read_clock();
            let limit = std::mem::take(&mut self.clock_skip);
            let (events, flow) = self.engine.batch(self.time_ms, limit, &mut *each);
            self.keep_in_touch();
            if flow.is_break() || events < limit {
                return;
            }
        }
    }

    #[inline]
    fn keep_in_touch(&mut self) {
        if self.engine.commits().version() != self.shared_version {
            self.share_commits();
        }
        self.shared.set_heartbeat(self.engine.received_heartbeat());
        while !self.engine.to_send().is_empty() {
            self.send();
        }
    }

    /// Takes the last commit of the handles, and gives them a copy of all commits, so that the next one can be
    /// acknowledged without this thread.
    #[inline(never)]
    fn share_commits(&mut self) {
        self.shared.share_commits(|news| {
            if let Some(position) = news {
                self.engine.commit(position);
            }
            *self.engine.commits()
        });
        self.shared_version = self.engine.commits().version();
    }

    fn send(&mut self) {
        let bytes = self.engine.to_send();
        let count = bytes.len();
        if let Some(link) = self.link.as_mut().filter(|link| link.write_error.is_none()) {
            let sent = match &link.remote {
                Some(remote) => remote.send(bytes),
                None => link.transport.write_all(bytes),
            };
            link.write_error = sent.err();
        }
        self.engine.sent(count);
    }

    /// Reads once, until `deadline_ms` at the latest.
    fn read(&mut self, deadline_ms: u64) -> Result<(), Error> {
        let now = self.now_ms();
        self.clock_skip = 0;
        let wait = deadline_ms.saturating_sub(now).clamp(1, LONGEST_READ_MS);
        let space = self.engine.space()?;
        let Some(link) = &mut self.link else {
            self.engine.disconnected(Closed::Failed("not connected"));
            return Ok(());
        };
        let read = link.wait_at_most(Duration::from_millis(wait)).and_then(|()| link.transport.read(space));
        link.silent = read.is_err();
        match read {
            Ok(0) => self.engine.disconnected(Closed::ByPeer),
            Ok(count) => {
                self.engine.stamp(wall_clock_ms());
                self.engine.received(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                match link.write_error.take() {
                    Some(error) => self.broken(&error),
                    None => {
                        let now = self.now_ms();
                        self.engine.silent(now);
                    }
                }
            }
            Err(error) => self.broken(&error),
        }
        Ok(())
    }

    fn broken(&mut self, error: &io::Error) {
        let message = named(&self.target, error);
        self.engine.disconnected(Closed::Failed(&message));
    }

    /// Waits and connects. Returns true when the time is up before that.
    fn reconnect(&mut self, at_ms: u64, deadline: Deadline) -> Result<bool, Error> {
        self.unlink();
        let now = self.now_ms();
        if at_ms > now {
            if deadline.at_ms() <= now {
                return Ok(true);
            }
            self.shared.pause(Duration::from_millis(at_ms.min(deadline.at_ms()) - now));
            return Ok(false);
        }
        match self.connect() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.connect_failed(&error),
            // A login that succeeded at the start is expected to succeed again: a file is being replaced, a service
            // restarts.
            Err(error @ Error::Login(_)) => self.engine.connect_failed(Closed::Failed(&error.to_string())),
            Err(error) => return Err(error),
        }
        Ok(false)
    }

    /// The outer error is final; with the inner one a connection could not be made.
    fn connect(&mut self) -> Result<io::Result<()>, Error> {
        let login = (self.login)().map_err(Error::Login)?;
        let made = (self.connector)().and_then(|transport| {
            let remote = transport.remote()?.map(Arc::from);
            Ok(Link { transport, remote, read_timeout: None, silent: true, write_error: None })
        });
        let link = match made {
            Ok(link) => link,
            Err(error) => {
                // Of the attempt.
                self.shared.set_link(None);
                return Ok(Err(error));
            }
        };
        self.shared.set_link(link.remote.clone());
        self.link = Some(link);
        let credentials =
            Credentials { user: login.user.as_deref().map(str::as_bytes), password: login.password.as_deref() };
        let now = self.now_ms();
        self.engine.connected(credentials, now);
        Ok(Ok(()))
    }

    fn connect_failed(&mut self, error: &io::Error) {
        self.engine.connect_failed(Closed::Failed(&error.to_string()));
    }

    fn unlink(&mut self) {
        if self.link.take().is_some() {
            self.shared.set_link(None);
        }
    }

    /// The time as the clock was read a few events ago.
    #[inline]
    fn time_ms(&mut self) -> u64 {
        if self.clock_skip == 0 {
            self.read_clock();
        }
        self.clock_skip -= 1;
        self.time_ms
    }

    /// Reads the clock, and takes what other threads have committed. That costs as much as an event: where events take
    /// less than a millisecond, it is done once for several. Where they take longer, it is done for each, or
    /// acknowledgements would be late because a consumer is slow.
    fn read_clock(&mut self) {
        let last = self.time_ms;
        let is_fast = self.now_ms() - last <= 1;
        self.clock_stride = if is_fast { (2 * self.clock_stride).clamp(1, LONGEST_CLOCK_STRIDE) } else { 1 };
        self.clock_skip = self.clock_stride;
        if let Some(position) = self.shared.take_committed() {
            self.engine.commit(position);
        }
    }

    /// The time now. It never decreases.
    fn now_ms(&mut self) -> u64 {
        self.time_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.time_ms
    }
}

impl Deadline {
    /// On the follower's clock.
    const fn at_ms(self) -> u64 {
        match self {
            Self::Never => u64::MAX,
            Self::At(time_ms) => time_ms,
        }
    }
}

/// A handle that outlives the follower must not hold the connection: the primary would keep a stream for a replica that
/// no longer reads.
impl<T: Transport> Drop for Follower<T> {
    fn drop(&mut self) {
        self.end_recording();
        self.unlink();
    }
}

fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The iterator of [`Follower::events`].
///
/// ```
/// # fn print(follower: &mut redtail::Follower) -> Result<(), redtail::Error> {
/// for event in follower.events() {
///     println!("{:?}", event?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Events<'f, T: Transport = Socket> {
    follower: &'f mut Follower<T>,
    over: bool,
}

impl<T: Transport> Iterator for Events<'_, T> {
    type Item = Result<OwnedEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let event = self.follower.next_event().map(|event| event.map(OwnedEvent::from)).transpose();
        self.over = !matches!(event, Some(Ok(_)));
        event
    }
}

impl<T: Transport> std::iter::FusedIterator for Events<'_, T> {}

/// The most events between two readings of the clock. The primary still hears within its `repl-timeout` from a consumer
/// that suddenly takes seconds for each event.
const LONGEST_CLOCK_STRIDE: u32 = 16;

/// The longest read. A follower without a deadline sees a stop at the latest after it.
const LONGEST_READ_MS: u64 = 60_000;

impl<T: Transport> Link<T> {
    /// Sets the socket's timeout, unless the present one is close enough: each change is a system call. While data
    /// flows, the rest of the second shrinks from read to read: a shorter timeout is close enough for several reads.
    fn wait_at_most(&mut self, limit: Duration) -> io::Result<()> {
        if self.read_timeout.is_some_and(|set| set <= limit && set >= limit / 8) {
            return Ok(());
        }
        let timeout = if self.silent { limit } else { limit / 4 };
        self.transport.set_read_timeout(Some(timeout))?;
        self.read_timeout = Some(timeout);
        Ok(())
    }
}

impl<T: Transport> fmt::Debug for Follower<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("position", &self.position()).finish_non_exhaustive()
    }
}
