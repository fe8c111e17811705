//! A command that arrives in parts, held in memory.

use std::io::{self, Write};

use redtail::TAPE_LENGTH;
use redtail::resp::{Part, encode_command, encoded_len};

/// The arguments of a command that arrives in parts. The holder decides how much it keeps: parts that are not passed to
/// [`part`](Self::part) are not held.
#[derive(Debug, Default)]
pub(crate) struct HeldCommand {
    argc: usize,
    /// The arguments that have begun, one after the other.
    bytes: Vec<u8>,
    args: Vec<HeldArgument>,
}

/// What happens to the parts of a command.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartsState {
    /// They are held until the decision about the command.
    Holding,
    /// They are printed as they arrive.
    #[default]
    Printing,
    /// They are dropped.
    Dropping,
}

#[derive(Debug, Clone, Copy)]
struct HeldArgument {
    /// Its beginning in the bytes.
    begin: usize,
    length: u64,
}

impl HeldCommand {
    /// Holds the next part. A [`Part::Begin`] begins another command. Returns the index of the argument that the part
    /// completes.
    pub(crate) fn part(&mut self, part: &Part<'_>) -> Option<usize> {
        match *part {
            Part::Begin { argc } => {
                self.clear();
                self.argc = argc;
                return None;
            }
            Part::Argument { length, .. } => self.args.push(HeldArgument { begin: self.bytes.len(), length }),
            Part::Piece(bytes) => self.bytes.extend_from_slice(bytes),
            Part::End => return None,
        }
        let last = self.args.len().checked_sub(1)?;
        self.arg(last).map(|_| last)
    }

    /// The number of arguments of the command, of which some may not have arrived.
    pub(crate) fn argc(&self) -> usize {
        self.argc
    }

    /// The number of arguments that have begun.
    pub(crate) fn len(&self) -> usize {
        self.args.len()
    }

    /// An argument that is complete.
    pub(crate) fn arg(&self, index: usize) -> Option<&[u8]> {
        let HeldArgument { begin, length } = *self.args.get(index)?;
        self.bytes.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
    }

    /// The length of an argument that has begun, in bytes.
    pub(crate) fn length(&self, index: usize) -> u64 {
        self.args.get(index).map_or(0, |arg| arg.length)
    }

    /// The arguments that are complete.
    pub(crate) fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let count = self.len() - usize::from(self.len() > 0 && self.arg(self.len() - 1).is_none());
        (0..count).map(|index| self.arg(index).unwrap_or_default())
    }

    /// The memory that the command takes once the last argument is complete, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let end = self.args.last().map_or(0, |last| (last.begin as u64).saturating_add(last.length));
        end.saturating_add((self.args.len() * size_of::<HeldArgument>()) as u64)
    }

    /// The parts again. The pieces of an argument are one piece.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let arguments = self.args.iter().enumerate().flat_map(|(index, &HeldArgument { begin, length })| {
            let end = self.args.get(index + 1).map_or(self.bytes.len(), |next| next.begin);
            let piece = self.bytes.get(begin..end).filter(|piece| !piece.is_empty()).map(Part::Piece);
            [Part::Argument { index, length }].into_iter().chain(piece)
        });
        [Part::Begin { argc: self.argc }].into_iter().chain(arguments)
    }

    /// The bytes of a command that is complete.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let args: Vec<&[u8]> = self.args().collect();
        let mut bytes = vec![0; encoded_len(&args)];
        // The buffer has exactly the required size.
        let _ = encode_command(&mut bytes, &args);
        bytes
    }

    /// Writes the command as far as it has arrived, without the end of its last line: [`write_argument`] and
    /// [`write_end`] continue it. `instead` replaces the first `of` arguments.
    pub(crate) fn write(&self, instead: &[Vec<u8>], of: usize, out: &mut impl Write) -> io::Result<()> {
        write!(out, "*{}", self.argc - of.min(self.argc) + instead.len())?;
        for arg in instead {
            write_argument(arg.len() as u64, out)?;
            out.write_all(arg)?;
        }
        let rest = self.parts().skip_while(|part| !matches!(part, Part::Argument { index, .. } if *index >= of));
        for part in rest {
            match part {
                Part::Argument { length, .. } => write_argument(length, out)?,
                Part::Piece(bytes) => out.write_all(bytes)?,
                Part::Begin { .. } | Part::End => {}
            }
        }
        Ok(())
    }

    /// Forgets everything, and keeps a little memory for the next command.
    pub(crate) fn clear(&mut self) {
        self.args.clear();
        self.bytes.clear();
        self.args.shrink_to(TAPE_LENGTH);
        self.bytes.shrink_to(64 << 10);
    }
}

/// Writes the end of the line before, and the length of the next argument.
pub(crate) fn write_argument(length: u64, out: &mut impl Write) -> io::Result<()> {
    write!(out, "\r\n${length}\r\n")
}

/// Writes the end of the last line of a command.
pub(crate) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_held_and_given_again() {
        let mut held = HeldCommand::default();
        assert_eq!(held.part(&Part::Begin { argc: 3 }), None);
        assert_eq!(held.part(&Part::Argument { index: 0, length: 3 }), None);
        assert_eq!((held.part(&Part::Piece(b"SE")), held.args().len()), (None, 0));
        assert_eq!((held.part(&Part::Piece(b"T")), held.arg(0)), (Some(0), Some(&b"SET"[..])));
        assert_eq!(held.part(&Part::Argument { index: 1, length: 0 }), Some(1));
        assert_eq!((held.part(&Part::Argument { index: 2, length: 5 }), held.len()), (None, 3));
        held.part(&Part::Piece(b"va"));
        assert!(held.args().eq([&b"SET"[..], b""]) && held.arg(2).is_none() && held.size() >= 8);
        let argument = |index, length| Part::Argument { index, length };
        let expected = [
            Part::Begin { argc: 3 },
            argument(0, 3),
            Part::Piece(b"SET"),
            argument(1, 0),
            argument(2, 5),
            Part::Piece(b"va"),
        ];
        assert!(held.parts().eq(expected));
        held.part(&Part::Piece(b"lue"));
        assert_eq!(held.encoded(), b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\nvalue\r\n");
        let (mut same, mut other) = (Vec::new(), Vec::new());
        held.write(&[], 0, &mut same).unwrap();
        assert_eq!(same, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\nvalue");
        held.write(&[b"A".to_vec(), b"B".to_vec(), b"C".to_vec()], 2, &mut other).unwrap();
        assert_eq!(other, b"*4\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n$5\r\nvalue");
        held.part(&Part::Begin { argc: 1 });
        assert_eq!((held.argc(), held.len(), held.size()), (1, 0, 0));
    }
}
