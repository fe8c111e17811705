//! How a recording is played.

use std::time::Duration;

/// How a [`Primary`](crate::replay::Primary) plays its recording. Default: as fast as the follower reads.
///
/// ```
/// use redtail::replay::{Cut, Playback};
///
/// let mut playback = Playback::default();
/// playback.commands_per_second = Some(1000);
/// playback.cuts = vec![Cut::Offset(27), Cut::Offset(54)];
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Playback {
    /// Commands sent in a second, as evenly as the system's clock allows. Default: no limit.
    pub commands_per_second: Option<u32>,
    /// The speed as a multiple of the recorded one: 1 is the recorded speed. A recording without times is sent at once.
    /// Default: no limit.
    pub times: Option<f64>,
    /// The interval of the PINGs sent once the recording has ended, as servers send them, so that no follower takes the
    /// silence for a dead link. They are bytes of the stream, so offsets grow beyond those of the recording. Default:
    /// no PINGs.
    pub ping: Option<Duration>,
    /// The largest number of bytes handed to the system at once, so that a follower receives everything in pieces.
    /// Default: no limit.
    pub piece: Option<usize>,
    /// Where to close connections: the first connection that asks for the stream at the first cut, the second at the
    /// second, and so on. Later connections are not closed. Default: none.
    pub cuts: Vec<Cut>,
    /// The password that AUTH must give before anything else is answered. Default: no password.
    pub password: Option<Vec<u8>>,
}

/// Where a connection is closed.
///
/// ```
/// use redtail::replay::{Cut, Playback};
///
/// // The connection breaks once, in the middle of the stream: does the consumer survive it?
/// let mut playback = Playback::default();
/// playback.cuts = vec![Cut::Offset(1_000)];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// After the byte of the stream with this replication offset. A connection whose stream begins there or later is
    /// closed in front of the stream.
    Offset(u64),
    /// After this number of bytes of the answer to PSYNC or SYNC: reply line, snapshot and stream together.
    AnswerBytes(u64),
}
