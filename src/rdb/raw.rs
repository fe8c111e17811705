//! Values of modules, which nobody but the module can read: passed over by the opcodes before each part.

use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Ahead, Cursor, Halt, Header, Step};
use crate::rdb::state::{Found, Stage};

/// What comes after the bytes of a module.
#[derive(Debug, Clone, Copy)]
pub(super) enum AfterRaw {
    Opcode,
    KeyEnd,
    /// So many further classes.
    KeyMetadata(u64),
}

impl AfterRaw {
    fn stage(self) -> Stage {
        match self {
            Self::Opcode => Stage::Opcode,
            Self::KeyEnd => Stage::KeyEnd,
            Self::KeyMetadata(left) => Stage::KeyMetadata { left },
        }
    }
}

/// A part of a module's value.
enum Part {
    /// It is read; so many bytes of a string still follow it.
    Bytes(u64),
    End,
}

impl Decoder {
    /// As much of a module's value as is there, of which the first `left` bytes need not be looked at.
    pub(super) fn raw(&mut self, cursor: &mut Cursor<'_>, mut left: u64, then: AfterRaw) -> Step<bool> {
        let start = cursor.at;
        loop {
            let rest = cursor.rest().len();
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest);
            cursor.at += here;
            left -= here as u64;
            self.stage = Stage::Raw { left, then };
            let halt = if left > 0 {
                Halt::Need(1)
            } else {
                match cursor.number(part) {
                    Ok(Part::Bytes(more)) => {
                        left = more;
                        continue;
                    }
                    Ok(Part::End) => {
                        self.stage = then.stage();
                        self.found = Found::Raw { from: start, to: cursor.at, last: true };
                        return Ok(true);
                    }
                    Err(halt) => halt,
                }
            };
            if cursor.at == start {
                return Err(halt);
            }
            self.found = Found::Raw { from: start, to: cursor.at, last: false };
            return Ok(true);
        }
    }
}

fn part(ahead: &mut Ahead<'_>) -> Step<Part> {
    let more = match ahead.length()? {
        0 => return Ok(Part::End),
        1 | 2 => {
            ahead.length()?;
            0
        }
        3 => 4,
        4 => 8,
        5 => match ahead.header()? {
            Header::Plain(length) => length,
            Header::Lzf { packed, .. } => packed,
            Header::Integer(_) => 0,
        },
        number => {
            return Err(Halt::Fault(RdbErrorKind::UnknownEncoding {
                what: "part of a module's value",
                number,
                expected: "0 (end) to 5 (string)",
            }));
        }
    };
    Ok(Part::Bytes(more))
}
