//! A session with its receive buffer. The follower, the C session and asynchronous code all use this engine.

use std::fmt;
use std::io;
use std::ops::ControlFlow;

use thiserror::Error;

use crate::base::limits::{BUFFER_CAPACITY, HANDSHAKE_REPLY, Limits, MAX_COMMAND, MIN_PARTS_THRESHOLD};
use crate::io::receive_buffer::{BufferFull, LINE_END, ReceiveBuffer, SMALL};
use crate::io::recording::Recorder;
use crate::io::template_buffer::TemplateBuffer;
use crate::rdb::MIN_INPUT;
use crate::replication::{
    Closed, Commits, Credentials, DisconnectReason, Event, Heartbeat, Options, Position, Progress, Session,
    SessionError, StreamCommand, millis,
};

/// A [`Session`] and its receive buffer, without a socket, a clock or a thread: for event loops and asynchronous code.
///
/// The caller connects, reads, writes and waits. Its loop is a `match` on [`next`](Self::next):
///
/// | [`Step`] | what to do |
/// | --- | --- |
/// | [`Event`](Step::Event) | handle it, and call `next` again |
/// | [`Read`](Step::Read) | write [`to_send`](Self::to_send) and report it with [`sent`](Self::sent); then read into [`space`](Self::space), until `deadline_ms` at the latest, and report the result |
/// | [`Connect`](Step::Connect) | drop the connection, wait until `at_ms`, connect, and report the result |
/// | [`Failed`](Step::Failed), [`Ended`](Step::Ended) | drop the connection, and stop |
///
/// The result of a read is one of [`received`](Self::received), [`disconnected`](Self::disconnected) and, at the
/// deadline, [`silent`](Self::silent). The result of a connection attempt is [`connected`](Self::connected) or
/// [`connect_failed`](Self::connect_failed).
///
/// The times `now_ms`, `deadline_ms` and `at_ms` are in milliseconds. The caller chooses one clock for all of them. The
/// clock must never run backwards.
///
/// `examples/tokio.rs` is such a loop around a socket. The loop below reads recorded bytes instead:
///
/// ```
/// use redtail::io::{BufferedSession, Step};
/// use redtail::replication::Session;
/// use redtail::{Event, Options};
///
/// let mut recorded: &[u8] = b"+CONTINUE 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
/// let mut session = BufferedSession::with_capacity(Session::recorded(Options::default(), Some(100)), 4096)?;
/// let mut keys = Vec::new();
/// loop {
///     match session.next(0) {
///         Step::Event(Event::Command(command)) => keys.push(command.args().skip(1).map(<[u8]>::to_vec).collect::<Vec<_>>()),
///         Step::Event(_) => {}
///         Step::Read { .. } if recorded.is_empty() => break,
///         Step::Read { .. } => {
///             let count = std::io::Read::read(&mut recorded, session.space()?)?;
///             session.received(count);
///         }
///         Step::Connect { .. } | Step::Failed(_) | Step::Ended => unreachable!("the recording is whole"),
///     }
/// }
/// assert_eq!((keys, session.position().unwrap().offset), (vec![vec![b"k".to_vec()]], 120));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BufferedSession {
    /// About 80 KB, boxed so that moves stay cheap.
    session: Box<Session<TemplateBuffer>>,
    buffer: ReceiveBuffer,
    /// The capacity that the buffer returns to.
    capacity: usize,
    limit: usize,
    /// The length of the last [`space`](Self::space), until its bytes are reported; 0: there is none to report for.
    lent: usize,
    /// The number of bytes of the last event. They are dropped at the next call, because the event borrows them.
    pending: usize,
    /// The least number of bytes that the session waits for; 0 while the buffer may hold events.
    needed: usize,
    /// The last bytes were received after [`IDLE_MS`] without data. A read in the background asks for space just after
    /// data, and holds it for as long as nothing arrives.
    was_idle: bool,
    /// Whether an event was found and not taken yet. `before` is the position before that event.
    peeked: bool,
    before: Option<Position>,
    /// How the connection ended, until the bytes that were received on it are used up.
    closing: Option<DisconnectReason>,
    /// When to connect; `u64::MAX` after the end of the session.
    connect_at_ms: Option<u64>,
    /// The last stamp, for the recording.
    received_ms: u64,
    recorder: Option<Recorder>,
    /// The stream was requested before there was a recorder, so this connection is not recorded.
    skips_recording: bool,
}

