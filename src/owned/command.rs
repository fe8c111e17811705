//! A command that outlives the buffer it arrived in.

use std::fmt;

use crate::replication::{Database, Position, ReplicationId, StreamCommand, Touches};
use crate::resp::{Args, Command, Keys, Span};

/// A [`StreamCommand`] that borrows nothing. It allocates once, for the bytes of the command.
///
/// ```
/// use redtail::owned::OwnedCommand;
/// use redtail::resp::Keys;
///
/// let command = OwnedCommand::new(1311, ["SET", "k", "v"]);
/// assert!(command.is(b"set") && command.arg(1) == Some(b"k"));
/// assert!(matches!(command.keys(), Keys::Some(keys) if keys.clone().next() == Some((1, b"k"))));
/// assert_eq!(command.to_string(), r#"1311 [?] "SET" "k" "v""#);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedCommand {
    /// As [`StreamCommand::offset`].
    pub offset: u64,
    /// As [`StreamCommand::db`].
    pub db: Option<u32>,
    /// As [`StreamCommand::tx`].
    pub tx: Option<u64>,
    /// As [`StreamCommand::received_ms`].
    pub received_ms: Option<u64>,
    /// As [`StreamCommand::position`].
    pub position: Option<Position>,
    /// As [`StreamCommand::history`].
    pub history: Option<ReplicationId>,
    raw: Box<[u8]>,
    argc: usize,
    /// Those of the first arguments; those beyond are found by walking.
    spans: [Span; INDEXED],
}

/// Most commands have no more arguments.
const INDEXED: usize = 4;

impl OwnedCommand {
    /// A command of these arguments, the name first, in an unknown database. For tests of code that handles events.
    pub fn new(offset: u64, args: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let (raw, argc, spans) = encode(args);
        let raw = raw.into_boxed_slice();
        Self { offset, db: None, tx: None, received_ms: None, position: None, history: None, raw, argc, spans }
    }

    /// The command, borrowing from here.
    #[must_use]
    #[inline]
    pub fn command(&self) -> Command<'_> {
        Command::new(&self.raw, self.spans.get(..self.argc).unwrap_or(&self.spans), self.argc)
    }

    /// As [`Command::raw`].
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// As [`Command::argc`].
    #[must_use]
    pub fn argc(&self) -> usize {
        self.argc
    }

    /// As [`Command::name`].
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.command().name()
    }

    /// As [`Command::is`].
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        self.command().is(name)
    }

    /// As [`Command::arg`], but only the first 4 are found at once.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<&[u8]> {
        self.command().arg(index)
    }

    /// As [`Command::args`].
    #[must_use]
    pub fn args(&self) -> Args<'_> {
        self.command().args()
    }

    /// As [`Command::keys`].
    #[must_use]
    pub fn keys(&self) -> Keys<'_> {
        self.command().keys()
    }

    /// As [`Command::is_write`].
    #[must_use]
    pub fn is_write(&self) -> Option<bool> {
        self.command().is_write()
    }

    /// As [`StreamCommand::touches`].
    #[must_use]
    pub fn touches(&self) -> Touches<'_> {
        Touches::of(self.command(), self.db)
    }
}

impl From<&StreamCommand<'_>> for OwnedCommand {
    fn from(from: &StreamCommand<'_>) -> Self {
        let command = from.command();
        let mut spans = [Span::default(); INDEXED];
        spans.iter_mut().zip(command.spans()).for_each(|(span, from)| *span = *from);
        Self {
            offset: from.offset,
            db: from.db,
            tx: from.tx,
            received_ms: from.received_ms,
            position: from.position(),
            history: from.history(),
            raw: command.raw().into(),
            argc: command.argc(),
            spans,
        }
    }
}

/// As a [`StreamCommand`] is printed: `1311 [0] "SET" "k" "v"`.
impl fmt::Display for OwnedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}] {}", self.offset, Database(self.db), self.command())
    }
}

impl fmt::Debug for OwnedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedCommand")
            .field("offset", &self.offset)
            .field("db", &self.db)
            .field("tx", &self.tx)
            .field("received_ms", &self.received_ms)
            .field("position", &self.position)
            .field("history", &self.history)
            .field("args", &self.command())
            .finish()
    }
}

/// The arguments as RESP, their number, and the spans of the first.
fn encode(args: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Vec<u8>, usize, [Span; INDEXED]) {
    let args: Vec<_> = args.into_iter().collect();
    let mut raw = format!("*{}\r\n", args.len()).into_bytes();
    let mut spans = [Span::default(); INDEXED];
    for (index, arg) in args.iter().enumerate() {
        let arg = arg.as_ref();
        raw.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        if let Some(span) = spans.get_mut(index) {
            *span = Span { start: raw.len() as u32, length: arg.len() as u32 };
        }
        raw.extend_from_slice(arg);
        raw.extend_from_slice(b"\r\n");
    }
    (raw, args.len(), spans)
}
