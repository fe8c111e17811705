//! Values of options.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use redtail::replication::{ReplicaLabel, ServerError};
use redtail::{Backoff, OnGap, Options, Position, Server, Start};

use crate::args::fact::{DEVICE, Facts, NEW_FILE, NOW, NOW_WITHOUT_FORK, POSITION, SNAPSHOT, STDOUT, SYNC, either};
use crate::args::suggested::Suggested;

fn start(text: &str) -> Result<Start, String> {
    match text {
        "now" => Ok(Start::Now),
        "now-without-fork" => Ok(Start::NowWithoutFork),
        "snapshot" => Ok(Start::Snapshot),
        "sync" => Ok(Start::Sync),
        text => match text.parse::<Position>() {
            Ok(position) => Ok(Start::At(position)),
            Err(error) if text.contains(':') => Err(error.to_string()),
            Err(_) => Err("choose now, now-without-fork, snapshot, sync, or a position (replid:offset:db)".into()),
        },
    }
}

pub(super) fn facts_of_start(start: Start) -> Facts {
    match start {
        Start::NowWithoutFork => NOW_WITHOUT_FORK,
        Start::Snapshot => SNAPSHOT,
        Start::Sync => SYNC,
        Start::At(_) => POSITION,
        _ => NOW,
    }
}

/// The kind of a file that is written. A terminal is none.
pub(super) fn facts_of_file(path: &Path) -> Facts {
    if path == Path::new("-") {
        return either(io::stdout().is_terminal(), 0, STDOUT);
    }
    let is_device = fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
    either(is_device, DEVICE, NEW_FILE)
}

fn backoff(text: &str) -> Result<Backoff, String> {
    match text {
        "forever" => Ok(Backoff::default()),
        "never" => Ok(Backoff::OFF),
        number => match number.parse() {
            Ok(attempts) => Ok(Backoff::default().give_up_after(attempts)),
            Err(_) => Err("choose forever, never, or a number of attempts".into()),
        },
    }
}

pub(super) const START: Suggested<Start> = Suggested::new(
    start,
    &[
        (
            "now",
            "Start with the next write. The server forks once for a snapshot without data, which contains position and \
             database. Servers before Redis 7.0 report the position in INFO instead",
        ),
        (
            "now-without-fork",
            "Start with the next write, but take the position from INFO. The server needs a replication backlog. The \
             database is unknown until a SELECT arrives",
        ),
        (
            "snapshot",
            "Print all data of the server key by key, then the writes after it, without a gap. The server forks and \
             sends all data",
        ),
        (
            "sync",
            "Like snapshot, but with the old SYNC command, for servers without PSYNC. Such a run can't be resumed",
        ),
    ],
);

pub(super) const BACKOFF: Suggested<Backoff> = Suggested::new(backoff, &[("forever", ""), ("never", "")]);

pub(super) const TARGET_VERSION: Suggested<Server> = Suggested::new(
    target_version,
    &[
        ("redis-6.2", ""),
        ("redis-7.0", ""),
        ("redis-7.2", ""),
        ("redis-7.4", ""),
        ("redis-8.0", ""),
        ("redis-8.2", ""),
        ("redis-8.4", ""),
        ("valkey-7.2", ""),
        ("valkey-8.0", ""),
        ("valkey-8.1", ""),
        ("valkey-9.0", ""),
        ("valkey-9.1", ""),
    ],
);

/// The pause after a refusal that a person has to fix. No pause after a lost connection is longer.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Sets what the run survives. `reconnect`: the choice of --reconnect; `None`: it is not given.
pub(crate) fn survive(reconnect: Option<Backoff>, on_gap: OnGap, settings: &mut Options) {
    settings.on_gap = on_gap;
    settings.backoff = reconnect.unwrap_or(settings.backoff);
    settings.retry_first = reconnect.is_some_and(|backoff| backoff.attempts != Some(0));
    settings.retry_refused = settings.backoff.attempts.is_none().then_some(REFUSED_PAUSE);
    // Each attempt makes the server fork and send its data, so it is made only by a run that was asked to survive.
    settings.retry_snapshot = settings.retry_first || (on_gap == OnGap::Snapshot && settings.backoff != Backoff::OFF);
}

/// The address that a server shows for a follower of this name. It must never resolve.
pub(super) fn label(name: &str) -> Result<Box<ReplicaLabel>, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_=".contains(&byte);
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(is_allowed);
    let label = fits.then(|| ReplicaLabel::new(&format!("{name}.redtail.invalid"))).flatten();
    label.map(Box::new).ok_or("choose 1 to 64 letters, digits, '.', '-', '_' and '='")
}

pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|&it| it >= Duration::from_millis(1)).ok_or("give a number of seconds, for example 5 or 0.5")
}

fn target_version(text: &str) -> Result<Server, String> {
    let server: Server = text.parse().map_err(|error: ServerError| error.to_string())?;
    match server.is_since(Some((6, 2)), Some((7, 2))) {
        true => Ok(server),
        false => Err("targets are supported from redis-6.2 and valkey-7.2 on".into()),
    }
}
