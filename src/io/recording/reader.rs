//! Reads a recording like a live connection.

use std::io::Read;

use crate::io::buffered_reader::{BufferedReader, ReadError};
use crate::io::recording::blocks::{Blocks, Mark, RecordingFault};
use crate::io::recording::link::Link;
use crate::io::template_buffer::TemplateBuffer;
use crate::replication::{AttachMethod, Attached, Closed, Event, Options, Position, Progress, Session, StreamPart};
use crate::resp::Part;

/// Delivers the events of a recording, from any [`Read`]. They are those of the follower, except the events of the
/// handshake.
///
/// A recording is the output of a [`Recorder`](super::Recorder): one connection after another, with a
/// [`Disconnected`](crate::Disconnected) between them, and with the times at which bytes were received. Or it is the
/// bytes a server sent on one connection, from the first byte of the answer to PSYNC or SYNC.
///
/// ```no_run
/// use redtail::Event;
/// use redtail::io::RecordingReader;
///
/// let mut reader = RecordingReader::new(std::fs::File::open("recorded.bin")?);
/// while let Some(event) = reader.next_event()? {
///     if let Event::Command(command) = event {
///         println!("{command}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordingReader<R> {
    feed: BufferedReader<Blocks<R>>,
    session: Session<TemplateBuffer>,
    link: Option<Link>,
    /// The number of the first byte of the connection, in the buffered reader.
    link_start: u64,
    /// The unfinished item after which all bytes are consumed, and its start.
    begun: Option<(&'static str, u64)>,
    /// The result of peeking.
    ahead: Option<Progress>,
    ended: bool,
}

impl<R: Read> RecordingReader<R> {
    /// A reader of `source`, with the default options.
    pub fn new(source: R) -> Self {
        Self::with(source, Options::default(), None)
    }

    /// A reader of `source`, with these options: `control`, `parts`, `snapshot`, `lenient` and `limits`. Others are
    /// ignored. `offset` is the replication offset before the first byte of the stream, for a recording that does not
    /// have it: one without a head, after `+CONTINUE` or SYNC.
    pub fn with(source: R, options: Options, offset: Option<u64>) -> Self {
        let begun = Some(("a recorded connection", 0));
        Self::over(Blocks::new(source), options, Session::recorded(options, offset), begun)
    }

    /// A reader of a bare command stream, or of an append-only file of commands (its `#` lines are skipped), with the
    /// same options. `offset` is the replication offset before the first byte. There is no history, so no event has a
    /// position.
    ///
    /// ```
    /// use redtail::io::RecordingReader;
    /// use redtail::{Event, Options};
    ///
    /// let file = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$8\r\nFLUSHALL\r\n";
    /// let mut reader = RecordingReader::commands(file.as_slice(), Options::default(), 0);
    /// let Some(Event::Command(command)) = reader.next_event()? else { panic!() };
    /// assert_eq!(command.to_string(), r#"57 [3] "FLUSHALL""#);
    /// # Ok::<(), redtail::io::ReadError>(())
    /// ```
    pub fn commands(source: R, options: Options, offset: u64) -> Self {
        Self::over(Blocks::bare(source), options, Session::commands(options, offset), None)
    }

    /// A reader that notes the starts of blocks.
    pub(crate) fn marking(source: R, options: Options) -> Self {
        let begun = Some(("a recorded connection", 0));
        Self::over(Blocks::new(source).with_marks(), options, Session::recorded(options, None), begun)
    }

