//! A follower that writes down what comes.

use std::io;

use crate::net::error::Error;
use crate::net::follower::{Follower, wall_clock_ms};
use crate::net::transport::Transport;

impl<T: Transport> Follower<T> {
    /// Ends the [recording](crate::Builder::record) with the last event that was handed out: what has been received beyond it is left
    /// out, as far as the last read brought it. Afterwards nothing more is recorded. Without a recording it does nothing.
    ///
    /// [`Handle::stop`](crate::Handle::stop) and dropping the follower do the same, and tell no errors.
    ///
    /// # Errors
    /// What the system says of writing, now or before.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        self.end_recording();
        match &mut self.recorder {
            // What has failed once fails again.
            Some(recorder) => recorder.flush(),
            None => Ok(()),
        }
    }

    /// How many bytes have been recorded, on all links.
    pub fn recorded_bytes(&self) -> u64 {
        self.recorder.as_ref().map_or(0, |recorder| recorder.received_bytes())
    }

    pub(super) fn end_recording(&mut self) {
        // An event that was looked at, and not handed out, is unread.
        let read = if self.ahead { 0 } else { self.pending };
        let unread = self.ring.len().saturating_sub(read);
        if let Some(recorder) = &mut self.recorder {
            // The recorder keeps the error for `finish_recording`.
            let _ = recorder.finish(unread);
        }
    }

    /// What came is written before a wait for more; and where the stream is asked for, the recording of the link begins.
    pub(super) fn before_read(&mut self) -> Result<(), Error> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        if let Some(opening) = self.session.opening().filter(|_| recorder.wants_link()) {
            let now_ms = wall_clock_ms();
            recorder.link(&opening, now_ms).map_err(Error::Recording)?;
            // A server that speaks before it is asked.
            recorder.received(self.ring.readable(), now_ms).map_err(Error::Recording)?;
        }
        recorder.flush().map_err(Error::Recording)
    }

    /// The last `count` bytes in the buffer are new.
    pub(super) fn after_read(&mut self, count: usize, received_ms: u64) -> Result<(), Error> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let unread = self.ring.readable();
        let new = unread.get(unread.len().saturating_sub(count)..).unwrap_or_default();
        recorder.received(new, received_ms).map_err(Error::Recording)
    }
}
