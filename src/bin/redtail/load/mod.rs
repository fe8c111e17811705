//! `redtail load`: sends commands to a server, and confirms the reply to each.

mod connection;
mod counts;
mod destination;
mod input;
mod label;
mod loader;
mod progress;
mod report;
mod router;
mod same_server;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use redtail::Limits;
use redtail::io::{PartsReader, ReadError};
use redtail::resp::PartsItem;

use crate::args::{Load, wrong_usage};
use crate::failure::Failure;
use crate::load::connection::Connection;
use crate::load::destination::Destination;
use crate::load::input::Input;
use crate::load::loader::Loader;
use crate::load::router::Router;
use crate::load::same_server::Source;
use crate::signals;
use crate::stats::{Tally, Watching, tally_of_stream, watch_source};
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::terminal::log;

/// In bytes. A command with a longer argument is sent as it arrives.
const LARGE: u64 = 64 << 10;

pub(crate) fn run(options: &Load) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|message| wrong_usage("load", message));
    if options.print_position {
        return print_position(&mut *open(&address, options, None)?.borrow_mut(), options);
    }
    let source = options.source.as_deref().map(|source| {
        let address = Address::of_source(source, options.source_password_file.as_deref(), &options.server);
        address.unwrap_or_else(|message| wrong_usage("load", message))
    });
    let tally = tally_of_stream(None);
    tally.set_address(address.endpoint.to_string());
    // Before the target is asked for anything.
    let watching = Watching::start(&options.watch)?;
    let asked = source.as_ref().and_then(Source::ask);
    if let Some(source) = source {
        watch_source(&tally, source);
    }
    let target = open(&address, options, Some(tally))?;
    target.borrow_mut().begin(asked.as_ref(), &Claim::new(&options.position_key))?;
    let is_file = !options.is_standard_input();
    signals::listen(move || {
        if !is_file {
            log::say("reads standard input to its end; a second signal ends the run at once");
        }
    })?;
    let outcome = load(options, &target, is_file);
    let mut target = target.borrow_mut();
    let progress = target.progress();
    progress.finish();
    drop(watching);
    if outcome.is_err() {
        match progress.position() {
            Some(position) => log::say(format_args!(
                "the target holds every write up to {position}: continue with redtail tail --from {position}"
            )),
            None if progress.has_begun() => log::say("the target stores no position: it holds a part of the input"),
            None => {}
        }
    }
    outcome?;
    match progress.refused() {
        0 if options.until_caught_up => {
            log::say("caught up: the target has every write that the source had when it was asked");
            Ok(())
        }
        0 => Ok(()),
        1 => Err(Failure::Message("1 command was refused: its message is above".into())),
        refused => {
            Err(Failure::Message(format!("{refused} commands were refused: the messages of the first ones are above")))
        }
    }
}

fn open(address: &Address, options: &Load, tally: Option<Tally>) -> Result<Rc<RefCell<dyn Destination>>, Failure> {
    Ok(match options.cluster {
        true => Rc::new(RefCell::new(Router::open(address, options, tally)?)),
        false => Rc::new(RefCell::new(Connection::open(address, options, tally)?)),
    })
}

fn load(options: &Load, target: &Rc<RefCell<dyn Destination>>, is_file: bool) -> Result<(), Failure> {
    let input = Input::open(options, Rc::clone(target))?;
    let mut limits = Limits::default();
    (limits.command, limits.bulk) = (4 << 20, 1 << 40);
    let mut reader = PartsReader::stream(input, Some(LARGE)).with_limits(limits);
    let mut loader = Loader::new(options.position_key.as_bytes(), target.borrow().may_group());
    loop {
        let item = match reader.next_item() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => return Err(unread(error, options, &mut *target.borrow_mut())),
        };
        let mut target = target.borrow_mut();
        match item.item {
            PartsItem::Command(command) => loader.command(&command, item.start, &mut *target)?,
            PartsItem::Part(part) => loader.part(&part, item.start, &mut *target)?,
        }
        if is_file && signals::is_stopped() && loader.is_between_commands() {
            break;
        }
    }
    loader.finish(&mut *target.borrow_mut())?;
    match options.until_caught_up && !loader.is_caught_up() {
        true => Err(Failure::Message(
            "the input ends before its source was caught up: redtail tail --positions --until-caught-up has failed, or \
             was ended, or it ran without these options. Its own messages say why"
                .into(),
        )),
        false => Ok(()),
    }
}

/// The failure of the input, after the replies to everything before it.
fn unread(error: ReadError, options: &Load, target: &mut dyn Destination) -> Failure {
    if let Some(failure) = target.progress().failure() {
        return failure;
    }
    if let Err(failure) = target.settle() {
        return failure;
    }
    match error {
        ReadError::Io(error) => Failure::Message(format!("can't read {}: {error}", options.file.display())),
        error => Failure::Message(format!("{}: {error}", options.file.display())),
    }
}

fn print_position(target: &mut dyn Destination, options: &Load) -> Result<(), Failure> {
    match target.ask(&[b"GET", options.position_key.as_bytes()])? {
        Some(stored) => {
            let stored = String::from_utf8_lossy(&stored);
            Ok(writeln!(io::stdout().lock(), "{}", stored.split(' ').next().unwrap_or_default())?)
        }
        None => Err(Failure::Message(format!(
            "the target stores no position in the key {}: start with redtail tail --from snapshot --positions",
            options.position_key
        ))),
    }
}
