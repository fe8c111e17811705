//! The databases a command applies to.

use crate::replication::event::StreamCommand;
use crate::replication::touches::Touches;

impl StreamCommand<'_> {
    /// Whether this command applies to database `db`.
    ///
    /// True for the selected database, and for any while none is known; for both databases of SWAPDB and for the target
    /// of MOVE and COPY; and always for FLUSHALL, FUNCTION, SCRIPT, TRIMSLOTS and CLUSTER FLUSHSLOT.
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
        let moves_keys = self.is(b"MOVE") || self.is(b"COPY");
        match self.touches() {
            Touches::All(dbs) => dbs.contains(db),
            _ if self.is(b"FUNCTION") || self.is(b"SCRIPT") => true,
            _ if self.db.is_none_or(|selected| selected == db) => true,
            Touches::Keys(mut keys) => moves_keys && keys.any(|touch| touch.db == Some(db)),
            // An argument of MOVE or COPY is invalid: it could be any database.
            _ => moves_keys,
        }
    }
}