    fn over(source: Blocks<R>, options: Options, session: Session, begun: Option<(&'static str, u64)>) -> Self {
        let feed = BufferedReader::new(source).with_limits(&options.limits);
        let session = session.with_templates(TemplateBuffer::with_limit(options.limits.templates));
        Self { feed, session, link: None, link_start: 0, begun, ahead: None, ended: false }
    }

    /// The next event, borrowed until the next call; `None` at the end of the recording.
    ///
    /// # Errors
    /// [`ReadError`]. Bytes in [`Truncated`](ReadError::Truncated) count from the first of the source. A recording that
    /// was cut off, or is still being written, delivers its whole events and then [`RecordingFault::Torn`].
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        loop {
            match self.poll() {
                Progress::Event => break,
                Progress::Space { .. } | Progress::Reconnect { .. } if self.ended => return Ok(None),
                Progress::Space { at_least } => {
                    self.feed.consume(self.session.consumed());
                    // There is no server to send to.
                    self.session.sent(self.session.to_send().len());
                    if !self.fill(at_least)? {
                        self.end_of_link(at_least)?;
                    }
                }
                // The rest of the connection is skipped, buffered and unread bytes alike.
                Progress::Reconnect { .. } => {
                    self.begun = None;
                    self.feed.consume(usize::MAX);
                    while self.fill(1)? {
                        self.feed.consume(usize::MAX);
                    }
                    self.end_of_link(0)?;
                }
                Progress::Failed(error) => return Err(Box::new(error).into()),
                Progress::Ended => return Ok(None),
            }
        }
        self.feed.set_pending(self.session.consumed());
        let event = self.session.event(self.feed.unread());
        self.begun = match event {
            Event::SnapshotBegin(_) => Some(("a snapshot", self.feed.start())),
            Event::Part(StreamPart { part: Part::Begin { .. }, .. }) => Some(("a command", self.feed.start())),
            Event::Part(StreamPart { part: Part::End, .. }) => None,
            Event::SnapshotBytes(_) | Event::SnapshotItem(_) | Event::Part(_) => self.begun,
            // A snapshot must follow.
            Event::Attached(Attached { method: AttachMethod::Full | AttachMethod::Sync, .. }) => self.begun,
            // These events precede this connection, whose answer may not have arrived yet.
            Event::Disconnected(_) | Event::Gap(_) => self.begun,
            _ => None,
        };
        Ok(Some(event))
    }

    /// Whether no whole event is buffered, so that the next call reads from the source: the moment to flush output.
    pub fn is_drained(&mut self) -> bool {
        let progress = self.poll();
        self.ahead = Some(progress);
        !matches!(progress, Progress::Event)
    }

    /// The head of the connection of the last event; `None` if the recording has no heads.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// The last resumable position read so far.
    pub fn position(&self) -> Option<Position> {
        self.session.position()
    }

    /// Whether the source begins with the bytes of a server, not like a recording.
    pub(crate) fn is_bare(&self) -> bool {
        self.feed.source().is_bare()
    }

    /// The number of the connection of the last event.
    pub(crate) fn link_number(&self) -> usize {
        self.feed.source().links()
    }

    /// Bytes of the connection up to the end of the last event.
    pub(crate) fn link_bytes(&self) -> u64 {
        self.feed.after_pending() - self.link_start
    }

    /// The end of the last whole block, in bytes of the source.
    pub(super) fn whole(&self) -> u64 {
        self.feed.source().whole()
    }

    pub(crate) fn take_marks(&mut self) -> Vec<Mark> {
        self.feed.source_mut().take_marks()
    }

    fn poll(&mut self) -> Progress {
        if let Some(progress) = self.ahead.take() {
            return progress;
        }
        self.feed.drop_pending();
        self.session.poll(self.feed.unread(), 0)
    }

    fn fill(&mut self, at_least: usize) -> Result<bool, ReadError> {
        let filled = self.feed.fill(at_least).map_err(|error| match error {
            ReadError::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<RecordingFault>()) {
                Some(fault) => fault.clone().into(),
                None => ReadError::Io(error),
            },
            error => error,
        })?;
        if let Some(received_ms) = self.feed.source().received_ms() {
            self.session.stamp(received_ms);
        }
        Ok(filled)
    }

    fn end_of_link(&mut self, missing: usize) -> Result<(), ReadError> {
        let Some(link) = self.feed.source_mut().next_link() else { return self.end(missing) };
        self.feed.consume(usize::MAX);
        self.link_start = self.feed.start();
        self.begun = Some(("the answer to PSYNC or SYNC", self.feed.start()));
        self.session.opened(link.psync_request);
        self.link = Some(link);
        Ok(())
    }

    /// The source has ended: an error if an item is unfinished.
    fn end(&mut self, missing: usize) -> Result<(), ReadError> {
        let source = self.feed.source();
        let unread = (!self.feed.unread().is_empty()).then_some(("a line or command", self.feed.start()));
        let within = match self.begun.or(unread) {
            _ if !source.is_bare() && source.links() == 0 => None,
            within => within,
        };
        if !source.is_bare() && (within.is_some() || source.is_torn()) {
            let what = within.map_or("a block", |(what, _)| what);
            return Err(RecordingFault::Torn { at: source.at(), what }.into());
        }
        if let Some((what, start)) = within {
            return Err(ReadError::Truncated { what, start, end: self.feed.end(), missing });
        }
        if self.session.is_whole() {
            self.session.closed(Closed::ByPeer, 0);
        }
        self.ended = true;
        Ok(())
    }
}