/// What [`BufferedSession::next`] returns: an event, or what to do before there is one.
///
/// ```
/// use redtail::Options;
/// use redtail::io::{BufferedSession, Step};
///
/// let mut session = BufferedSession::new(Options::default());
/// assert!(matches!(session.next(0), Step::Connect { at_ms: 0 }));
/// ```
#[derive(Debug)]
pub enum Step<'a> {
    /// The next event. It borrows from the session until the next call.
    Event(Event<'a>),
    /// The received bytes hold no further event: send, and read.
    Read {
        /// When to call [`BufferedSession::next`] again even if nothing arrives; `u64::MAX`: never.
        deadline_ms: u64,
    },
    /// There is no connection, or the connection is no longer usable. Drop it, and connect again.
    Connect {
        /// The earliest time to connect. Repeated calls of `next` return the same time.
        at_ms: u64,
    },
    /// The session has failed with this error. Final.
    Failed(SessionError),
    /// The session has ended: the other side closed the connection, and reconnection is off. Final.
    Ended,
}

/// Why there is no [space](BufferedSession::space) to read into.
///
/// ```
/// use std::io::Read;
/// use redtail::io::{BufferedSession, SpaceError};
///
/// fn read(session: &mut BufferedSession, mut socket: impl Read) -> std::io::Result<()> {
///     match session.space() {
///         Ok(space) => {
///             let length = socket.read(space)?;
///             session.received(length);
///             Ok(())
///         }
///         Err(SpaceError::Recording(error)) => Err(error),
///         Err(error) => Err(std::io::Error::other(error)),
///     }
/// }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The buffer is full, because [`BufferedSession::next`] was not called for the received bytes; or there is no
    /// memory.
    #[error(transparent)]
    Buffer(#[from] BufferFull),
    /// The recording can't be written. Final: every later call returns the same.
    #[error("can't write the recording: {0}")]
    Recording(io::Error),
}

impl BufferedSession {
    /// A session that is not connected yet, with a buffer of [`BUFFER_CAPACITY`] bytes.
    pub fn new(options: Options) -> Self {
        Self::over(boxed(options), ReceiveBuffer::with_capacity(SMALL), BUFFER_CAPACITY)
    }

    /// The same with a buffer of `capacity` bytes.
    pub(crate) fn with_buffer(options: Options, capacity: usize) -> Result<Self, BufferFull> {
        Ok(Self::over(boxed(options), ReceiveBuffer::try_with_capacity(capacity.min(SMALL))?, capacity))
    }

    /// The given session, for example a [recorded](Session::recorded) one, with a buffer of `capacity` bytes. The
    /// session must not have received any bytes yet.
    ///
    /// The buffer has `capacity` bytes as soon as a read fills the first 16 KiB, and 16 KiB again after a second
    /// without data. It grows for a longer command, up to [`Limits::command`] plus one line of [`Limits::line`], and
    /// then shrinks to `capacity` again.
    ///
    /// # Errors
    /// [`BufferFull::Memory`].
    pub fn with_capacity(session: Session, capacity: usize) -> Result<Self, BufferFull> {
        let templates = TemplateBuffer::with_limit(session.limits().templates);
        let buffer = ReceiveBuffer::try_with_capacity(capacity.min(SMALL))?;
        Ok(Self::over(Box::new(session.with_templates(templates)), buffer, capacity))
    }

    fn over(session: Box<Session<TemplateBuffer>>, buffer: ReceiveBuffer, capacity: usize) -> Self {
        Self {
            limit: limit_of(session.limits()),
            capacity,
            session,
            buffer: buffer.growing_to(capacity),
            lent: 0,
            pending: 0,
            needed: 0,
            was_idle: false,
            peeked: false,
            before: None,
            closing: None,
            connect_at_ms: None,
            received_ms: 0,
            recorder: None,
            skips_recording: false,
        }
    }

