//! Replication ids and positions.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use thiserror::Error;

/// A replication id: 40 hexadecimal digits that name one history of writes.
///
/// Servers compare ids without regard to case; this type keeps them in lower case.
///
/// ```
/// # use redtail::ReplicationId;
/// let id: ReplicationId = "26E9AA58837D8095338F33E660463DBDF56C86C9".parse()?;
/// assert_eq!(id.to_string(), "26e9aa58837d8095338f33e660463dbdf56c86c9");
/// # Ok::<(), redtail::PositionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationId([u8; 40]);

impl ReplicationId {
    /// The id that servers show while they have none.
    pub(crate) const ZERO: Self = Self([b'0'; 40]);

    /// The id of histories that are made up: "redtail" and zeros.
    pub(crate) const EXAMPLE: Self = Self(*b"7265647461696c00000000000000000000000000");

    /// Reads an id from exactly 40 hexadecimal digits.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let mut id: [u8; 40] = text.try_into().ok()?;
        id.make_ascii_lowercase();
        id.iter().all(u8::is_ascii_hexdigit).then_some(Self(id))
    }

    /// The 40 digits as bytes.
    #[inline]
    pub const fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }

    /// The 40 digits.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for ReplicationId {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        Self::from_bytes(text.as_bytes()).ok_or(PositionError::ReplicationId)
    }
}

impl fmt::Display for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A position in the stream of a primary: all that is needed to resume, on this server or another one of the same
/// history.
///
/// Printed and parsed as `replid:offset:db`, with `?` for an unknown database, followed by `:history` if that differs
/// from the id, and by `:data_offset` if that differs from the offset.
///
/// Two positions are equal if they name the same point: `data_offset` is not compared.
///
/// ```
/// # use redtail::Position;
/// let position: Position = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:?".parse()?;
/// assert_eq!((position.offset, position.db, position.history), (1311, None, position.replid));
/// assert_eq!(position.to_string(), "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:?");
/// # Ok::<(), redtail::PositionError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Position {
    /// The replication id under which the primary knows this position.
    pub replid: ReplicationId,
    /// The last byte processed, counted as INFO's `master_repl_offset` counts: the stream's first byte is number 1.
    /// `PSYNC` asks for the byte after it.
    pub offset: u64,
    /// The database selected at this position; `None` before the first SELECT.
    pub db: Option<u32>,
    /// The replication id at the attach, at the last gap, or at the last
    /// [`Rewound`](crate::AttachMethod::Rewound). A promotion changes `replid` but not this id, so that `history` and
    /// an offset identify a command for good.
    pub history: ReplicationId,
    /// The offset of the last byte that may have changed data; at most `offset`. The bytes after it hold only PING,
    /// PUBLISH, SPUBLISH, SELECT, REPLCONF, and transactions of nothing else. If a new primary lacks only such bytes,
    /// following continues without a gap.
    pub data_offset: u64,
}

impl Position {
    /// A position whose history has the same id.
    #[must_use]
    pub const fn new(replid: ReplicationId, offset: u64, db: Option<u32>) -> Self {
        Self { replid, offset, db, history: replid, data_offset: offset }
    }

    /// The same position, in a history with another id: the server was promoted since.
    #[must_use]
    pub const fn with_history(self, history: ReplicationId) -> Self {
        Self { history, ..self }
    }

    /// The same position, with the offset of the last byte that may have changed data. An offset beyond the position's
    /// own counts as the position's own.
    #[must_use]
    pub const fn with_data_offset(self, data_offset: u64) -> Self {
        Self { data_offset: if data_offset < self.offset { data_offset } else { self.offset }, ..self }
    }

    /// The fields that name the point.
    const fn point(&self) -> (ReplicationId, u64, Option<u32>, ReplicationId) {
        (self.replid, self.offset, self.db, self.history)
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.point() == other.point()
    }
}

impl Eq for Position {}

