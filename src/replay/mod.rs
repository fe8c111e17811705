//! A primary inside of the process: it plays the recording of a real server to any follower, over a real socket.
//!
//! For demonstrations, and for tests of programs that follow a primary: no server is needed, and every run is the same.
//! Tests without a recorded server use [`Recording::of`].
//!
//! ```
//! use std::io::{Read, Write};
//! use redtail::replay::{Primary, Recording};
//!
//! let recorded = b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n\
//!     $18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n";
//! let primary = Primary::serve(Recording::parse(recorded)?)?;
//!
//! let mut link = std::net::TcpStream::connect(primary.address())?;
//! link.write_all(b"PSYNC ? -1\r\n")?;
//! let mut received = vec![0; recorded.len()];
//! link.read_exact(&mut received)?;
//! assert_eq!(received, recorded);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | purpose | items |
//! | --- | --- |
//! | the primary | [`Primary`], [`Playback`], [`Cut`] |
//! | recordings | [`Recording`], [`Segment`], [`SegmentReader`], [`RecordingError`] |

mod client;
mod empty_rdb;
mod error;
mod index;
mod playback;
mod player;
mod primary;
mod rate_limit;
mod recording;
mod replies;
mod seek;
mod segment;
mod shared;
mod source;
mod writer;

pub use error::RecordingError;
pub use playback::{Cut, Playback};
pub use primary::Primary;
pub use recording::{Recording, SegmentReader};
pub use segment::Segment;
