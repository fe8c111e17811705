//! Standard output beside the status line, if both are in the terminal.

use std::io::{self, IsTerminal, Write};

use crate::args;
use crate::terminal::status;

/// Standard output. Hides the status line meanwhile, if both are in the terminal.
pub(crate) struct StatusWriter<W> {
    to: W,
    is_shared: bool,
}

impl<W> StatusWriter<W> {
    pub(crate) fn new(to: W, options: &args::Output) -> Self {
        Self { to, is_shared: options.stats && options.output.is_none() && io::stdout().is_terminal() }
    }
}

impl<W: Write> Write for StatusWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.is_shared {
            // Bytes in the buffer of standard output would mix with the status line.
            true => status::while_hidden(|| self.to.write(bytes).and_then(|count| self.to.flush().and(Ok(count)))),
            false => self.to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
