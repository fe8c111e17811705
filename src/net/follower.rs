//! The blocking follower: connects, reads, writes and waits as its session says.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use crate::base::limits::{HANDSHAKE_REPLY, MAX_COMMAND};
use crate::io::ReceiveBuffer;
use crate::io::recording::Recorder;
use crate::net::error::Error;
use crate::net::handle::{Handle, Shared};
use crate::net::login::{Ask, Login};
use crate::net::socket::Socket;
use crate::net::transport::{Remote, Transport};
use crate::owned::OwnedEvent;
use crate::replication::{Closed, Credentials, Event, Idle, Options, Position, Progress, Session};

/// Follows a primary, one event after another, in the caller's own thread.
///
/// ```no_run
/// use redtail::{Event, Follower};
///
/// let mut follower = Follower::builder("127.0.0.1:6379").connect()?;
/// while let Some(event) = follower.next()? {
///     match event {
///         Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
///         Event::Gap(gap) => eprintln!("history lost: {gap}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), redtail::Error>(())
/// ```
///
/// It reconnects by itself (see [`Options::backoff`]) and acknowledges from within `next`: whoever works on one event for longer than
/// the primary's `repl-timeout` calls [`Handle::heartbeat`] meanwhile.
pub struct Follower<T: Transport = Socket> {
    pub(super) session: Session,
    connector: Box<Ask<T>>,
    login: Box<Ask<Login>>,
    link: Option<Link<T>>,
    pub(super) ring: ReceiveBuffer,
    ring_base: usize,
    ring_limit: usize,
    /// Bytes of the last event, to be dropped when the next is asked for.
    pub(super) pending: usize,
    /// A look ahead has found an event that nobody has taken yet; and the position before it.
    pub(super) ahead: bool,
    before: Option<Position>,
    /// When to connect again, on the follower's clock.
    reconnect_at_ms: Option<u64>,
    shared: Arc<Shared>,
    began: Instant,
    /// What the clock has told last, in milliseconds since `began`.
    time_ms: u64,
    /// Events to go until it is looked at again, and how many there were between the last two looks.
    unlooked: u32,
    stride: u32,
    pub(super) recorder: Option<Recorder>,
}

struct Link<T> {
    transport: T,
    remote: Option<Arc<dyn Remote>>,
    read_timeout: Option<Duration>,
    /// What a write has met. The server may have said why before it closed, so what it sent is read first.
    write_error: Option<io::Error>,
}

/// How a search for the next event ended.
enum Search {
    Event,
    Idle,
    Drained,
    Over,
}

/// How long a search may take.
#[derive(Clone, Copy)]
enum Patience {
    Endless,
    Until(u64),
    None,
}

