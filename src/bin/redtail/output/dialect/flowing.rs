//! Commands that are too large to hold, rewritten as they arrive.
//!
//! Three kinds of commands need no more than their beginning and their end: options before the data (XADD, XTRIM),
//! options after one value (SET), and a payload that gets the version of the target (RESTORE).

use std::io::{self, Write};

use redtail::rdb::Crc64;
use redtail::resp::Part;

use crate::held_command::{HeldCommand, write_argument, write_end};
use crate::output::dialect::table::{Instead, When};
use crate::output::dialect::{Rewriter, payload};
use crate::output::payload_command::PayloadCommand;

/// The version and the checksum at the end of a payload, in bytes.
const FOOTER: usize = 10;

/// A longer option of SET is a value to compare with.
const LONGEST_OPTION: u64 = 64;

/// A command that is rewritten as it arrives.
pub(super) enum Flowing {
    /// The beginning is rewritten, and the rest follows as it is.
    Rest,
    Set(FlowingSet),
    Payload(FlowingPayload),
}

/// A SET with KEEPTTL instead of its options, which are after its value. Other commands then set the expiry.
#[derive(Default)]
pub(super) struct FlowingSet {
    key: Vec<u8>,
    /// The options, as the arguments of a command. Long ones are empty.
    options: Vec<Vec<u8>>,
    /// The current option is longer than any.
    is_long: bool,
}

/// A RESTORE with the version of the target in the footer of its payload.
pub(super) struct FlowingPayload {
    /// The command up to the payload, which is written once the type of the value is known.
    head: Option<HeldCommand>,
    version: u16,
    is_function: bool,
    missing: u64,
    crc: Crc64,
    footer: Vec<u8>,
}

/// What becomes of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    /// Nothing was written: the target does not know the type of the payload.
    Unreadable,
}

impl Flowing {
    /// Writes the beginning of the command that is held, whose last argument has only begun. Returns `None`, and writes
    /// nothing, for a command that can't be rewritten without its end.
    pub(super) fn begin(
        rewriter: &mut Rewriter,
        name: &str,
        held: &HeldCommand,
        out: &mut impl Write,
    ) -> io::Result<Option<Self>> {
        match name {
            "XADD" | "XTRIM" => {
                let given: Vec<Vec<u8>> = held.args().map(<[u8]>::to_vec).collect();
                let count = given.len();
                let arguments = rewriter.without_stream_options(name, given);
                held.write(&arguments, count, out)?;
                Ok(Some(Self::Rest))
            }
            "SET" if held.len() == 3 => {
                let Some(key) = held.arg(1) else { return Ok(None) };
                let length = held.length(2);
                write!(out, "*4")?;
                [b"SET", key].iter().try_for_each(|arg| {
                    write_argument(arg.len() as u64, out)?;
                    out.write_all(arg)
                })?;
                write_argument(length, out)?;
                Ok(Some(Self::Set(FlowingSet { key: key.to_vec(), ..FlowingSet::default() })))
            }
            _ => Ok(FlowingPayload::of(rewriter, held).map(Self::Payload)),
        }
    }

    pub(super) fn part(&mut self, part: &Part<'_>, out: &mut impl Write) -> io::Result<Outcome> {
        match (self, *part) {
            (Self::Payload(payload), Part::Piece(bytes)) if payload.missing > 0 => return payload.piece(bytes, out),
            (Self::Set(set), Part::Argument { length, .. }) => set.option(length),
            (Self::Set(set), Part::Piece(bytes)) => match set.options.last_mut() {
                None => out.write_all(bytes)?,
                Some(option) if !set.is_long => option.extend_from_slice(bytes),
                Some(_) => {}
            },
            (Self::Set(_), Part::End) => {
                write_argument(7, out)?;
                out.write_all(b"KEEPTTL\r\n")?;
            }
            (_, Part::Argument { length, .. }) => write_argument(length, out)?,
            (_, Part::Piece(bytes)) => out.write_all(bytes)?,
            (_, Part::End) => write_end(out)?,
            (_, Part::Begin { .. }) => {}
        }
        Ok(Outcome::Written)
    }

