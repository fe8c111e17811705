//! A recorded replication link, read as if it were live.

use std::io::Read;

use crate::net::ReadError;
use crate::net::feed::Feed;
use crate::replication::{Closed, Progress, Session};
use crate::resp::Part;
use crate::{Attached, Event, Method, Options, StreamPart};

/// Gives the events of a recorded connection: what a server sent from the first byte after PSYNC or SYNC was sent to it, from any
/// [`Read`]. They are the events a follower would have given, without what the handshake tells it.
///
/// ```no_run
/// use redtail::Event;
/// use redtail::net::RecordingReader;
///
/// let mut reader = RecordingReader::new(std::fs::File::open("recorded.bin")?);
/// while let Some(event) = reader.next()? {
///     if let Event::Command(command) = event {
///         println!("{command}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordingReader<R> {
    feed: Feed<R>,
    session: Session,
    /// What has begun and goes on although all bytes that came are used up, and where it began.
    begun: Option<(&'static str, u64)>,
    /// What a look ahead has found.
    ahead: Option<Progress>,
    ended: bool,
}

impl<R: Read> RecordingReader<R> {
    /// A reader of `source`, with the default options.
    pub fn new(source: R) -> Self {
        Self::with(source, Options::default(), None)
    }

    /// A reader of `source`. Of `options` those count that say what is delivered: `control`, `parts`, `limits`. `offset` is the
    /// replication offset before the first byte of the stream, where the recording does not tell it: after `+CONTINUE` and after SYNC.
    pub fn with(source: R, options: Options, offset: Option<u64>) -> Self {
        Self {
            feed: Feed::new(source).with_limits(&options.limits),
            session: Session::recorded(options, offset),
            begun: Some(("a recorded connection", 0)),
            ahead: None,
            ended: false,
        }
    }

    /// A reader of a bare command stream, or of an append-only file of commands (whose `#` lines are passed over). Of `options` the
    /// same count; `offset` is the replication offset before the first byte. There is no history, so no event has a position.
    ///
    /// ```
    /// use redtail::net::RecordingReader;
    /// use redtail::{Event, Options};
    ///
    /// let file = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$8\r\nFLUSHALL\r\n";
    /// let mut reader = RecordingReader::commands(file.as_slice(), Options::default(), 0);
    /// let Some(Event::Command(command)) = reader.next()? else { panic!() };
    /// assert_eq!(command.to_string(), r#"57 [3] "FLUSHALL""#);
    /// # Ok::<(), redtail::net::ReadError>(())
    /// ```
    pub fn commands(source: R, options: Options, offset: u64) -> Self {
        Self {
            feed: Feed::new(source).with_limits(&options.limits),
            session: Session::commands(options, offset),
            begun: None,
            ahead: None,
            ended: false,
        }
    }

    /// The next event, borrowed until the next call; `None` at the end of the recording.
    ///
    /// # Errors
    /// [`ReadError`]. Bytes in [`Truncated`](ReadError::Truncated) count from the first of the source.
    #[allow(clippy::should_implement_trait, reason = "the items are borrowed, which Iterator has no words for")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ReadError> {
        loop {
            match self.poll() {
                Progress::Event => break,
                Progress::Space { .. } if self.ended => return Ok(None),
                Progress::Space { at_least } => {
                    self.feed.consume(self.session.consumed());
                    // There is nobody to send to.
                    self.session.sent(self.session.to_send().len());
                    if !self.feed.fill(at_least)? {
                        self.end(at_least)?;
                    }
                }
                Progress::Failed(error) => return Err(Box::new(error).into()),
                Progress::Reconnect { .. } | Progress::Ended => return Ok(None),
            }
        }
        self.feed.lend(self.session.consumed());
        let event = self.session.event(self.feed.unread());
        self.begun = match event {
            Event::SnapshotBegin(_) => Some(("a snapshot", self.feed.start())),
            Event::Part(StreamPart { part: Part::Begin { .. }, .. }) => Some(("a command", self.feed.start())),
            Event::Part(StreamPart { part: Part::End, .. }) => None,
            Event::SnapshotBytes(_) | Event::SnapshotItem(_) | Event::Part(_) => self.begun,
            // What was promised is a snapshot.
            Event::Attached(Attached { method: Method::Full | Method::Sync, .. }) => self.begun,
            _ => None,
        };
        Ok(Some(event))
    }

    /// Whether nothing whole is left in the buffer, so that the next event has to be read from the source: the moment to flush what was
    /// written so far.
    pub fn is_drained(&mut self) -> bool {
        let progress = self.poll();
        self.ahead = Some(progress);
        !matches!(progress, Progress::Event)
    }

    fn poll(&mut self) -> Progress {
        if let Some(progress) = self.ahead.take() {
            return progress;
        }
        self.feed.take_back();
        self.session.poll(self.feed.unread(), 0)
    }

    /// The source has ended, which is well if nothing is unfinished.
    fn end(&mut self, missing: usize) -> Result<(), ReadError> {
        let unread = (!self.feed.unread().is_empty()).then_some(("a line or command", self.feed.start()));
        if let Some((what, start)) = self.begun.or(unread) {
            return Err(ReadError::Truncated { what, start, end: self.feed.end(), missing });
        }
        self.session.closed(Closed::ByPeer, 0);
        self.ended = true;
        Ok(())
    }
}
