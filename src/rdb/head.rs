//! The head of a snapshot: its magic and the AUX fields before the first key.
//!
//! Source of the layout: `rdbSaveInfoAuxFields` and `rdbSaveLen` in the servers' `src/rdb.c`.

use crate::excerpt::Excerpt;

/// What the head of a snapshot tells. Shown the snapshot's bytes in order, in any pieces, until [`is_over`](Self::is_over).
///
/// What it cannot read (another magic, an encoding it does not know) ends the head early; that is no error, since nothing of
/// the snapshot itself hangs on it.
///
/// ```
/// use redtail::rdb::Head;
///
/// let mut head = Head::new();
/// head.read(b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0erepl-stream-db\xc0\x06\xff");
/// assert_eq!(head.stream_db(), Some(6));
/// assert!(head.is_empty_snapshot());
/// ```
#[derive(Debug, Clone)]
pub struct Head {
    state: State,
    key: Excerpt<24>,
    in_value: bool,
    text: Excerpt<24>,
    magic: Excerpt<9>,
    stream_db: Option<u32>,
    redis_version: Option<Excerpt<24>>,
    valkey_version: Option<Excerpt<24>>,
    first_opcode: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Magic,
    Opcode,
    /// The first byte of a length, or of a special encoding.
    Length,
    /// The further big-endian bytes of a length.
    LongLength {
        left: u8,
        value: u64,
    },
    /// The little-endian bytes of an integer that stands for its decimal text.
    Integer {
        left: u8,
        width: u8,
        value: u32,
    },
    Text {
        left: u64,
    },
    Over,
}

const OPCODE_AUX: u8 = 250;
const OPCODE_END: u8 = 255;
/// Magic word and version: `REDIS0010`, `VALKEY080`.
const MAGIC_LENGTH: usize = 9;

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self {
            state: State::Magic,
            key: Excerpt::EMPTY,
            in_value: false,
            text: Excerpt::EMPTY,
            magic: Excerpt::EMPTY,
            stream_db: None,
            redis_version: None,
            valkey_version: None,
            first_opcode: None,
        }
    }

    /// Reads the next bytes of the snapshot, as far as the head goes.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while let (false, Some((&first, rest))) = (self.is_over(), bytes.split_first()) {
            if let State::Text { left } = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let (text, rest) = bytes.split_at(here);
                self.text.append(text);
                self.text_arrived(left - here as u64);
                bytes = rest;
            } else {
                self.byte(first);
                bytes = rest;
            }
        }
    }

    /// Whether everything before the first key has been read.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether this is known to be a snapshot: the magic is one of a server.
    pub fn is_rdb(&self) -> bool {
        let digits = match self.magic.as_bytes() {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] if digits.len() == 4 => digits,
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] if digits.len() == 3 => digits,
            _ => return false,
        };
        digits.iter().all(u8::is_ascii_digit)
    }

    /// Whether the end of the snapshot follows the head at once.
    pub fn is_empty_snapshot(&self) -> bool {
        self.first_opcode == Some(OPCODE_END)
    }

    /// The database selected where the stream goes on (AUX `repl-stream-db`).
    pub const fn stream_db(&self) -> Option<u32> {
        self.stream_db
    }

    /// The version of the Redis server that wrote it (AUX `redis-ver`).
    pub const fn redis_version(&self) -> Option<Excerpt<24>> {
        self.redis_version
    }

    /// The version of the Valkey server that wrote it (AUX `valkey-ver`).
    pub const fn valkey_version(&self) -> Option<Excerpt<24>> {
        self.valkey_version
    }

    fn byte(&mut self, byte: u8) {
        self.state = match self.state {
            State::Magic => {
                self.magic.append(&[byte]);
                match self.magic.as_bytes().len() {
                    MAGIC_LENGTH if self.is_rdb() => State::Opcode,
                    MAGIC_LENGTH => State::Over,
                    _ => State::Magic,
                }
            }
            State::Opcode if byte == OPCODE_AUX => {
                self.in_value = false;
                self.text = Excerpt::EMPTY;
                State::Length
            }
            State::Opcode => {
                self.first_opcode = Some(byte);
                State::Over
            }
            State::Length => match (byte >> 6, byte) {
                (0, _) => return self.text_arrived(u64::from(byte)),
                (1, _) => State::LongLength { left: 1, value: u64::from(byte & 63) },
                (2, 0x80) => State::LongLength { left: 4, value: 0 },
                (2, 0x81) => State::LongLength { left: 8, value: 0 },
                (3, 0xc0..=0xc2) => {
                    let width = 1 << (byte & 3);
                    State::Integer { left: width, width, value: 0 }
                }
                // Among them compressed text, which holds nothing that is looked for here (scripts, in old servers' heads).
                _ => State::Over,
            },
            State::LongLength { left, value } => {
                let value = value << 8 | u64::from(byte);
                match left {
                    1 => return self.text_arrived(value),
                    _ => State::LongLength { left: left - 1, value },
                }
            }
            State::Integer { left, width, value } => {
                let value = value | u32::from(byte) << (8 * (width - left));
                if left == 1 {
                    let unused = 32 - 8 * u32::from(width);
                    self.text = Excerpt::of((value << unused) as i32 >> unused);
                    return self.text_arrived(0);
                }
                State::Integer { left: left - 1, width, value }
            }
            State::Text { .. } | State::Over => return,
        };
    }

    /// `left` bytes of the present text are still to come.
    fn text_arrived(&mut self, left: u64) {
        self.state = match (left, self.in_value) {
            (1.., _) => State::Text { left },
            (0, false) => {
                self.key = core::mem::replace(&mut self.text, Excerpt::EMPTY);
                self.in_value = true;
                State::Length
            }
            (0, true) => {
                self.field();
                State::Opcode
            }
        };
    }

    fn field(&mut self) {
        match self.key.as_bytes() {
            b"repl-stream-db" => {
                self.stream_db = core::str::from_utf8(self.text.as_bytes()).ok().and_then(|text| text.parse().ok());
            }
            b"redis-ver" => self.redis_version = Some(self.text),
            b"valkey-ver" => self.valkey_version = Some(self.text),
            _ => {}
        }
    }
}
