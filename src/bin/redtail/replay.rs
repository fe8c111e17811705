//! `redtail replay`: serves a recording as a primary.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redtail::replay::{Playback, Primary, Recording, Segment};

use crate::args::{Replay, Speed, wrong_usage};
use crate::background;
use crate::failure::Failure;
use crate::signals;
use crate::target::credentials::password_in;
use crate::terminal::log;

pub(crate) fn run(options: &Replay) -> Result<(), Failure> {
    let name = options.file.display().to_string();
    let recording =
        Recording::open(&options.file).map_err(|error| Failure::Message(format!("can't play {name}: {error}")))?;
    let play = play(options)?;
    // The process may end at any moment without losing data.
    signals::listen(|| std::process::exit(0))?;
    let open = play.password.is_none();
    let primary = Primary::serve_on(options.listen.as_str(), recording, play).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => wrong_usage(
            "replay",
            format_args!("--listen {}: {error}; give host:port, such as 127.0.0.1:7777", options.listen),
        ),
        _ => Failure::Message(format!("can't listen on {}: {error}", options.listen)),
    })?;
    describe(primary.recording(), &name);
    let address = primary.address();
    if open && !address.ip().is_loopback() {
        log::say(format_args!(
            "everyone who can reach {address} can read the recording; --password-file FILE requires a password"
        ));
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()?;
    drop(out);
    let primary = Arc::new(primary);
    let served = Arc::clone(&primary);
    background::start("accept", move || warn_of_clients_kept_out(&served));
    if options.once {
        primary.wait_until_played();
        return Ok(());
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Prints each error of the system once, until another one follows.
fn warn_of_clients_kept_out(primary: &Primary) {
    let mut printed = String::new();
    loop {
        if let Some(error) = primary.take_accept_error().map(|error| error.to_string())
            && error != printed
        {
            log::warn(format_args!(
                "can't accept a client: {error}; it may be accepted later. Disconnect clients, or raise the limit \
                 (ulimit -n, -u, -v)"
            ));
            printed = error;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn play(options: &Replay) -> Result<Playback, Failure> {
    let password = options.password_file.as_deref().map(password_in).transpose();
    let password = password.map_err(|error| Failure::Message(error.to_string()))?;
    let mut playback = Playback::default();
    (playback.ping, playback.password) = (options.ping.0, password);
    match options.speed {
        Speed::Max => {}
        Speed::Commands(rate) => playback.commands_per_second = Some(rate),
        Speed::Times(times) => playback.times = Some(times),
    }
    Ok(playback)
}

/// Prints the positions that a follower can ask for.
fn describe(recording: &Recording, name: &str) {
    if let Some(fault) = recording.cut_off() {
        log::say(format_args!("{name}: {fault}"));
    }
    for segment in recording.segments() {
        let (replid, start, end) = (segment.replid(), segment.start_offset(), segment.end_offset());
        log::say(format_args!("serving {name}: {replid}, offsets {start} to {end}, {}", Data(segment)));
    }
}

struct Data<'a>(&'a Segment);

impl std::fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.has_snapshot() {
            true => "with its snapshot",
            false => "without its snapshot: followers that ask for one get an empty one",
        })
    }
}
