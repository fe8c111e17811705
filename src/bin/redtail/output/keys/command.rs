//! Commands for servers, written as their arguments arrive.

use std::io::{self, Write};

use redtail::rdb::Text;
use redtail::resp::{encode_command, encoded_len};

/// In bytes. A longer command is written before it is complete, and a longer batch is closed.
pub(super) const SHORT: usize = 64 << 10;

/// The elements of one batch.
const BATCH: u64 = 128;

/// Appends a complete command.
pub(in crate::output) fn append(to: &mut Vec<u8>, args: &[&[u8]]) {
    let start = to.len();
    to.resize(start + encoded_len(args), 0);
    // The buffer has exactly the required size.
    let _ = encode_command(to.get_mut(start..).unwrap_or_default(), args);
}

/// Writes a complete command.
pub(in crate::output) fn write(out: &mut impl Write, args: &[&[u8]]) -> io::Result<()> {
    write!(out, "*{}\r\n", args.len())?;
    for arg in args {
        write!(out, "${}\r\n", arg.len())?;
        out.write_all(arg)?;
        out.write_all(b"\r\n")?;
    }
    Ok(())
}

/// A command whose last arguments arrive later, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Command {
    bytes: Vec<u8>,
    /// The number of missing arguments.
    arguments: u64,
    /// The missing bytes of the current argument. `None` between arguments.
    left: Option<u64>,
    is_flowing: bool,
}

impl Command {
    /// Begins a command with these arguments; `more` follow.
    pub(super) fn begin(&mut self, args: &[&[u8]], more: u64) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * SHORT);
        (self.arguments, self.left, self.is_flowing) = (more, None, false);
        // Writing to a Vec never fails.
        let _ = write!(self.bytes, "*{}\r\n", args.len() as u64 + more);
        for arg in args {
            let _ = write!(self.bytes, "${}\r\n", arg.len());
            self.bytes.extend_from_slice(arg);
            self.bytes.extend_from_slice(b"\r\n");
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.arguments > 0
    }

    /// A part of the command is written already.
    pub(super) fn is_flowing(&self) -> bool {
        self.is_open() && self.is_flowing
    }

    /// Adds the next argument, or a piece of it.
    pub(super) fn text(&mut self, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        if text.is_first() {
            let _ = write!(self.bytes, "${}\r\n", text.length);
            self.left = Some(text.length);
        }
        if self.bytes.len() + text.bytes.len() > SHORT {
            self.is_flowing = true;
            out.write_all(&self.bytes)?;
            self.bytes.clear();
            out.write_all(text.bytes)?;
        } else {
            self.bytes.extend_from_slice(text.bytes);
        }
        self.left = self.left.map(|left| left.saturating_sub(text.bytes.len() as u64));
        if text.is_last() {
            self.bytes.extend_from_slice(b"\r\n");
            self.left = None;
            self.arguments -= 1;
            if self.arguments == 0 {
                out.write_all(&self.bytes)?;
                self.bytes.clear();
            }
        }
        Ok(())
    }

    /// The next argument is damaged. Drops an unwritten command, or completes a written one with zero bytes and empty
    /// arguments. Returns whether it was completed. Fails if the missing length is implausible.
    pub(super) fn give_up(&mut self, out: &mut impl Write) -> Result<bool, GiveUp> {
        /// A larger length is probably damaged itself.
        const MOST: u64 = 1 << 30;
        if !self.is_flowing() {
            self.arguments = 0;
            return Ok(false);
        }
        if self.left.unwrap_or(0).saturating_add(self.arguments) > MOST {
            return Err(GiveUp::TooLong);
        }
        out.write_all(&self.bytes)?;
        self.bytes.clear();
        if let Some(left) = self.left.take() {
            io::copy(&mut io::Read::take(io::repeat(0), left), out)?;
            out.write_all(b"\r\n")?;
            self.arguments -= 1;
        }
        for _ in 0..self.arguments {
            out.write_all(b"$0\r\n\r\n")?;
        }
        self.arguments = 0;
        Ok(true)
    }
}

/// Why a command can't be completed.
pub(super) enum GiveUp {
    TooLong,
    Output(io::Error),
}

impl From<io::Error> for GiveUp {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Elements for one command, which is written once there are enough of them or the key ends.
#[derive(Debug, Default)]
pub(super) struct Batch {
    arguments: Vec<u8>,
    count: u64,
    elements: u64,
}

impl Batch {
    /// Adds an element with these arguments.
    pub(super) fn push(&mut self, args: &[&[u8]]) {
        for arg in args {
            let _ = write!(self.arguments, "${}\r\n", arg.len());
            self.arguments.extend_from_slice(arg);
            self.arguments.extend_from_slice(b"\r\n");
        }
        self.count += args.len() as u64;
        self.elements += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.elements >= BATCH || self.arguments.len() >= SHORT
    }

    /// Writes the command with its name, the key and the elements.
    pub(super) fn write(&mut self, verb: &str, key: &[u8], out: &mut impl Write) -> io::Result<()> {
        if self.count > 0 {
            write!(out, "*{}\r\n${}\r\n{verb}\r\n${}\r\n", self.count + 2, verb.len(), key.len())?;
            out.write_all(key)?;
            out.write_all(b"\r\n")?;
            out.write_all(&self.arguments)?;
        }
        self.clear();
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.arguments.clear();
        self.arguments.shrink_to(2 * SHORT);
        (self.count, self.elements) = (0, 0);
    }
}
