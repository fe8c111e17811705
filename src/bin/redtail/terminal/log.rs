//! Messages on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redtail::rdb::{Item, Role, Text};
use redtail::{Attached, Event, ForkReason, Position, Server};

use crate::args::OutputFormat;
use crate::blocked::MESSAGES;
use crate::named::named;
use crate::terminal::color::Colors;
use crate::terminal::line_start::{Level, LineStart};
use crate::terminal::status;

/// Prints a line on standard error. A closed standard error is ignored.
pub(crate) fn say(message: impl Display) {
    let Colors { bold, end, .. } = Colors::on(&io::stderr());
    write(Level::Info, bold, end, message);
}

/// Prints a line about something that may need a person.
pub(crate) fn warn(message: impl Display) {
    let Colors { bold, end, .. } = Colors::on(&io::stderr());
    write(Level::Warning, bold, end, message);
}

/// Prints a failure likewise.
pub(crate) fn fail(message: impl Display) {
    let Colors { wrong, end, .. } = Colors::on(&io::stderr());
    write(Level::Error, wrong, end, message);
}

fn write(level: Level, mark: &str, end: &str, message: impl Display) {
    status::while_hidden(|| {
        // In one piece: another program may write to the same terminal.
        let line = format!("{}{mark}redtail:{end} {message}\n", LineStart(level));
        let mut out = io::stderr().lock();
        let _ = MESSAGES.during(|| out.write_all(line.as_bytes()));
    });
}

/// Prints the message of an event, if it has one. In JSON most events are on standard output already.
pub(crate) fn event(event: &Event<'_>, format: OutputFormat, target: &str) {
    if let Some(message) = message(event, format, target) {
        say_or_warn(event, message);
    }
}

/// Prints the message of an event of one shard.
pub(crate) fn event_of(shard: &impl Display, event: &Event<'_>, format: OutputFormat) {
    if let Some(message) = message(event, format, "") {
        say_or_warn(event, named(&shard.to_string(), &message));
    }
}

/// The connection is back, at this address.
pub(crate) fn attached_again(target: &str, attached: &Attached) {
    say(AttachMessage { attached, target, is_again: true });
}

/// The position of a heartbeat while the connection is lost.
pub(crate) fn stale(position: Option<Position>, lost: Duration) {
    let position = position.map_or_else(|| "no position yet".into(), |position| format!("position {position}"));
    say(format_args!("{position}, stale: not attached for {:.1} s", lost.as_secs_f64()));
}

fn say_or_warn(event: &Event<'_>, message: impl Display) {
    match event {
        Event::Gap(_) => fail(message),
        Event::Disconnected(_) => warn(message),
        _ => say(message),
    }
}

fn message(event: &Event<'_>, format: OutputFormat, target: &str) -> Option<String> {
    let json = format == OutputFormat::Json;
    Some(match event {
        Event::Forking(forking) if forking.reason == ForkReason::Filtered => format!(
            "{forking}; this can take repl-diskless-sync-delay (5 s), and writes before the fork are not printed"
        ),
        Event::Forking(forking) => forking.to_string(),
        Event::SnapshotItem(item) => return item_message(item),
        Event::Gap(gap) => format!("history lost: {gap}"),
        // Without a reconnect it is the end of the run, which has a message of its own.
        Event::Disconnected(lost) if lost.retry_in.is_some() && target.is_empty() => lost.to_string(),
        Event::Disconnected(lost) if lost.retry_in.is_some() => named(target, lost),
        Event::Attached(Attached { server: Some(server), .. }) if json && server.is_newer_than_tested() => {
            return once(&NEWER_SERVER, &format!("the server ({server}) is {NEWER}"));
        }
        Event::Attached(attached) if !json => AttachMessage { attached, target, is_again: false }.to_string(),
        Event::SnapshotBegin(begin) => match begin.length {
            Some(length) => format!("receiving a snapshot of {length} bytes"),
            None => "receiving a snapshot".into(),
        },
        Event::SnapshotEnd(end) if !json => {
            format!("the snapshot is complete ({} bytes); the writes after it follow", end.bytes)
        }
        Event::Idle(idle) if !json => match idle.position {
            Some(position) => format!("position {position}"),
            None => "no position yet".into(),
        },
        _ => return None,
    })
}

/// Prints the message of an item of a snapshot, if it has one.
pub(crate) fn item(item: &Item<'_>) {
    if let Some(message) = item_message(item) {
        say(message);
    }
}

/// The message of skipped data, or of data of another product. The latter is printed once per kind.
#[inline]
fn item_message(item: &Item<'_>) -> Option<String> {
    match item {
        Item::Skipped { error, bytes } => {
            Some(format!("skipped a damaged value, or its rest, of {bytes} bytes: {error}"))
        }
        Item::Foreign { number: 107, .. } => once(&MEMORY_HINTS, "skipped opcode 107, a hint of Redis Enterprise"),
        Item::Foreign { .. } => once(&SLOT_HINTS, "skipped opcode 121, a hint of Redis Enterprise"),
        Item::Text(Text { role: Role::AuxName, bytes: b"keydb-subexpire-key", .. }) => once(
            &MEMBER_EXPIRIES,
            "KeyDB stores the expiry of single members in auxiliary fields (keydb-subexpire-key). Those members are \
             printed without their expiry",
        ),
        _ => None,
    }
}

static NEWER_SERVER: AtomicBool = AtomicBool::new(false);
static MEMORY_HINTS: AtomicBool = AtomicBool::new(false);
static SLOT_HINTS: AtomicBool = AtomicBool::new(false);
static MEMBER_EXPIRIES: AtomicBool = AtomicBool::new(false);

fn once(printed: &AtomicBool, message: &str) -> Option<String> {
    (!printed.swap(true, Ordering::Relaxed)).then(|| message.into())
}

/// After the name of a server.
const NEWER: &str = "newer than any release that redtail was tested with";

struct AttachMessage<'a> {
    attached: &'a Attached,
    target: &'a str,
    is_again: bool,
}

impl Display for AttachMessage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { attached, target, is_again } = self;
        write!(f, "attached {}to {target}", if *is_again { "again " } else { "" })?;
        let newer = attached.server.filter(Server::is_newer_than_tested).map(|_| NEWER.to_owned());
        let described = [
            attached.server.map(|server| server.to_string()),
            newer,
            attached.role.map(|role| role.as_str().to_owned()),
        ];
        let described = described.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if !described.is_empty() {
            write!(f, " ({described})")?;
        }
        match attached.position {
            Some(position) => write!(f, " at {position}")?,
            None => write!(f, " at offset {}", attached.offset)?,
        }
        match attached.rewound_from {
            Some(before) => write!(
                f,
                ", where its own history begins: the {} bytes received after that, up to {before}, changed no data",
                before.offset.saturating_sub(attached.offset)
            ),
            None => Ok(()),
        }
    }
}
