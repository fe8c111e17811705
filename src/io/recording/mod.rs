//! Recordings: files of the exact bytes that a server sent, one connection after another, with the requests.
//!
//! A follower [writes](crate::Builder::record) one while it follows. A program with its own
//! [`Session`](crate::replication::Session) writes one with a [`Recorder`]. [`RecordingReader`] delivers the events
//! again, and [`replay`](crate::replay) plays them to any follower.
//!
//! ```
//! use std::fs::File;
//! use redtail::io::RecordingReader;
//! use redtail::io::recording::Recorder;
//! use redtail::replay::{Primary, Recording};
//! use redtail::{Event, Follower};
//!
//! # let path = std::env::temp_dir().join(format!("redtail-doc-{}.rec", std::process::id()));
//! let played = b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n\
//!     $18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
//! let server = Primary::serve(Recording::parse(played)?)?;
//!
//! let recorder = Recorder::new(File::create(&path)?, server.address());
//! let mut follower = Follower::builder(server.address().to_string()).record(recorder).connect()?;
//! while let Some(event) = follower.next_event()? {
//!     if let Event::Command(_) = event {
//!         break;
//!     }
//! }
//! follower.finish_recording()?;
//!
//! let mut reader = RecordingReader::new(File::open(&path)?);
//! while let Some(event) = reader.next_event()? {
//!     if let Event::Command(command) = event {
//!         assert_eq!(command.to_string(), r#"21 [?] "INCR" "n""#);
//!     }
//! }
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | purpose | items |
//! | --- | --- |
//! | writing | [`Recorder`], [`append`] |
//! | reading | [`Link`], [`RecordingFault`]; [`RecordingReader`] |
//!
//! # The format
//!
//! The line `redtail recording 1`, then blocks. A block is a line with its kind, its number of bytes, and the time in
//! milliseconds since 1970; then its bytes:
//!
//! - `link`: a connection begins. Lines of a name, a space and a value: `target`, `server`, `role`, `asked` (the
//!   request sent), `method` and `from` (of the [`PsyncRequest`](crate::replication::PsyncRequest)), `full-resync` (the
//!   use of one). Unknown names are skipped.
//! - `data`: bytes received on it, from the first byte of the answer to PSYNC or SYNC, and the time. The ends of blocks
//!   have no meaning.
//!
//! Unknown kinds are skipped. Written bytes never change: a file that was cut off can be read up to the cut.

mod append;
mod blocks;
mod link;
mod reader;
mod recorder;

pub use append::append;
pub use blocks::RecordingFault;
pub(crate) use blocks::{Blocks, Mark};
pub use link::Link;
pub use reader::RecordingReader;
pub use recorder::Recorder;

use crate::base::limits::Limits;
use crate::replication::Options;

/// Options to skip through a recording with little memory.
pub(crate) fn passing_by() -> Options {
    let parts = 64 << 10;
    // Large arguments are not buffered, so they may be longer than servers allow by default.
    let limits = Limits { command: 4 << 20, bulk: 1 << 40, ..Limits::DEFAULT };
    Options { parts: Some(parts), limits, ..Options::default() }
}

/// The beginning of every recording, before its version.
const TITLE: &[u8] = b"redtail recording ";
const VERSION: &[u8] = b"1\n";
/// The longest line before a block: a kind, and two numbers of 20 digits.
const LONGEST_LINE: usize = 80;
/// More bytes than the head of any connection has.
const LONGEST_HEAD: u64 = 64 << 10;