impl<T: Transport> Follower<T> {
    /// The next event; waits for it. `None` after [`Handle::stop`], and after the server has closed the link while reconnection is
    /// off. What the event borrows lives until the next call.
    ///
    /// # Errors
    /// Why following is over. Final: the same comes again at every later call.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator's items can't borrow from it; see `events` for one whose items own"
    )]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Error> {
        Ok(match self.search(Patience::Endless)? {
            Search::Event => Some(self.session.event(self.ring.readable())),
            Search::Idle | Search::Drained | Search::Over => None,
        })
    }

    /// The next event; waits at most `limit` for it, then gives [`Event::Idle`]. With zero it takes what is there already. Connecting
    /// anew may take longer: as long as the connector takes.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Event<'_>>, Error> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let until = self.now_ms().saturating_add(limit_ms);
        Ok(match self.search(Patience::Until(until))? {
            Search::Event => Some(self.session.event(self.ring.readable())),
            Search::Idle | Search::Drained => Some(Event::Idle(Idle { position: self.session.position() })),
            Search::Over => None,
        })
    }

    /// Waits for the next event and hands it to `each`, then every further event that is already here, without reading again.
    /// `each` may end the batch early with [`ControlFlow::Break`]. Gives false when following is over.
    ///
    /// This is the fastest way to follow, and the natural moment to flush an output is when it returns.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn batch(&mut self, mut each: impl FnMut(Event<'_>) -> ControlFlow<()>) -> Result<bool, Error> {
        let mut patience = Patience::Endless;
        loop {
            match self.search(patience)? {
                Search::Event => {
                    if each(self.session.event(self.ring.readable())).is_break() || self.rush(&mut each).is_break() {
                        return Ok(true);
                    }
                    patience = Patience::None;
                }
                Search::Idle | Search::Drained => return Ok(true),
                Search::Over => return Ok(false),
            }
        }
    }

    /// All further events as an ordinary iterator, to filter, map, take and collect. Its items own what they hold: this is the form
    /// that allocates. It ends as [`next`](Self::next) does, and after the first error.
    ///
    /// ```no_run
    /// use redtail::owned::OwnedEvent;
    ///
    /// let mut follower = redtail::Follower::builder("127.0.0.1:6379").connect()?;
    /// let first_ten_deletions: Vec<_> = follower
    ///     .events()
    ///     .filter_map(|event| match event {
    ///         Ok(OwnedEvent::Command(command)) if command.args[0].eq_ignore_ascii_case(b"DEL") => Some(command),
    ///         _ => None,
    ///     })
    ///     .take(10)
    ///     .collect();
    /// # Ok::<(), redtail::Error>(())
    /// ```
    pub fn events(&mut self) -> Events<'_, T> {
        Events { follower: self, over: false }
    }

    /// Whether the next call would have to read: no whole event is left in what has been received. The moment to flush an output.
    pub fn is_drained(&mut self) -> bool {
        if !self.ahead {
            self.before = self.session.position();
            self.drop_pending();
            self.ahead = matches!(self.poll(), Progress::Event);
        }
        !self.ahead
    }

    /// The last place that can be resumed from.
    pub fn position(&self) -> Option<Position> {
        // Seen, but not handed out yet.
        if self.ahead { self.before } else { self.session.position() }
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): everything up to this position is safely kept. One of a history that a gap has ended
    /// counts for nothing. Other threads have [`Handle::commit`].
    pub fn commit(&mut self, position: Position) {
        self.session.commit(position);
    }

    /// For other threads, and for signal handling.
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
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let limit = size(options.limits.command.min(MAX_COMMAND)).max(size(HANDSHAKE_REPLY)).max(options.limits.line);
        let mut follower = Self {
            session: Session::new(options),
            connector,
            login,
            link: None,
            ring: ReceiveBuffer::try_with_capacity(buffer)?,
            ring_base: buffer,
            // The parsers refuse what passes their limits before the buffer must hold it, but for the header that says so.
            ring_limit: limit.saturating_add(buffer),
            pending: 0,
            ahead: false,
            before: None,
            reconnect_at_ms: None,
            shared: handle.shared,
            began: Instant::now(),
            time_ms: 0,
            unlooked: 0,
            stride: 0,
            recorder: None,
        };
        follower.shared.set_link(None);
        match follower.connect()? {
            Ok(()) => {}
            Err(error) if options.retry_first => follower.closed(&error),
            Err(source) => return Err(Error::Connect { target, source }),
        }
        Ok(follower)
    }

    fn search(&mut self, patience: Patience) -> Result<Search, Error> {
        let mut tried = false;
        loop {
            if self.shared.is_stopped() {
                self.end_recording();
                self.unlink();
                return Ok(Search::Over);
            }
            if std::mem::take(&mut self.ahead) {
                return Ok(Search::Event);
            }
            self.drop_pending();
            match (self.poll(), patience) {
                (Progress::Event, _) => return Ok(Search::Event),
                (Progress::Failed(error), _) => {
                    self.unlink();
                    return Err(error.into());
                }
                (Progress::Ended, _) => {
                    self.unlink();
                    return Ok(Search::Over);
                }
                (Progress::Space { .. } | Progress::Reconnect { .. }, Patience::None) => return Ok(Search::Drained),
                // However short the patience, one read is tried: what is there already would otherwise never come.
                (Progress::Space { .. }, Patience::Until(until)) if tried && until <= self.now_ms() => {
                    return Ok(Search::Idle);
                }
                (Progress::Space { at_least }, _) => {
                    tried = true;
                    self.drop_pending();
                    self.read(at_least, patience)?;
                }
                (Progress::Reconnect { after }, _) => {
                    if self.reconnect(after, patience)? {
                        return Ok(Search::Idle);
                    }
                }
            }
        }
    }

    /// One command that is here already, where nothing else comes before it: without a look at anything else. For a batch that must
    /// leave the follower to its caller between two events.
    #[cfg(feature = "capi")]
    #[inline]
    pub(crate) fn next_of_rush(&mut self, each: impl FnOnce(Event<'_>)) -> bool {
        if self.ahead || self.shared.is_stopped() {
            return false;
        }
        self.drop_pending();
        let now = self.time_ms();
        let mut each = Some(each);
        let (events, _) = self.session.batch(self.ring.readable(), now, 1, |event| {
            if let Some(each) = each.take() {
                each(event);
            }
            ControlFlow::Break(())
        });
        self.pending = self.session.consumed();
        self.keep_in_touch();
        events > 0
    }

    /// Hands out the commands that are here, as far as nothing else comes between them.
    fn rush(&mut self, each: &mut impl FnMut(Event<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.drop_pending();
        while !self.shared.is_stopped() {
            self.look_at_the_clock();
            let limit = std::mem::take(&mut self.unlooked);
            let (events, flow) = self.session.batch(self.ring.readable(), self.time_ms, limit, &mut *each);
            self.pending = self.session.consumed();
            self.drop_pending();
            self.keep_in_touch();
            if flow.is_break() || events < limit {
                return flow;
            }
        }
        ControlFlow::Continue(())
    }

    /// One look at what has been received, and whatever the session then wants to send.
    #[inline]
    fn poll(&mut self) -> Progress {
        let now = self.time_ms();
        let progress = self.session.poll(self.ring.readable(), now);
        self.pending = self.session.consumed();
        self.keep_in_touch();
        progress
    }

    #[inline]
    fn keep_in_touch(&mut self) {
        self.shared.set_heartbeat(self.session.heartbeat());
        if !self.session.to_send().is_empty() {
            self.send();
        }
    }

    #[inline]
    fn drop_pending(&mut self) {
        self.ring.consume(self.pending);
        self.pending = 0;
    }

    fn send(&mut self) {
        let bytes = self.session.to_send();
        let count = bytes.len();
        if let Some(link) = self.link.as_mut().filter(|link| link.write_error.is_none()) {
            let sent = match &link.remote {
                Some(remote) => remote.send(bytes),
                None => link.transport.write_all(bytes),
            };
            link.write_error = sent.err();
        }
        self.session.sent(count);
    }

    /// Reads once.
    fn read(&mut self, at_least: usize, patience: Patience) -> Result<(), Error> {
        let now = self.now_ms();
        self.unlooked = 0;
        let up = match patience {
            Patience::Until(until) => until,
            Patience::Endless | Patience::None => u64::MAX,
        };
        self.before_read()?;
        self.ring.shrink(self.ring_base);
        self.ring.make_room(at_least, self.ring_limit)?;
        let wait = self.session.deadline_ms().min(up).saturating_sub(now).clamp(1, LONGEST_READ_MS);
        let Some(link) = &mut self.link else {
            self.closed(&io::Error::from(io::ErrorKind::NotConnected));
            return Ok(());
        };
        let read = link.wait_at_most(Duration::from_millis(wait)).and_then(|()| link.transport.read(self.ring.space()));
        match read {
            Ok(0) => {
                let now = self.now_ms();
                self.session.closed(Closed::ByPeer, now);
            }
            Ok(count) => {
                self.ring.filled(count);
                let received_ms = wall_clock_ms();
                self.session.stamp(received_ms);
                self.after_read(count, received_ms)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                match link.write_error.take() {
                    Some(error) => self.closed(&error),
                    None => {
                        let now = self.now_ms();
                        self.session.silent(now);
                    }
                }
            }
            Err(error) => self.closed(&error),
        }
        Ok(())
    }

    /// Waits and connects. Gives true when the time is up before that.
    fn reconnect(&mut self, after: Duration, patience: Patience) -> Result<bool, Error> {
        self.unlink();
        let now = self.now_ms();
        let at = *self
            .reconnect_at_ms
            .get_or_insert(now.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
        if at > now {
            let until = match patience {
                Patience::Until(until) if until <= now => return Ok(true),
                Patience::Until(until) => at.min(until),
                Patience::Endless | Patience::None => at,
            };
            self.shared.pause(Duration::from_millis(until - now));
            return Ok(false);
        }
        self.reconnect_at_ms = None;
        match self.connect() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.closed(&error),
            // What gave a password at the start will give one again: a file that is being replaced, a service that restarts.
            Err(error @ Error::Login(_)) => self.closed(&io::Error::other(error.to_string())),
            Err(error) => return Err(error),
        }
        Ok(false)
    }

    /// The outer error is final, the inner one is a link that could not be made.
    fn connect(&mut self) -> Result<io::Result<()>, Error> {
        let login = (self.login)().map_err(Error::Login)?;
        let made = (self.connector)().and_then(|transport| {
            let remote = transport.remote()?.map(Arc::from);
            Ok(Link { transport, remote, read_timeout: None, write_error: None })
        });
        let link = match made {
            Ok(link) => link,
            Err(error) => return Ok(Err(error)),
        };
        self.shared.set_link(link.remote.clone());
        self.link = Some(link);
        let credentials =
            Credentials { user: login.user.as_deref().map(str::as_bytes), password: login.password.as_deref() };
        let now = self.now_ms();
        self.session.connected(credentials, now);
        Ok(Ok(()))
    }

    fn closed(&mut self, error: &io::Error) {
        let now = self.now_ms();
        self.session.closed(Closed::Failed(&error.to_string()), now);
    }

    fn unlink(&mut self) {
        if self.link.take().is_some() {
            self.shared.set_link(None);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.link_over();
        }
        self.pending = 0;
        self.ring.consume(self.ring.len());
    }

    /// The time as of a look at the clock a few events ago.
    #[inline]
    fn time_ms(&mut self) -> u64 {
        if self.unlooked == 0 {
            self.look_at_the_clock();
        }
        self.unlooked -= 1;
        self.time_ms
    }

    /// And at what other threads have committed. A look costs as much as an event, so where events take less than a millisecond, not each of them is worth one. Where they take
    /// longer, each is: acknowledgements must not be late because a consumer is slow.
    fn look_at_the_clock(&mut self) {
        let last = self.time_ms;
        let quick = self.now_ms() - last <= 1;
        self.stride = if quick { (2 * self.stride).clamp(1, LONGEST_STRIDE) } else { 1 };
        self.unlooked = self.stride;
        if let Some(position) = self.shared.take_committed() {
            self.session.commit(position);
        }
    }

    /// The time now. Never less than it was.
    fn now_ms(&mut self) -> u64 {
        self.time_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.time_ms
    }
}

/// A handle that lives on must not hold the link: the primary would go on keeping a stream for somebody who no longer reads.
impl<T: Transport> Drop for Follower<T> {
    fn drop(&mut self) {
        self.end_recording();
        self.unlink();
    }
}

pub(super) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The iterator of [`Follower::events`].
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
        let event = self.follower.next().map(|event| event.map(OwnedEvent::from)).transpose();
        self.over = !matches!(event, Some(Ok(_)));
        event
    }
}

impl<T: Transport> std::iter::FusedIterator for Events<'_, T> {}

/// Events between two looks at the clock, at most. A consumer that suddenly takes seconds for each is still heard of within the
/// primary's `repl-timeout`.
const LONGEST_STRIDE: u32 = 16;

/// A follower without a deadline of its own still looks up now and then.
const LONGEST_READ_MS: u64 = 60_000;

impl<T: Transport> Link<T> {
    /// Sets the socket's time-out, unless the one it has will do: each change is a system call.
    fn wait_at_most(&mut self, limit: Duration) -> io::Result<()> {
        if self.read_timeout.is_some_and(|set| set <= limit && set >= limit / 2) {
            return Ok(());
        }
        self.transport.set_read_timeout(Some(limit))?;
        self.read_timeout = Some(limit);
        Ok(())
    }
}

impl<T: Transport> fmt::Debug for Follower<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("position", &self.position()).finish_non_exhaustive()
    }
}
