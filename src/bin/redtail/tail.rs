//! `redtail tail`: follows a server.

use std::io::{self, StdoutLock};
use std::sync::OnceLock;

use redtail::replication::Idle;
use redtail::{Event, Follower, Handle, Position, SnapshotForm, Start};

use crate::alive::{self, while_printing};
use crate::args::{self, Format, Tail};
use crate::checkpoint::{self, Keeper};
use crate::end::End;
use crate::failure::{self, Failure};
use crate::heartbeat::Heartbeat;
use crate::output::Output;
use crate::save::{self, Saver};
use crate::target::{Address, Security};
use crate::{notes, stop};

pub(crate) fn run(options: &Tail) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|words| options.wrong_usage(words));
    let target = address.place.to_string();
    stop_on_signals()?;
    let (mut keeper, start) = checkpoint::open(options, &target)?;
    let mut saver = Saver::open(options)?;
    let asked = options.output.stats.then(|| address.clone());
    let is_plain = address.security == Security::Plain;
    let mut follower = connect(options, start, address)?;
    let _ = HANDLE.set(follower.handle());
    alive::watch(follower.handle());
    let mut output = Output::new(io::stdout().lock(), &options.output, target.clone());
    if saver.is_some() {
        output.without_keys();
    }
    if let (Some(stats), Some(address)) = (output.stats(), asked) {
        stats.watch_lag(address);
    }
    let mut place = Place::default();
    let outcome = follow(&mut follower, &mut output, keeper.as_mut(), saver.as_mut(), options, &target, &mut place);
    let is_new = follower.position().is_none();
    let outcome = outcome.map_err(|failure| if is_plain && is_new { failure.without_tls() } else { failure });
    let outcome = match saver {
        Some(saver) => saver.finish(outcome),
        None => outcome,
    };
    let mut finished = while_printing(|| output.finish());
    if let Err(Failure::ClosedPipe) = outcome.as_ref().and(finished.as_ref()) {
        return Ok(());
    }
    let lost = outcome.as_ref().is_err_and(Failure::is_history_lost);
    let failed = |result: &Result<(), Failure>| matches!(result, Err(Failure::Output(_)));
    if let Some(keeper) = keeper.as_mut().filter(|_| !lost && !failed(&outcome) && finished.is_ok()) {
        finished = keeper.save(place.printed, &mut output).map(drop);
    }
    match if failed(&outcome) || failed(&finished) { place.written } else { place.printed } {
        Some(position) if keeper.is_some() && finished.is_ok() && !lost => {
            notes::say(format_args!("the checkpoint says where to go on: {position}"));
        }
        Some(position) if !lost && options.only_snapshot => {
            notes::say(format_args!("redtail tail goes on from there with --from {position}"));
        }
        Some(position) if !lost => {
            if options.output.format == Format::Resp {
                notes::say("if the reader of this output was cut off, it has loaded less than what this counts:");
            }
            notes::say(format_args!("resume with --from {position}"));
        }
        _ => {}
    }
    failure::first(outcome, finished)
}

/// Where a later run goes on. What the follower has handed out may not have been printed, and what was printed not written.
#[derive(Default)]
struct Place {
    printed: Option<Position>,
    written: Option<Position>,
}

fn follow(
    follower: &mut Follower,
    output: &mut Output<StdoutLock<'_>>,
    mut keeper: Option<&mut Keeper>,
    mut saver: Option<&mut Saver>,
    options: &Tail,
    target: &str,
    place: &mut Place,
) -> Result<(), Failure> {
    let mut end = End::new(&options.output);
    let mut heartbeat = options.heartbeat.map(Heartbeat::new);
    loop {
        place.printed = follower.position();
        if follower.is_drained() {
            while_printing(|| output.flush())?;
            place.written = place.printed;
        }
        if let Some(keeper) = keeper.as_mut().filter(|keeper| keeper.is_due()) {
            let saved = while_printing(|| keeper.save(place.printed, output))?;
            place.written = place.printed;
            keeper.acknowledge(follower, saved);
        }
        let patience = keeper.as_ref().and_then(|keeper| keeper.patience(place.printed));
        let next = match patience.into_iter().chain(heartbeat.as_ref().map(Heartbeat::left)).min() {
            Some(patience) => follower.next_timeout(patience)?,
            None => follower.next()?,
        };
        let Some(event) = next else {
            return match stop::is_wanted() {
                true => Ok(()),
                false => {
                    Err(Failure::Words("the server closed the connection, and --reconnect never was chosen".into()))
                }
            };
        };
        if matches!(event, Event::Idle(_)) && !heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.left().is_zero()) {
            // Time to save, not to speak.
            continue;
        }
        while_printing(|| {
            if let Some(saver) = &mut saver {
                saver.event(&event)?;
            }
            if let Some(keeper) = &mut keeper {
                keeper.before(&event, output)?;
                keeper.printed(&event);
            }
            output.event(&event)
        })?;
        if saver.is_none() || !matches!(event, Event::SnapshotBegin(_) | Event::SnapshotEnd(_)) {
            notes::event(&event, options.output.format, target);
        }
        if end.after(&event, output.is_printed()) || (options.only_snapshot && matches!(event, Event::SnapshotEnd(_))) {
            output.enough();
            place.printed = follower.position();
            return Ok(());
        }
        if let Some(heartbeat) = &mut heartbeat {
            if !output.is_printed() || is_quiet(&event, &options.output) {
                if heartbeat.left().is_zero() {
                    heartbeat.restart();
                    let idle = Event::Idle(Idle::at(follower.position()));
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

fn connect(options: &Tail, start: Start, address: Address) -> Result<Follower, Failure> {
    let mut settings = options.output.settings();
    if options.snapshot_to.is_some() {
        settings.snapshot = SnapshotForm::Bytes;
    }
    let mut builder = address
        .builder(Handle::new())?
        .options(settings)
        .start(start)
        .ack(options.ack.into())
        .on_gap(options.on_gap.into())
        .allow_probe(options.allow_probe);
    if let Some(backoff) = options.reconnect {
        builder = builder.reconnect(backoff).retry_first(backoff.attempts != Some(0));
    }
    Ok(builder.connect()?)
}

pub(crate) static HANDLE: OnceLock<Handle> = OnceLock::new();

/// The first signal stops the follower, which ends everything in order.
pub(crate) fn stop_on_signals() -> Result<(), Failure> {
    stop::on_signals_do(|| match HANDLE.get() {
        Some(handle) => handle.stop(),
        None => std::process::exit(i32::from(save::abandon())),
    })
}
