//! `redtail tail`: follows a server.

use std::io::{self, StdoutLock};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redtail::{Error, Event, Follower, Handle, Idle, Limits, Options, SessionError};

use crate::args::{self, Format, Tail};
use crate::end::End;
use crate::failure::Failure;
use crate::notes;
use crate::output::Output;
use crate::target::{Address, Wrong};

pub(crate) fn run(options: &Tail) -> Result<(), Failure> {
    let address = address(options)?;
    let target = address.target.to_string();
    stop_on_signals()?;
    let mut follower = connect(options, address)?;
    let _ = HANDLE.set(follower.handle());
    let mut output = Output::new(io::stdout().lock(), &options.output, target.clone());
    let outcome = follow(&mut follower, &mut output, options, &target);
    let finished = output.finish();
    if let Err(Failure::ClosedPipe) = outcome.as_ref().and(finished.as_ref()) {
        return Ok(());
    }
    let lost = matches!(outcome, Err(Failure::Follower(Error::Session(SessionError::HistoryLost(_)))));
    match follower.position() {
        Some(position) if !lost => notes::say(format_args!("resume with --from {position}")),
        _ => {}
    }
    outcome.and(finished)
}

fn follow(
    follower: &mut Follower,
    output: &mut Output<StdoutLock<'_>>,
    options: &Tail,
    target: &str,
) -> Result<(), Failure> {
    let mut end = End::new(&options.output);
    let mut heartbeat = options.heartbeat.map(Heartbeat::new);
    loop {
        if follower.is_drained() {
            output.flush()?;
        }
        let next = match &heartbeat {
            Some(heartbeat) => follower.next_timeout(heartbeat.left())?,
            None => follower.next()?,
        };
        let Some(event) = next else {
            return Ok(());
        };
        output.event(&event)?;
        notes::event(&event, options.output.format, target);
        if end.after(&event) {
            return Ok(());
        }
        if let Some(heartbeat) = &mut heartbeat {
            if is_quiet(&event, &options.output) {
                if heartbeat.left().is_zero() {
                    heartbeat.restart();
                    let idle = Event::Idle(Idle { position: follower.position() });
                    output.event(&idle)?;
                    notes::event(&idle, options.output.format, target);
                }
            } else {
                heartbeat.restart();
            }
        }
    }
}

/// Nothing is printed for it, so the silence goes on.
fn is_quiet(event: &Event<'_>, options: &args::Output) -> bool {
    matches!(event, Event::Control(_)) && !options.all
}

struct Heartbeat {
    every: Duration,
    last: Instant,
}

impl Heartbeat {
    fn new(every: Duration) -> Self {
        Self { every, last: Instant::now() }
    }

    fn left(&self) -> Duration {
        self.every.saturating_sub(self.last.elapsed())
    }

    fn restart(&mut self) {
        self.last = Instant::now();
    }
}

fn address(options: &Tail) -> Result<Address, Failure> {
    let address = Address::read(&options.target)
        .unwrap_or_else(|words| args::wrong_usage(format_args!("invalid value for TARGET: {words}")));
    match address.with_credentials(options.user.as_deref(), options.password_file.as_deref()) {
        Ok(address) => Ok(address),
        Err(Wrong::Usage(words)) => args::wrong_usage(words),
        Err(Wrong::File(words)) => Err(Failure::Words(words)),
    }
}

fn connect(options: &Tail, address: Address) -> Result<Follower, Error> {
    // Large commands flow through in parts, so this is what bounds our memory.
    let parts = match options.output.format {
        Format::Resp => 64 << 10,
        Format::Text | Format::Json => options.output.max_arg().saturating_add(1),
    };
    let limits = Limits { command: parts.saturating_mul(2).max(4 << 20), ..Limits::default() };
    let mut builder = Follower::builder(address.target.to_string())
        .options(Options { limits, ..Options::default() })
        .start(options.from)
        .on_gap(options.on_gap.into())
        .allow_probe(options.allow_probe)
        .control(true)
        .parts(Some(parts));
    if let Some(backoff) = options.reconnect {
        builder = builder.reconnect(backoff).retry_first(true);
    }
    if let Some(user) = address.user {
        builder = builder.user(user);
    }
    if let Some(password) = address.password {
        builder = builder.password(password);
    }
    builder.connect()
}

static HANDLE: OnceLock<Handle> = OnceLock::new();
static STOPPED: AtomicBool = AtomicBool::new(false);

/// The first signal stops the follower, which ends everything in order. A second one ends us where we stand: whoever reads our
/// output may not be reading.
fn stop_on_signals() -> Result<(), Failure> {
    let stop = || {
        if STOPPED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        match HANDLE.get() {
            Some(handle) => handle.stop(),
            None => std::process::exit(0),
        }
    };
    ctrlc::set_handler(stop).map_err(|error| Failure::Words(format!("can't listen for Ctrl-C: {error}")))
}
