//! The databases a command applies to.

use crate::replication::event::StreamCommand;

impl StreamCommand<'_> {
    /// Whether this command applies to database `db`.
    ///
    /// True for the selected database, and for any while none is known; for both databases of SWAPDB and for the target
    /// of MOVE and COPY; and always for FLUSHALL, FUNCTION and SCRIPT.
    ///
    /// ```
    /// use redtail::io::RecordingReader;
    /// use redtail::{Event, Options};
    ///
    /// let stream: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$4\r\nMOVE\r\n$1\r\nk\r\n$1\r\n3\r\n";
    /// let mut reader = RecordingReader::commands(stream, Options::default(), 0);
    /// while let Some(event) = reader.next_event()? {
    ///     if let Event::Command(command) = event {
    ///         assert!(command.reaches_db(0) && command.reaches_db(3) && !command.reaches_db(2));
    ///     }
    /// }
    /// # Ok::<(), redtail::io::ReadError>(())
    /// ```
    pub fn reaches_db(&self, db: u32) -> bool {
        let is_named =
            |index: usize| match self.arg(index).and_then(|arg| core::str::from_utf8(arg).ok()?.parse::<u32>().ok()) {
                Some(named) => db == named,
                // The number is invalid: it could be any database.
                None => true,
            };
        match self.name().len() {
            6 if self.is(b"SWAPDB") => return is_named(1) || is_named(2),
            8 if self.is(b"FLUSHALL") || self.is(b"FUNCTION") => return true,
            6 if self.is(b"SCRIPT") => return true,
            _ => {}
        }
        if self.db.is_none_or(|selected| selected == db) {
            return true;
        }
        match self.name().len() {
            4 if self.is(b"MOVE") => is_named(2),
            4 if self.is(b"COPY") => {
                let word = self.args().skip(3).position(|arg| arg.eq_ignore_ascii_case(b"DB"));
                word.is_some_and(|word| is_named(word + 4))
            }
            _ => false,
        }
    }
}
