//! `redtail replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::parse::seconds;

const REPLAY_EXAMPLES: &str = "\
Examples:
  For any follower, until Ctrl-C:
    redtail replay monday.rec --listen 127.0.0.1:7777
    redtail tail 127.0.0.1:7777 --from snapshot
  Ten times as fast as recorded:
    redtail replay monday.rec --speed 10x
  In a script that reads the address from standard output:
    redtail replay bug.rec --once | { read address; my-consumer $address; }

`redtail replay` answers as a primary: it supports the handshake, full
resynchronisation, and partial resynchronisation from any position in the
recording. At a gap in the recording the connection is closed, and followers
then get a full resynchronisation.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(crate) struct Replay {
    /// The recording: from `redtail record`, or the bytes that a server sent after PSYNC
    pub(crate) file: PathBuf,

    /// The address to listen on, host:port; port 0 picks a free port. The address is printed on standard output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,

    /// The speed: max, a number of commands per second (100), or a multiple of the recorded speed (1x, 10x, 0.5x)
    #[arg(long, value_name = "SPEED", value_parser = speed, default_value = "max")]
    pub(crate) speed: Speed,

    /// Send a PING every N seconds after the end of the recording; 0 sends none
    ///
    /// Followers disconnect from a silent server. These PINGs are part of the stream: they advance the offset beyond
    /// the end of the recording.
    #[arg(long, value_name = "SECONDS", value_parser = ping, default_value = "10", allow_negative_numbers = true)]
    pub(crate) ping: Ping,

    /// Require the password in this file; a newline at its end is ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// End once a follower has received everything and disconnected
    #[arg(long)]
    pub(crate) once: bool,
}

/// The speed of the replay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    Max,
    Commands(u32),
    Times(f64),
}

/// The time between PINGs. `None` sends none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ping(pub(crate) Option<Duration>);

fn speed(text: &str) -> Result<Speed, &'static str> {
    let message = "choose max, a number of commands per second such as 100, or a factor such as 1x or 0.5x";
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x') {
        Some(times) => {
            let times = times.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0);
            times.map(Speed::Times).ok_or(message)
        }
        None => text.parse().ok().filter(|&rate| rate > 0).map(Speed::Commands).ok_or(message),
    }
}

fn ping(text: &str) -> Result<Ping, &'static str> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Ping(None)),
        _ => seconds(text).map(|interval| Ping(Some(interval))),
    }
}
