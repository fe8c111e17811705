//! Recording support for `Follower`.

use std::io;

use crate::io::recording::Recorder;
use crate::net::follower::Follower;
use crate::net::transport::Transport;

impl<T: Transport> Follower<T> {
    /// Ends the [recording](crate::Builder::record) after the last event that was delivered: bytes received after it
    /// are left out, as far as the last read received them. Later bytes are not recorded. Without a recording it does
    /// nothing.
    ///
    /// [`Handle::stop`](crate::Handle::stop) and dropping the follower do the same, and report no errors.
    ///
    /// # Errors
    /// The system's error of writing, now or before.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        self.engine.finish_recording()
    }

    /// How many bytes were recorded, on all connections.
    pub fn recorded_bytes(&self) -> u64 {
        self.engine.recorded_bytes()
    }

    pub(super) fn recording(mut self, recorder: Option<Recorder>) -> Self {
        if let Some(recorder) = recorder {
            self.engine.record(recorder);
        }
        self
    }

    pub(super) fn end_recording(&mut self) {
        // The recorder keeps the error for `finish_recording`.
        let _ = self.engine.finish_recording();
    }
}
