//! What a primary once sent to a replica, taken apart.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use memchr::memmem;
use thiserror::Error;

use crate::rdb::{Decoder, Item, Role, Text};
use crate::resp::{CommandParser, Status};
use crate::{ProtocolError, ReplicationId};

/// A recorded connection: what a server sent after a replica had asked for a full resynchronisation, from the first byte on.
#[derive(Debug, Clone)]
pub struct Recording {
    replid: ReplicationId,
    start: u64,
    db: u32,
    snapshot: Vec<u8>,
    stream: Vec<u8>,
    /// Where each command of the stream ends.
    ends: Vec<usize>,
}

impl Recording {
    /// Reads a recording: keep-alive newlines, `+FULLRESYNC`, the snapshot in either framing, the stream. What follows the last whole
    /// command is dropped, so that the recording ends where a follower can resume.
    ///
    /// # Errors
    /// [`RecordingError`], with the byte counted from the first of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        let mut rest = skip_newlines(bytes);
        let at = |rest: &[u8]| bytes.len() - rest.len();

        let line = take_line(&mut rest).ok_or(RecordingError::NoFullResync)?;
        let (replid, start) = full_resync(line).ok_or(RecordingError::NoFullResync)?;

        rest = skip_newlines(rest);
        let header_at = at(rest);
        let header = take_line(&mut rest).and_then(|line| line.strip_prefix(b"$"));
        let header = header.ok_or(RecordingError::NoSnapshot { at: header_at })?;
        let (snapshot, stream) = match header.strip_prefix(b"EOF:") {
            Some(mark) if mark.len() == 40 => snapshot_length(rest, mark)
                .map(|found| (rest.get(..found).unwrap_or_default(), rest.get(found + 40..).unwrap_or_default())),
            _ => decimal(header).and_then(|length| rest.split_at_checked(usize::try_from(length).ok()?)),
        }
        .ok_or(RecordingError::SnapshotNotWhole { at: header_at })?;

        let ends = ends_of_commands(stream, at(stream) as u64)?;
        let whole = ends.last().copied().unwrap_or(0);
        Ok(Self {
            replid,
            start,
            db: selected_database(snapshot),
            snapshot: snapshot.to_vec(),
            stream: stream.get(..whole).unwrap_or_default().to_vec(),
            ends,
        })
    }

    /// The replication id.
    pub const fn replid(&self) -> ReplicationId {
        self.replid
    }

    /// The offset of the snapshot: the first byte of the stream is the one after it.
    pub const fn start_offset(&self) -> u64 {
        self.start
    }

    /// The offset of the stream's last byte.
    pub const fn end_offset(&self) -> u64 {
        self.start + self.stream.len() as u64
    }

    /// The database selected where the stream begins (`repl-stream-db`); 0 where the snapshot does not tell it.
    pub const fn db(&self) -> u32 {
        self.db
    }

    /// The snapshot: an RDB file.
    pub fn snapshot(&self) -> &[u8] {
        &self.snapshot
    }

    /// The stream, up to its last whole command.
    pub fn stream(&self) -> &[u8] {
        &self.stream
    }

    /// How many commands the stream has.
    pub const fn commands(&self) -> usize {
        self.ends.len()
    }

    /// The bytes after the first `from` of the stream up to the end of the command there. Empty at the end.
    pub(crate) fn command_after(&self, from: usize) -> &[u8] {
        let next = self.ends.partition_point(|end| *end <= from);
        let end = self.ends.get(next).copied().unwrap_or(from);
        self.stream.get(from..end).unwrap_or_default()
    }

    /// A snapshot without data, as a server makes one for `rdb-filter-only ""`: what it knows of its replication and nothing else.
    pub(crate) fn empty_snapshot(&self) -> Vec<u8> {
        let mut rdb = b"REDIS0010".to_vec();
        let (db, offset) = (self.db.to_string(), self.start.to_string());
        let fields = [
            ("redis-ver", "7.0.15"),
            ("redis-bits", "64"),
            ("repl-stream-db", &db),
            ("repl-id", self.replid.as_str()),
            ("repl-offset", &offset),
        ];
        for (name, value) in fields {
            rdb.push(0xfa);
            for text in [name, value] {
                // All of these are shorter than 64 bytes, so their length is one byte.
                rdb.push(text.len() as u8);
                rdb.extend_from_slice(text.as_bytes());
            }
        }
        rdb.push(0xff);
        // A checksum of zero says that there is none.
        rdb.extend_from_slice(&[0; 8]);
        rdb
    }
}

