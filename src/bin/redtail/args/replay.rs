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
  Ten times as fast as it happened:
    redtail replay monday.rec --speed 10x
  In a script, which gets the address from standard output:
    redtail replay bug.rec --once | { read address; my-consumer $address; }

It answers as a primary does: to the handshake, to a full resynchronisation,
and to a partial one from any position in the recording. A gap in the recording
is a gap for its followers: at its end the link is closed, and what they ask
for after it is answered with a full resynchronisation.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(crate) struct Replay {
    /// A recording: of `redtail record`, or what a server sent after PSYNC
    pub(crate) file: PathBuf,

    /// Where to listen, host:port; port 0 is a free one. The address is printed on standard output
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,

    /// How fast: max, so many commands a second (100), or so many times as fast as it happened (1x, 10x, 0.5x)
    #[arg(long, value_name = "SPEED", value_parser = speed, default_value = "max")]
    pub(crate) speed: Speed,

    /// At the end of the recording, send a PING each so many seconds, as servers do; 0: never
    ///
    /// A follower takes long silence for a dead link. These PINGs count, as each byte of a stream does: offsets go on behind those of the
    /// recording.
    #[arg(long, value_name = "SECONDS", value_parser = ping, default_value = "10", allow_negative_numbers = true)]
    pub(crate) ping: Ping,

    /// Ask for the password that is in this file (a newline at its end does not count)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// End once a follower was sent everything and has left
    #[arg(long)]
    pub(crate) once: bool,
}

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    Max,
    Commands(u32),
    Times(f64),
}

/// How long until a PING; `None`: for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ping(pub(crate) Option<Duration>);

impl Replay {}

fn speed(text: &str) -> Result<Speed, &'static str> {
    let words = "choose max, a number of commands a second such as 100, or a factor such as 1x or 0.5x";
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.strip_suffix('x') {
        Some(times) => {
            let times = times.parse().ok().filter(|times: &f64| times.is_finite() && *times > 0.0);
            times.map(Speed::Times).ok_or(words)
        }
        None => text.parse().ok().filter(|&rate| rate > 0).map(Speed::Commands).ok_or(words),
    }
}

fn ping(text: &str) -> Result<Ping, &'static str> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Ping(None)),
        _ => seconds(text).map(|interval| Ping(Some(interval))),
    }
}