    /// The next event in the received bytes, or what to do before there is one. Never reads, never waits, and may be
    /// called at any time.
    #[inline]
    pub fn next(&mut self, now_ms: u64) -> Step<'_> {
        match self.advance(now_ms) {
            None => Step::Event(self.event()),
            Some(step) => step,
        }
    }

    /// Delivers the events in the received bytes to `each`, at most `limit` of them. Returns the number of delivered
    /// events, and whether `each` ended the batch. If neither `limit` nor `each` ended the batch, [`next`](Self::next)
    /// returns what to do.
    ///
    /// Faster than `next`. All events of a batch have the same `now_ms`.
    #[inline]
    pub fn batch(
        &mut self,
        now_ms: u64,
        limit: u32,
        mut each: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> (u32, ControlFlow<()>) {
        let mut events = 0;
        while events < limit {
            if !self.peeked {
                self.drop_pending();
                let (count, flow) = self.session.batch(self.buffer.readable(), now_ms, limit - events, &mut each);
                self.pending = self.session.consumed();
                events += count;
                if flow.is_break() {
                    return (events, flow);
                }
                if events == limit {
                    break;
                }
            }
            if self.advance(now_ms).is_some() {
                break;
            }
            events += 1;
            if each(self.event()).is_break() {
                return (events, ControlFlow::Break(()));
            }
        }
        (events, ControlFlow::Continue(()))
    }

    /// Whether the received bytes hold no further event, so that [`next`](Self::next) would return a [`Step`] other
    /// than an event. This is the moment to flush an output. If there is an event, the following call of `next`
    /// delivers it (the event is peeked). Until then [`position`](Self::position) is the position before the event.
    pub fn is_drained(&mut self, now_ms: u64) -> bool {
        if !self.peeked {
            self.before = self.session.position();
            self.peeked = self.advance(now_ms).is_none();
        }
        !self.peeked
    }

    /// Returns the space to read into: at least one byte. The bytes of the last event are dropped. With a recorder, the
    /// bytes received earlier are written to the recording.
    ///
    /// The buffer grows only after [`Step::Read`]. A caller that keeps reading without taking events gets an error once
    /// the buffer is full. After events are taken, reading works again.
    ///
    /// # Errors
    /// The buffer is full, there is no memory, or the recording can't be written.
    pub fn space(&mut self) -> Result<&mut [u8], SpaceError> {
        self.write_recording().map_err(SpaceError::Recording)?;
        if !self.peeked {
            self.drop_pending();
        }
        self.buffer.shrink(self.capacity);
        if self.was_idle || self.session.idle_ms() >= IDLE_MS {
            self.buffer.rest();
        }
        let limit = if self.needed > 0 { self.limit } else { self.capacity.max(self.buffer.capacity()) };
        self.buffer.make_room(self.needed.max(1), limit)?;
        let space = self.buffer.space();
        self.lent = space.len();
        Ok(space)
    }

    /// The first `count` bytes of the last [`space`](Self::space) were received. A larger `count` than the length of
    /// the space counts as that length. One call for each `space`: a further call adds no bytes, and neither does a
    /// call after the space became invalid, with [`connected`](Self::connected) or [`Step::Connect`].
    pub fn received(&mut self, count: usize) {
        let count = count.min(std::mem::take(&mut self.lent));
        if count == 0 {
            return;
        }
        let before = self.buffer.len();
        self.was_idle = self.session.idle_ms() >= IDLE_MS;
        self.buffer.filled(count);
        self.needed = 0;
        let Some(recorder) = &mut self.recorder else { return };
        // An error is kept by the recorder, and returned by the next `space`.
        let _ = recorder.received(self.buffer.readable().get(before..).unwrap_or_default(), self.received_ms);
    }

    /// The length that [`space`](Self::space) had; 0 if [`received`](Self::received) would add no bytes.
    #[doc(hidden)]
    pub const fn room(&self) -> usize {
        self.lent
    }

    /// The `received_ms` that events carry from now on, and the time of the bytes in the recording: by convention
    /// milliseconds since 1970, at the last read.
    pub fn stamp(&mut self, received_ms: u64) {
        self.received_ms = received_ms;
        self.session.stamp(received_ms);
    }

    /// A read was tried, and nothing arrived. After [`Options::silence`] without data the connection counts as lost.
    pub fn silent(&mut self, now_ms: u64) {
        if self.closing.is_none() {
            self.session.silent(now_ms);
        }
    }

    /// The bytes to be sent to the server, all at once or in pieces. Empty without a connection.
    #[inline]
    pub fn to_send(&self) -> &[u8] {
        if self.closing.is_none() { self.session.to_send() } else { &[] }
    }

    /// The first `count` bytes of [`to_send`](Self::to_send) were sent. More may be left to send then.
    #[inline]
    pub fn sent(&mut self, count: usize) {
        self.session.sent(count);
    }

    /// A connection was made: its handshake begins. The credentials are needed for this call only.
    ///
    /// Returns false, and changes nothing, if there is a connection already, the session has ended, or a
    /// [peeked](Self::is_drained) event has not been taken. After [`Step::Connect`] the result is always true.
    pub fn connected(&mut self, credentials: Credentials<'_>, now_ms: u64) -> bool {
        if self.is_connected() || self.session.is_over() || self.peeked {
            return false;
        }
        if let Some(reason) = self.closing.take() {
            self.session.disconnected(reason, now_ms);
            if self.session.is_over() {
                return false;
            }
        }
        self.discard();
        self.connect_at_ms = None;
        self.skips_recording = false;
        self.session.connected(credentials, now_ms);
        true
    }

    /// The connection ended: a read returned 0 bytes, or reading or writing failed. Bytes that were received earlier
    /// are still delivered as events; then [`next`](Self::next) returns what to do. Without a connection this call does
    /// nothing. A connection that is dropped because of [`Step::Connect`] need not be reported.
    pub fn disconnected(&mut self, how: Closed<'_>) {
        if self.is_connected() {
            self.closing = Some(how.reason());
        }
    }

    /// A connection could not be made. Does nothing while there is a connection, and after the end of the session.
    pub fn connect_failed(&mut self, how: Closed<'_>) {
        if !self.session.is_linked() && !self.session.is_over() {
            self.connect_at_ms = None;
            self.closing = Some(how.reason());
        }
    }

    /// Whether there is a connection, according to the caller's reports.
    pub fn is_connected(&self) -> bool {
        self.closing.is_none() && self.session.is_linked()
    }

    /// Whether the session has failed or ended. Undelivered events may remain.
    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Prepares the acknowledgement if one is due, without parsing an event. For a caller that can take no events at
    /// the moment: the caller stops reading, calls this method at the [deadline](Self::deadline_ms), and sends.
    pub fn keep_alive(&mut self, now_ms: u64) {
        self.session.keep_alive(now_ms);
    }

    /// The latest time to call [`next`](Self::next); 0 means at once. With a connection it is the time of the next
    /// acknowledgement or of the silence limit. Without a connection it is the time to connect. After the end of the
    /// session it is `u64::MAX`.
    pub fn deadline_ms(&self) -> u64 {
        match self.connect_at_ms {
            Some(at_ms) => at_ms,
            None if self.is_connected() => self.session.deadline_ms(),
            None => 0,
        }
    }

    /// The last position to resume from. An event that was only [peeked](Self::is_drained) is not part of it.
    pub fn position(&self) -> Option<Position> {
        if self.peeked { self.before } else { self.session.position() }
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): the caller has stored everything up to this position. A position of a
    /// history that a gap has ended is ignored. If the primary has requested an acknowledgement that this commit makes
    /// possible, [`to_send`](Self::to_send) contains it at once: send it.
    pub fn commit(&mut self, position: Position) {
        self.session.commit(position);
    }

    /// The message that keeps the connection alive at this moment, for another thread that sends while this thread is
    /// busy. `None` while only [`to_send`](Self::to_send) may be sent.
    #[inline]
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        self.session.heartbeat()
    }

    #[inline]
    pub(crate) fn received_heartbeat(&self) -> Option<Heartbeat> {
        self.session.received_heartbeat()
    }

    #[inline]
    pub(crate) fn commits(&self) -> &Commits {
        self.session.commits()
    }

    /// Records all later connections: see [`recording`](crate::io::recording). A connection whose stream was already
    /// requested is not recorded, because its reply is missing. The times in the recording are those given to
    /// [`stamp`](Self::stamp).
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
        self.skips_recording = self.session.psync_request().is_some();
    }

    /// Ends the recording. Bytes of the last read that follow the last delivered event are left out; earlier reads are
    /// already written. Later bytes are not recorded. Without a recorder the call does nothing.
    ///
    /// # Errors
    /// The system's error from this write or an earlier one.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        // An event that was peeked, and not delivered, is unread.
        let delivered = if self.peeked { 0 } else { self.pending };
        let unread = self.buffer.len().saturating_sub(delivered);
        match &mut self.recorder {
            Some(recorder) => recorder.finish(unread),
            None => Ok(()),
        }
    }

    /// How many bytes were recorded, on all connections.
    pub fn recorded_bytes(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::received_bytes)
    }

    /// Returns `None` if there is an event, which [`event`](Self::event) then builds; otherwise what to do before there
    /// is one. The two calls are separate because a loop can't return a borrow made in one of its iterations.
    #[inline]
    pub(crate) fn advance(&mut self, now_ms: u64) -> Option<Step<'static>> {
        if std::mem::take(&mut self.peeked) {
            return None;
        }
        self.drop_pending();
        let progress = self.session.poll(self.buffer.readable(), now_ms);
        self.pending = self.session.consumed();
        if matches!(progress, Progress::Event) { None } else { self.pause(progress, now_ms) }
    }

    /// As [`advance`](Self::advance), only for a command in the middle of the stream. False: `advance` decides. The
    /// time must be that of the last call, and nothing may have been received since.
    #[inline(always)]
    pub(crate) fn fast(&mut self) -> bool {
        if self.peeked {
            return false;
        }
        self.buffer.consume(self.pending);
        let length = self.session.fast(self.buffer.readable());
        self.pending = length.unwrap_or(0);
        length.is_some()
    }

    /// The received offset of the stream.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.session.offset()
    }

    /// The event that [`advance`](Self::advance) found.
    #[inline(always)]
    pub(crate) fn event(&self) -> Event<'_> {
        self.session.event(self.buffer.readable())
    }

    /// That event, if it is a write: see [`Session::write`].
    #[inline(always)]
    pub(crate) fn write(&self) -> Option<StreamCommand<'_>> {
        self.session.write(self.buffer.readable())
    }

    #[inline(never)]
    fn pause(&mut self, progress: Progress, now_ms: u64) -> Option<Step<'static>> {
        if matches!(progress, Progress::Space { .. } | Progress::Reconnect { .. })
            && let Some(reason) = self.closing.take()
        {
            self.session.disconnected(reason, now_ms);
            self.discard();
            return self.advance(now_ms);
        }
        Some(match progress {
            Progress::Event => return None,
            Progress::Space { at_least } => {
                self.drop_pending();
                self.needed = at_least;
                Step::Read { deadline_ms: self.session.deadline_ms() }
            }
            Progress::Reconnect { after } => {
                self.discard();
                Step::Connect { at_ms: *self.connect_at_ms.get_or_insert(now_ms.saturating_add(millis(after))) }
            }
            Progress::Failed(error) => {
                self.discard();
                self.connect_at_ms = Some(u64::MAX);
                Step::Failed(error)
            }
            Progress::Ended => {
                self.discard();
                self.connect_at_ms = Some(u64::MAX);
                Step::Ended
            }
        })
    }

    #[inline]
    fn drop_pending(&mut self) {
        self.buffer.consume(self.pending);
        self.pending = 0;
    }

    /// Drops the bytes received on a connection that is no longer usable.
    fn discard(&mut self) {
        self.closing = None;
        self.lent = 0;
        self.pending = 0;
        self.needed = 0;
        self.peeked = false;
        self.buffer.consume(self.buffer.len());
        if let Some(recorder) = &mut self.recorder {
            recorder.link_over();
        }
    }

    /// Writes the received bytes before the next read. The recording of a connection begins once its stream is
    /// requested.
    fn write_recording(&mut self) -> io::Result<()> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        if let Some(psync_request) =
            self.session.psync_request().filter(|_| recorder.wants_link() && !self.skips_recording)
        {
            recorder.link(&psync_request, self.received_ms)?;
            // A server that speaks before it is asked.
            let unread = self.buffer.readable();
            recorder.received(unread.get(self.pending..).unwrap_or_default(), self.received_ms)?;
        }
        recorder.flush()
    }
}

