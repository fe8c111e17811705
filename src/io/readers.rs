//! One item after another from any source of bytes.

use std::io::Read;
use std::ops::Deref;

use crate::base::limits::Limits;
use crate::io::buffered_reader::{BufferedReader, ReadError};
use crate::resp::{
    Command, CommandParser, Frame, FrameParser, Part, PartsItem, PartsParser, PartsPoll, Poll, Request, RequestParser,
};

/// Delivers the frames of any [`Read`]: a socket, a file, a slice.
///
/// The buffer grows with the bytes received, up to [`Limits::command`].
///
/// ```
/// use redtail::io::FrameReader;
///
/// let mut reader = FrameReader::new(b"+PONG\r\n:42\r\n".as_slice());
/// while let Some(frame) = reader.next_frame()? {
///     println!("byte {}: {}", frame.start, *frame);
/// }
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct FrameReader<R> {
    feed: BufferedReader<R>,
    parser: FrameParser,
}

impl<R: Read> FrameReader<R> {
    /// A reader of `source`. It reads ahead, so the source needs no buffer of its own.
    pub fn new(source: R) -> Self {
        Self { feed: BufferedReader::new(source), parser: FrameParser::new() }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first frame.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { feed: self.feed.with_limits(&limits), parser: self.parser.with_limits(limits) }
    }

    /// Counts the first byte as number `offset`. To be called before the first frame.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { feed: self.feed.starting_at(offset), parser: self.parser.starting_at(offset) }
    }

    /// The next frame, borrowed until the next call; `None` if the source ends between two frames.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_frame(&mut self) -> Result<Option<Spanned<Frame<'_>>>, ReadError> {
        let Some(length) = self.feed.find("a frame", None, |input| self.parser.poll(input))? else { return Ok(None) };
        let frame = self.parser.frame(self.feed.unread());
        Ok(Some(Spanned::ending_at(self.parser.offset(), length, frame)))
    }

    /// The source, to write to if it is a connection. Bytes that are read from it bypass this reader.
    pub fn source_mut(&mut self) -> &mut R {
        self.feed.source_mut()
    }

    /// The source. Bytes that were read ahead of the last frame are lost.
    pub fn into_source(self) -> R {
        self.feed.into_source()
    }
}

/// Delivers the commands of a command stream or an append-only file, from any [`Read`].
///
/// Otherwise as [`FrameReader`]. Of a stream that begins after offset `n`, [`starting_at(n)`](Self::starting_at) makes
/// [`Spanned::end`] the replication offset once the command is processed.
///
/// ```
/// use redtail::io::CommandReader;
///
/// let bytes = b"#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
/// let mut reader = CommandReader::aof(bytes.as_slice());
/// let command = reader.next_command()?.expect("there is one");
/// assert_eq!(command.to_string(), r#""SET" "k" "v""#);
/// assert_eq!((command.start, command.end), (16, 43));
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct CommandReader<R> {
    feed: BufferedReader<R>,
    parser: CommandParser,
}

impl<R: Read> CommandReader<R> {
    /// A reader of a replication stream: lone newlines and empty commands are skipped, and counted.
    pub fn stream(source: R) -> Self {
        Self { feed: BufferedReader::new(source), parser: CommandParser::stream() }
    }

    /// A reader of an append-only file of commands: `#` lines are skipped, too.
    pub fn aof(source: R) -> Self {
        Self { feed: BufferedReader::new(source), parser: CommandParser::aof() }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first command.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { feed: self.feed.with_limits(&limits), parser: self.parser.with_limits(limits) }
    }

    /// Counts the first byte as number `offset`. To be called before the first command.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { feed: self.feed.starting_at(offset), parser: self.parser.starting_at(offset) }
    }

    /// The next command, borrowed until the next call; `None` if the source ends between two commands.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_command(&mut self) -> Result<Option<Spanned<Command<'_>>>, ReadError> {
        let Some(length) = self.feed.find("a command", None, |input| self.parser.poll(input))? else { return Ok(None) };
        let command = self.parser.command(self.feed.unread());
        Ok(Some(Spanned::ending_at(self.parser.offset(), length, command)))
    }

    /// The last time annotation (`#TS:`) passed in a file, in Unix seconds.
    pub fn timestamp(&self) -> Option<u64> {
        self.parser.timestamp()
    }

    /// The source. Bytes that were read ahead of the last command are lost.
    pub fn into_source(self) -> R {
        self.feed.into_source()
    }
}

/// Delivers the requests of a client, from any [`Read`]: see [`RequestParser`]. Otherwise as [`FrameReader`].
///
/// ```
/// use redtail::io::RequestReader;
/// use redtail::resp::Request;
///
/// let mut reader = RequestReader::new(b"PING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".as_slice());
/// assert!(matches!(reader.next_request()?.map(|request| request.item), Some(Request::Inline(_))));
/// let request = reader.next_request()?.expect("there is one");
/// assert!(matches!(request.item, Request::Command(command) if command.is(b"get")));
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct RequestReader<R> {
    feed: BufferedReader<R>,
    parser: RequestParser,
}

