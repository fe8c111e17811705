//! The values of modules. Only the module understands them; the opcodes before each part give their length.

use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, StringHeader};
use crate::rdb::state::{AfterRaw, DecoderState, FoundItem};
use crate::rdb::template_memory::TemplateMemory;

/// A part of a module's value.
enum ModulePart {
    /// A part, of which this number of bytes still follows.
    Bytes(u64),
    End,
}

impl<M: TemplateMemory> Decoder<M> {
    /// Delivers the buffered bytes of a module's value. The first `left` bytes have no opcodes.
    pub(super) fn raw(&mut self, cursor: &mut Cursor<'_>, mut left: u64, then: AfterRaw) -> Attempt<bool> {
        let start = cursor.at;
        loop {
            let rest = cursor.rest().len();
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest);
            cursor.at += here;
            left -= here as u64;
            self.state = DecoderState::Raw { left, then };
            let halt = if left > 0 {
                Halt::Need(1)
            } else {
                match cursor.number(part) {
                    Ok(ModulePart::Bytes(more)) => {
                        left = more;
                        continue;
                    }
                    Ok(ModulePart::End) => {
                        self.state = then.state();
                        self.found = FoundItem::Raw { from: start, to: cursor.at, last: true };
                        return Ok(true);
                    }
                    Err(halt) => halt,
                }
            };
            if cursor.at == start {
                return Err(halt);
            }
            self.found = FoundItem::Raw { from: start, to: cursor.at, last: false };
            return Ok(true);
        }
    }
}

fn part(peek: &mut Peek<'_>) -> Attempt<ModulePart> {
    let more = match peek.length()? {
        0 => return Ok(ModulePart::End),
        1 | 2 => {
            peek.length()?;
            0
        }
        3 => 4,
        4 => 8,
        5 => match peek.header()? {
            StringHeader::Plain(length) => length,
            StringHeader::Lzf { packed, .. } => packed,
            StringHeader::Integer(_) => 0,
        },
        number => {
            return Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                what: "part of a module's value",
                number,
                expected: "0 (end) to 5 (string)",
            }));
        }
    };
    Ok(ModulePart::Bytes(more))
}
