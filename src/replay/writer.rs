//! Writes to one client.

use std::io;
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};

/// Writes to a client in pieces, and up to a cut.
pub(super) struct Writer<'a> {
    stream: &'a TcpStream,
    piece: usize,
    left: Option<u64>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(stream: &'a TcpStream, piece: Option<usize>) -> Self {
        Self { stream, piece: piece.unwrap_or(usize::MAX).max(1), left: None }
    }

    /// Closes the link after this number of further bytes.
    pub(super) fn cut_after(&mut self, bytes: u64) {
        self.left = Some(bytes);
    }

    /// Sends all of `bytes`. At the cut: [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), once what is before
    /// it is sent.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let allowed =
            self.left.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        for piece in bytes.get(..allowed).unwrap_or_default().chunks(self.piece) {
            let mut stream = self.stream;
            stream.write_all(piece)?;
        }
        if let Some(left) = &mut self.left {
            *left -= allowed as u64;
            if *left == 0 {
                return self.close();
            }
        }
        Ok(())
    }

    /// Nothing more is sent: [`ConnectionAborted`](io::ErrorKind::ConnectionAborted).
    pub(super) fn close(&self) -> io::Result<()> {
        // Only our half: closed at once, unread acknowledgements would make the system throw away what we have just
        // sent.
        self.stream.shutdown(Shutdown::Write)?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}