/// Without data for this time, a connection needs little memory.
const IDLE_MS: u64 = 1000;

/// A session that is created in its memory on the heap. Moved there, it would leave its size on the stack as well, for
/// as long as the thread lives.
fn boxed(options: Options) -> Box<Session<TemplateBuffer>> {
    let templates = TemplateBuffer::with_limit(options.limits.templates);
    Box::write(Box::new_uninit(), Session::in_memory(options, templates))
}

impl fmt::Debug for BufferedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedSession")
            .field("position", &self.position())
            .field("buffer", &self.buffer)
            .finish_non_exhaustive()
    }
}

/// The largest number of bytes that a session waits for: the longest unit taken as a whole (a command, a reply of the
/// handshake, an item of a snapshot) plus one line. After that line a parser refuses a unit that exceeds its limit.
/// With a smaller buffer, a connection within all limits could fail. With a larger buffer, a hostile server could make
/// the buffer grow without need.
fn limit_of(limits: &Limits) -> usize {
    let command = limits.command.clamp(2 * MIN_PARTS_THRESHOLD, MAX_COMMAND);
    let longest = usize::try_from(command.max(HANDSHAKE_REPLY)).unwrap_or(usize::MAX).max(MIN_INPUT);
    longest.saturating_add(limits.line).saturating_add(LINE_END)
}