/// Where the snapshot ends that stands before this mark. A value may hold the mark, so it is found by the snapshot's structure; by the
/// mark alone only where the structure is not known.
fn snapshot_length(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new().any_version().skip_damaged().without_checksum();
    let mut rest = bytes;
    loop {
        match decoder.next(&mut rest) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Incomplete { needed: 0 }) => {
                return rest.starts_with(mark).then_some(bytes.len() - rest.len());
            }
            Ok(Status::Incomplete { .. }) => return None,
            Err(_) => return memmem::find(bytes, mark),
        }
    }
}

/// The mark around a snapshot whose length is not told beforehand: 40 digits that differ each time and are not in the snapshot.
pub(crate) fn mark_for(snapshot: &[u8]) -> [u8; 40] {
    let random = RandomState::new();
    let mut seed = 0_u64;
    loop {
        let mut mark = [0; 40];
        for digit in &mut mark {
            *digit = b"0123456789abcdef"[(random.hash_one(seed) % 16) as usize];
            seed += 1;
        }
        if memmem::find(snapshot, &mark).is_none() {
            return mark;
        }
    }
}

/// Why bytes are not a [`Recording`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// They do not begin as the answer to a full resynchronisation does.
    #[error("the recording does not begin with +FULLRESYNC, a replication id and an offset")]
    NoFullResync,
    /// There is no snapshot.
    #[error("the recording has no snapshot header at byte {at}: expected $LENGTH or $EOF: and 40 digits")]
    NoSnapshot {
        /// Where it should begin.
        at: usize,
    },
    /// The snapshot does not end.
    #[error("the recording ends within the snapshot whose header is at byte {at}, or that header is not one")]
    SnapshotNotWhole {
        /// Where the header of the snapshot begins.
        at: usize,
    },
    /// The stream is not one.
    #[error("the stream of the recording: {0}")]
    Stream(#[from] ProtocolError),
}

fn ends_of_commands(stream: &[u8], first: u64) -> Result<Vec<usize>, ProtocolError> {
    let mut parser = CommandParser::stream().starting_at(first);
    let mut rest = stream;
    let mut ends = Vec::new();
    while let Status::Complete(_) = parser.next(&mut rest)? {
        ends.push(stream.len() - rest.len());
    }
    Ok(ends)
}

fn full_resync(line: &[u8]) -> Option<(ReplicationId, u64)> {
    let (id, offset) = line.strip_prefix(b"+FULLRESYNC ")?.split_at_checked(40)?;
    let offset = decimal(offset.strip_prefix(b" ")?).filter(|offset| i64::try_from(*offset).is_ok())?;
    Some((ReplicationId::from_bytes(id)?, offset))
}

/// The number in the snapshot's field `repl-stream-db`.
fn selected_database(snapshot: &[u8]) -> u32 {
    let mut decoder = Decoder::new().any_version().without_checksum();
    let (mut rest, mut is_it) = (snapshot, false);
    while let Ok(Status::Complete(item)) = decoder.next(&mut rest) {
        match item {
            Item::Text(Text { role: Role::AuxName, bytes, .. }) => is_it = bytes == b"repl-stream-db",
            Item::Text(Text { role: Role::AuxValue, bytes, .. }) if is_it => {
                return decimal(bytes).and_then(|db| u32::try_from(db).ok()).unwrap_or(0);
            }
            Item::Key(_) => break,
            _ => {}
        }
    }
    0
}

fn skip_newlines(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(first..).unwrap_or_default()
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memmem::find(rest, b"\r\n")?;
    let line = rest.get(..end)?;
    *rest = rest.get(end + 2..)?;
    Some(line)
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