impl Hash for Position {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.point().hash(state);
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.replid, self.offset)?;
        match self.db {
            Some(db) => write!(f, "{db}")?,
            None => f.write_str("?")?,
        }
        if self.history != self.replid {
            write!(f, ":{}", self.history)?;
        }
        if self.data_offset != self.offset {
            write!(f, ":{}", self.data_offset)?;
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let mut fields = text.split(':');
        let replid: ReplicationId = fields.next().unwrap_or_default().parse()?;
        let offset = decimal(fields.next()).ok_or(PositionError::Offset)?;
        let db = match fields.next() {
            Some("?") => None,
            other => {
                let db = decimal(other).and_then(|db| u32::try_from(db).ok());
                Some(db.ok_or(PositionError::Database)?)
            }
        };
        let position = Self::new(replid, offset, db);
        let mut next = fields.next();
        // An id has 40 digits, an offset at most 19.
        let history = next.and_then(|text| ReplicationId::from_bytes(text.as_bytes()));
        if history.is_some() {
            next = fields.next();
        }
        let data_offset = match (next, history) {
            (None, _) => offset,
            (Some(_), None) if decimal(next).is_none() => return Err(PositionError::ReplicationId),
            _ => decimal(next).filter(|data_offset| *data_offset <= offset).ok_or(PositionError::DataOffset)?,
        };
        match fields.next() {
            None => Ok(position.with_history(history.unwrap_or(replid)).with_data_offset(data_offset)),
            Some(_) => Err(PositionError::Trailing),
        }
    }
}

/// Digits only: Rust's own parsing would also take a plus sign. Offsets are signed 64-bit numbers on the wire.
fn decimal(text: Option<&str>) -> Option<u64> {
    let text = text.filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok().filter(|&number: &u64| number < i64::MAX as u64)
}

/// The error of a text that is not a [`Position`].
///
/// ```
/// let error = "26e9:1311:0".parse::<redtail::Position>().unwrap_err();
/// assert!(error.to_string().contains("40 hexadecimal digits"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PositionError {
    /// The id is not 40 hexadecimal digits.
    #[error("a position reads replid:offset:db, and a replication id is 40 hexadecimal digits")]
    ReplicationId,
    /// The offset is missing or not a number.
    #[error("a position reads replid:offset:db, and the offset is a number of bytes below 2^63")]
    Offset,
    /// The database is missing, or neither a number nor `?`.
    #[error("a position reads replid:offset:db, and db is a database number, or ? where it is unknown")]
    Database,
    /// The offset of the last data is no number, or larger than the offset.
    #[error("a position may end with the offset of the last data, a number of bytes up to its offset")]
    DataOffset,
    /// There is more text after it.
    #[error("a position reads replid:offset:db, then :history and :data_offset where they differ, and nothing more")]
    Trailing,
}

/// The two ids under which a session knows its history. With an offset and a database they make a [`Position`].
///
/// ```
/// use redtail::Position;
/// use redtail::replication::Lineage;
///
/// fn after(lineage: &Lineage, bytes: u64, position: &Position) -> Position {
///     lineage.position(position.offset + bytes, position.db)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lineage {
    /// The id that the primary has now.
    pub replid: ReplicationId,
    /// The id at the attach, at the last gap, or at the last [`Rewound`](crate::AttachMethod::Rewound).
    pub history: ReplicationId,
    pub(crate) tail: Tail,
}

impl Lineage {
    /// A history that begins after `offset`.
    pub(crate) const fn new(replid: ReplicationId, offset: u64) -> Self {
        Self { replid, history: replid, tail: Tail { from: offset, to: offset } }
    }

    /// The history of a position, on a server that knows it under `replid`.
    pub(crate) const fn of(position: &Position, replid: ReplicationId) -> Self {
        Self { replid, history: position.history, tail: Tail { from: position.data_offset, to: position.offset } }
    }

    /// The offset of the last byte up to `offset` that may have changed data.
    #[inline]
    pub(crate) const fn data_offset(&self, offset: u64) -> u64 {
        self.tail.data_offset(offset)
    }

    /// The position at `offset` in this history.
    pub const fn position(&self, offset: u64, db: Option<u32>) -> Position {
        Position { replid: self.replid, offset, db, history: self.history, data_offset: self.data_offset(offset) }
    }
}

/// The last bytes that change no data, by the offsets before and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    from: u64,
    to: u64,
}

impl Tail {
    /// The bytes between two offsets change no data. They extend the tail, or else begin another one where they may.
    #[inline]
    pub(crate) const fn pass(&mut self, from: u64, to: u64, may_begin: bool) {
        if self.to == from {
            self.to = to;
        } else if may_begin {
            *self = Self { from, to };
        }
    }

    #[inline]
    const fn data_offset(&self, offset: u64) -> u64 {
        if self.from <= offset && offset <= self.to { self.from } else { offset }
    }
}