    /// The commands that follow, after the last part.
    pub(super) fn behind(self) -> Vec<Vec<Vec<u8>>> {
        match self {
            Self::Set(set) => set.expiry().into_iter().collect(),
            Self::Rest | Self::Payload(_) => Vec::new(),
        }
    }
}

impl FlowingSet {
    fn option(&mut self, length: u64) {
        self.is_long = length > LONGEST_OPTION;
        self.options.push(Vec::new());
    }

    /// The command that sets the expiry, or removes the one that KEEPTTL has kept.
    fn expiry(self) -> Option<Vec<Vec<u8>>> {
        let mut options = self.options.into_iter();
        while let Some(option) = options.next() {
            let verb: &[u8] = match option.to_ascii_uppercase().as_slice() {
                b"KEEPTTL" => return None,
                b"EX" => b"EXPIRE",
                b"PX" => b"PEXPIRE",
                b"EXAT" => b"EXPIREAT",
                b"PXAT" => b"PEXPIREAT",
                // The value to compare with follows.
                b"IFEQ" | b"IFNE" | b"IFDEQ" | b"IFDNE" => {
                    options.next();
                    continue;
                }
                _ => continue,
            };
            return Some(vec![verb.to_vec(), self.key, options.next().unwrap_or_default()]);
        }
        Some(vec![b"PERSIST".to_vec(), self.key])
    }
}

impl FlowingPayload {
    /// `None` if the last argument that has begun is no payload.
    fn of(rewriter: &Rewriter, held: &HeldCommand) -> Option<Self> {
        let index = held.len().checked_sub(1)?;
        let (name, second) = (held.arg(0)?, held.arg(1)?);
        let command = PayloadCommand::of(name, second).filter(|command| command.payload() == index)?;
        let mut head = HeldCommand::default();
        held.parts().for_each(|part| {
            head.part(&part);
        });
        Some(Self {
            head: Some(head),
            version: payload::shared_version(&rewriter.target),
            is_function: command == PayloadCommand::FunctionRestore,
            missing: held.length(index),
            crc: Crc64::new(),
            footer: Vec::new(),
        })
    }

    fn piece(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<Outcome> {
        if let (Some(head), Some(&kind)) = (&self.head, bytes.first()) {
            if !self.is_function && !payload::is_shared(kind, self.version) {
                return Ok(Outcome::Unreadable);
            }
            head.write(&[], 0, out)?;
            self.head = None;
        }
        self.missing = self.missing.saturating_sub(bytes.len() as u64);
        self.footer.extend_from_slice(bytes);
        let body = self.footer.len().saturating_sub(FOOTER);
        let written = self.footer.get(..body).unwrap_or_default();
        self.crc = self.crc.update(written);
        out.write_all(written)?;
        self.footer.drain(..body);
        if self.missing == 0 {
            out.write_all(&self.signed())?;
        }
        Ok(Outcome::Written)
    }

    /// The footer for the target. The target says what is wrong with a damaged payload.
    fn signed(&mut self) -> Vec<u8> {
        let footer = std::mem::take(&mut self.footer);
        let Some(([low, high], checksum)) = footer.split_first_chunk::<2>().map(|(version, rest)| (*version, rest))
        else {
            return footer;
        };
        // Only the newest servers accept a payload without a checksum.
        let is_unsigned = checksum.iter().all(|byte| *byte == 0);
        let is_valid = is_unsigned || self.crc.update(&[low, high]).value().to_le_bytes() == checksum;
        let given = u16::from_le_bytes([low, high]);
        if !is_valid || (given <= self.version && !is_unsigned) {
            return footer;
        }
        let version = given.min(self.version).to_le_bytes();
        [&version[..], &self.crc.update(&version).value().to_le_bytes()].concat()
    }
}

impl Rewriter {
    /// The first arguments of a command of streams without the options that the target does not understand.
    fn without_stream_options(&mut self, name: &str, mut args: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let rows: Vec<_> = self.rows(name).collect();
        for row in rows {
            if let (When::OfStream(_), Instead::Without(count)) = (row.when, row.instead) {
                while let Some(at) = row.when.position(&args) {
                    self.say_lost(row.lost);
                    args.drain(at..(at + count).min(args.len()));
                }
            }
        }
        args
    }
}