impl<R: Read> RequestReader<R> {
    /// A reader of `source`. It reads ahead, so the source needs no buffer of its own.
    pub fn new(source: R) -> Self {
        Self { feed: BufferedReader::new(source), parser: RequestParser::new() }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first request.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { feed: self.feed.with_limits(&limits), parser: self.parser.with_limits(limits) }
    }

    /// Counts the first byte as number `offset`. To be called before the first request.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { feed: self.feed.starting_at(offset), parser: self.parser.starting_at(offset) }
    }

    /// The next request, borrowed until the next call; `None` if the source ends between two requests.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_request(&mut self) -> Result<Option<Spanned<Request<'_>>>, ReadError> {
        let Some(length) = self.feed.find("a request", None, |input| self.parser.poll(input))? else { return Ok(None) };
        let request = self.parser.request(self.feed.unread());
        Ok(Some(Spanned::ending_at(self.parser.offset(), length, request)))
    }

    /// The source, to write replies to if it is a connection. Bytes that are read from it bypass this reader.
    pub fn source_mut(&mut self) -> &mut R {
        self.feed.source_mut()
    }

    /// The source. Bytes that were read ahead of the last request are lost.
    pub fn into_source(self) -> R {
        self.feed.into_source()
    }
}

/// Delivers the commands of a command stream or an append-only file, large ones in parts, so that a value of any size
/// fits through a small buffer. See [`PartsParser`] for the parts; otherwise as [`CommandReader`].
///
/// ```
/// use redtail::io::PartsReader;
/// use redtail::resp::{Part, PartsItem};
///
/// let bytes = [b"*2\r\n$3\r\nDEL\r\n$2000\r\n" as &[u8], &[b'k'; 2000], b"\r\n"].concat();
/// let mut reader = PartsReader::stream(bytes.as_slice(), Some(1024));
/// let mut key = 0;
/// while let Some(item) = reader.next_item()? {
///     if let PartsItem::Part(Part::Piece(piece)) = item.item {
///         key += piece.len();
///     }
/// }
/// assert_eq!(key, "DEL".len() + 2000);
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct PartsReader<R> {
    feed: BufferedReader<R>,
    parser: PartsParser,
    /// The start of the command that is delivered in parts.
    begun: Option<u64>,
}

impl<R: Read> PartsReader<R> {
    /// A reader of a replication stream. Commands with an argument of at least `threshold` bytes are delivered in
    /// parts.
    pub fn stream(source: R, threshold: Option<u64>) -> Self {
        Self { feed: BufferedReader::new(source), parser: PartsParser::stream(threshold), begun: None }
    }

    /// A reader of an append-only file of commands, likewise.
    pub fn aof(source: R, threshold: Option<u64>) -> Self {
        Self { feed: BufferedReader::new(source), parser: PartsParser::aof(threshold), begun: None }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first command.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { feed: self.feed.with_limits(&limits), parser: self.parser.with_limits(limits), ..self }
    }

    /// Counts the first byte as number `offset`. To be called before the first command.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { feed: self.feed.starting_at(offset), parser: self.parser.starting_at(offset), ..self }
    }

    /// The next command or part, borrowed until the next call; `None` if the source ends between two commands. The
    /// range of a part is that of its bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_item(&mut self) -> Result<Option<Spanned<PartsItem<'_>>>, ReadError> {
        let found = self.feed.find("a command", self.begun, |input| self.parser.poll(input).map(as_poll))?;
        let Some(length) = found else { return Ok(None) };
        let Some(item) = self.parser.item(self.feed.unread()) else { return Ok(None) };
        let placed = Spanned::ending_at(self.parser.offset(), length, item);
        match item {
            PartsItem::Part(Part::Begin { .. }) => self.begun = Some(placed.start),
            PartsItem::Part(Part::End) => self.begun = None,
            _ => {}
        }
        Ok(Some(placed))
    }

    /// The source. Bytes that were read ahead of the last item are lost.
    pub fn into_source(self) -> R {
        self.feed.into_source()
    }
}

fn as_poll(poll: PartsPoll) -> Poll {
    match poll {
        PartsPoll::Command { skipped, length } | PartsPoll::Begin { skipped, length, .. } => {
            Poll::Complete { skipped, length }
        }
        PartsPoll::Argument { used: length, .. } | PartsPoll::End { used: length } | PartsPoll::Piece { length } => {
            Poll::Complete { skipped: 0, length }
        }
        PartsPoll::Incomplete { skipped, needed } => Poll::Incomplete { skipped, needed },
    }
}

/// An item and its byte range in the source. It dereferences to the item.
///
/// ```
/// use redtail::io::FrameReader;
///
/// let mut reader = FrameReader::new(b"+OK\r\n:7\r\n".as_slice());
/// reader.next_frame()?;
/// let frame = reader.next_frame()?.expect("there is one");
/// assert_eq!((frame.start, frame.end, frame.as_i64()), (5, 9, Some(7)));
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spanned<T> {
    /// The number of its first byte. The first byte of the source is number 0, unless `starting_at` set another number.
    pub start: u64,
    /// The number of the byte after its last.
    pub end: u64,
    /// The item.
    pub item: T,
}

impl<T> Spanned<T> {
    fn ending_at(end: u64, length: usize, item: T) -> Self {
        Self { start: end.saturating_sub(length as u64), end, item }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}
