//! Positions in a replication stream

use std::ffi::{c_char, c_int};
use std::fmt::Write;

use crate::base::excerpt::Excerpt;
use crate::capi::basics::*;
use crate::capi::boundary::{Out, call, text};
use crate::replication::{Position, ReplicationId};

/// Size in bytes that suffices for any position as text, including the NUL.
pub const REDTAIL_POSITION_TEXT_SIZE: usize = 160;

/// A position in the stream of a primary. It contains everything that is needed to resume there, on that server
/// or on any other with the same history. It borrows nothing. This struct never changes.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct redtail_position {
    /// The replication id of the primary at this position: 40 hexadecimal digits and a NUL.
    pub replid: [c_char; 41],
    /// The replication id when the history began: at the first connection, at the last gap, or at the last
    /// REDTAIL_METHOD_REWOUND. A promotion does not change it. Together with the offset it identifies a command
    /// permanently. Empty: the same as replid.
    pub history: [c_char; 41],
    /// The replication offset of the last byte processed, as master_repl_offset in INFO. The first byte of a
    /// stream is number 1.
    pub offset: u64,
    /// The selected database at this position; -1 if unknown.
    pub db: i64,
    /// The offset of the last byte that may have changed data. The bytes after it hold only PING, PUBLISH, SPUBLISH,
    /// SELECT, REPLCONF, and transactions of nothing else. If a new primary lacks only such bytes, following continues
    /// without a gap. 0, or more than offset: the same as offset.
    pub data_offset: u64,
}

/// Parses a position from text: replid:offset:db, with ? for an unknown database, then :history if it differs from
/// replid, then :data_offset if it differs from offset.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_ERROR_POSITION if the text is invalid; REDTAIL_ERROR_ARGUMENT if a
/// pointer is NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_position_parse(text: *const c_char, position: *mut redtail_position) -> c_int {
    call!(; out position; {
        if text.is_null() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: text that ends with NUL, as the header asks.
        let parsed = unsafe { self::text(text) }.ok().and_then(|text| text.parse::<Position>().ok());
        let Some(parsed) = parsed else { return REDTAIL_ERROR_POSITION };
        position.set(parsed.into());
        REDTAIL_OK
    })
}

/// Writes a position as text with a NUL. size: room in bytes; REDTAIL_POSITION_TEXT_SIZE always suffices.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if a pointer is
/// NULL or the room is too small. After an error nothing was written. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_position_format(
    position: *const redtail_position,
    text: *mut c_char,
    size: usize,
) -> c_int {
    call!(; out text; {
        // SAFETY: NULL or a position, as the header asks.
        let Some(position) = (unsafe { read(position) }) else { return REDTAIL_ERROR_ARGUMENT };
        let Some(position) = position.to_position() else { return REDTAIL_ERROR_POSITION };
        let mut formatted: Excerpt<REDTAIL_POSITION_TEXT_SIZE> = Excerpt::EMPTY;
        let _ = write!(formatted, "{position}\0");
        if formatted.as_bytes().len() > size {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: there is room for as many bytes, as just compared with what the caller says.
        unsafe { text.fill(formatted.as_bytes()) };
        REDTAIL_OK
    })
}

impl Out<c_char> {
    /// # Safety
    /// There is room for all bytes.
    pub(super) unsafe fn fill(self, bytes: &[u8]) {
        // SAFETY: as promised; our own bytes don't overlap the caller's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.pointer().cast(), bytes.len()) }
    }
}

/// # Safety
/// `position` is NULL or points to one.
unsafe fn read(position: *const redtail_position) -> Option<redtail_position> {
    let there = !position.is_null() && position.is_aligned();
    // SAFETY: not NULL and aligned; a position, as the caller promises, and any bytes are one.
    there.then(|| unsafe { *position })
}

/// A required position, or the status and message of its absence.
///
/// # Safety
/// As [`read`].
pub(super) unsafe fn given(position: *const redtail_position) -> Result<Position, (redtail_status, &'static str)> {
    // SAFETY: as promised.
    let position = unsafe { read(position) }.ok_or((REDTAIL_ERROR_ARGUMENT, "the pointer position is NULL"))?;
    position.to_position().ok_or((REDTAIL_ERROR_POSITION, "this is no position: ids are 40 hexadecimal digits"))
}

impl From<Position> for redtail_position {
    fn from(position: Position) -> Self {
        Self {
            replid: chars(&position.replid),
            history: chars(&position.history),
            offset: position.offset,
            db: database(position.db),
            data_offset: position.data_offset,
        }
    }
}

impl redtail_position {
    pub(super) const NONE: Self = Self { replid: [0; 41], history: [0; 41], offset: 0, db: 0, data_offset: 0 };

    /// `None` where the ids are no ids, or a number can't be.
    pub(super) fn to_position(self) -> Option<Position> {
        let replid = id(&self.replid)?;
        let history = if self.history[0] == 0 { replid } else { id(&self.history)? };
        let db = if self.db == -1 { None } else { Some(u32::try_from(self.db).ok()?) };
        let data_offset = if self.data_offset == 0 { self.offset } else { self.data_offset };
        let position = Position::new(replid, self.offset, db).with_history(history).with_data_offset(data_offset);
        (self.offset < i64::MAX as u64).then_some(position)
    }
}

pub(super) fn database(db: Option<u32>) -> i64 {
    db.map_or(-1, i64::from)
}

fn chars(id: &ReplicationId) -> [c_char; 41] {
    let mut chars = [0; 41];
    for (to, from) in chars.iter_mut().zip(id.as_bytes()) {
        *to = *from as c_char;
    }
    chars
}

fn id(chars: &[c_char; 41]) -> Option<ReplicationId> {
    let (digits, end) = chars.split_at(40);
    let mut bytes = [0; 40];
    for (to, from) in bytes.iter_mut().zip(digits) {
        *to = *from as u8;
    }
    if end == [0] { ReplicationId::from_bytes(&bytes) } else { None }
}
