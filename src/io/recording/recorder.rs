//! Writes a recording.

use std::fmt::Display;
use std::io;
use std::io::{BufWriter, Write};

use crate::io::recording::link::Link;
use crate::io::recording::{TITLE, VERSION};
use crate::replication::PsyncRequest;

/// Writes a recording of the bytes received. Give it to [`Builder::record`](crate::Builder::record), or call it from a
/// loop around a [`Session`](crate::replication::Session): [`link`](Self::link) once
/// [`psync_request`](crate::replication::Session::psync_request) returns a request, [`received`](Self::received) with
/// the bytes of each read after it, and [`flush`](Self::flush) before a read that may wait.
///
/// It buffers the bytes of one read. Its writer needs no buffer.
///
/// ```
/// use redtail::AttachMethod;
/// use redtail::io::recording::Recorder;
/// use redtail::replication::{OnFull, PsyncRequest};
///
/// let mut recorder = Recorder::new(std::io::sink(), "localhost:6379");
/// let psync_request = PsyncRequest::new(AttachMethod::Full, None, OnFull::Deliver);
/// recorder.link(&psync_request, 1_767_225_600_000)?;
/// recorder.received(b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n", 1_767_225_600_001)?;
/// recorder.finish(0)?;
/// assert_eq!(recorder.received_bytes(), 56);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Recorder {
    to: BufWriter<Box<dyn Write + Send>>,
    target: String,
    titled: bool,
    in_link: bool,
    finished: bool,
    /// The bytes received last, not written yet, and their time: [`finish`](Self::finish) can leave out undelivered
    /// ones.
    held: Vec<u8>,
    held_ms: u64,
    received: u64,
    failed: Option<Failed>,
}

/// The system's error, kept for later calls.
struct Failed(io::ErrorKind, Option<i32>, String);

impl Recorder {
    /// A new recording. `target` names the server, without credentials.
    pub fn new(to: impl Write + Send + 'static, target: impl Display) -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER, Box::new(to)),
            target: target.to_string(),
            titled: false,
            in_link: false,
            finished: false,
            held: Vec::new(),
            held_ms: 0,
            received: 0,
            failed: None,
        }
    }

    /// The same, for the end of an existing recording that ends with a whole block: see [`append`](super::append).
    pub fn appending(to: impl Write + Send + 'static, target: impl Display) -> Self {
        let mut recorder = Self::new(to, target);
        recorder.titled = true;
        recorder
    }

    /// A connection was opened. The bytes [received](Self::received) from now on belong to it. `now_ms`: milliseconds
    /// since 1970.
    ///
    /// # Errors
    /// The system's error of a write. Final, as are those below; bytes written before stay readable.
    pub fn link(&mut self, psync_request: &PsyncRequest, now_ms: u64) -> io::Result<()> {
        self.flush()?;
        if self.finished {
            return Ok(());
        }
        let link = Link { target: self.target.clone(), asked_ms: now_ms, psync_request: *psync_request };
        let text = link.text();
        let mut head = Vec::new();
        if !std::mem::replace(&mut self.titled, true) {
            head.extend_from_slice(TITLE);
            head.extend_from_slice(VERSION);
        }
        head.extend_from_slice(format!("link {} {now_ms}\n{text}", text.len()).as_bytes());
        self.in_link = true;
        self.write(|to| to.write_all(&head))
    }

    /// These bytes were received on the connection. They are written with the next call. Without a connection they are
    /// ignored.
    ///
    /// # Errors
    /// The system's error of writing those before.
    pub fn received(&mut self, bytes: &[u8], now_ms: u64) -> io::Result<()> {
        self.flush()?;
        if !self.in_link {
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        self.held_ms = now_ms;
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// Writes the bytes received last, and flushes the writer.
    ///
    /// # Errors
    /// The system's error of a write.
    pub fn flush(&mut self) -> io::Result<()> {
        let (held, held_ms) = (std::mem::take(&mut self.held), self.held_ms);
        let written = self.write(|to| {
            if !held.is_empty() {
                writeln!(to, "data {} {held_ms}", held.len())?;
                to.write_all(&held)?;
            }
            to.flush()
        });
        self.held = held;
        self.held.clear();
        written
    }

    /// Ends the recording without the last `unused` bytes received. Later calls record nothing.
    ///
    /// # Errors
    /// The system's error of a write.
    pub fn finish(&mut self, unused: usize) -> io::Result<()> {
        let unused = unused.min(self.held.len());
        self.held.truncate(self.held.len() - unused);
        self.received -= unused as u64;
        (self.in_link, self.finished) = (false, true);
        self.flush()
    }

    /// The number of bytes received on all connections.
    pub const fn received_bytes(&self) -> u64 {
        self.received
    }

    /// The connection has ended: the next one begins with [`link`](Self::link).
    pub(crate) fn link_over(&mut self) {
        self.in_link = false;
    }

    /// Whether the head of a connection must be written before its bytes.
    pub(crate) const fn wants_link(&self) -> bool {
        !self.in_link && !self.finished
    }

    fn write(&mut self, work: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.again());
        }
        let written = work(&mut self.to);
        if let Err(error) = &written {
            self.failed = Some(Failed(error.kind(), error.raw_os_error(), error.to_string()));
        }
        written
    }
}

impl Failed {
    fn again(&self) -> io::Error {
        let Self(kind, number, words) = self;
        number.map_or_else(|| io::Error::new(*kind, words.clone()), io::Error::from_raw_os_error)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A caller that needs the error calls `finish`.
        let _ = self.flush();
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("target", &self.target)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// Small reads become one write.
const BUFFER: usize = 64 << 10;
