//! Messages on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use redtail::rdb::Item;
use redtail::{Attached, Event, ForkReason};

use crate::args::Format;
use crate::terminal::color::Colors;
use crate::terminal::status;

/// Prints a line on standard error. A closed standard error is ignored.
pub(crate) fn say(words: impl Display) {
    let Colors { bold, end, .. } = Colors::on(&io::stderr());
    write(bold, end, words);
}

/// Prints a failure likewise.
pub(crate) fn fail(words: impl Display) {
    let Colors { wrong, end, .. } = Colors::on(&io::stderr());
    write(wrong, end, words);
}

fn write(mark: &str, end: &str, words: impl Display) {
    status::aside(|| {
        let _ = writeln!(io::stderr().lock(), "{mark}redtail:{end} {words}");
    });
}

/// Prints the message of an event, if it has one. In JSON most events are on standard output already.
pub(crate) fn event(event: &Event<'_>, format: Format, target: &str) {
    if let Some(words) = words(event, format, target) {
        say(words);
    }
}

/// Prints the message of an event of one shard.
pub(crate) fn event_of(shard: &impl Display, event: &Event<'_>, format: Format) {
    if let Some(words) = words(event, format, "") {
        say(format_args!("{shard}: {words}"));
    }
}

fn words(event: &Event<'_>, format: Format, target: &str) -> Option<String> {
    let json = format == Format::Json;
    Some(match event {
        Event::Forking(forking) if forking.reason == ForkReason::Filtered => format!(
            "{forking}; that can take its repl-diskless-sync-delay (5 s), and what is written before it is done is not shown"
        ),
        Event::Forking(forking) => forking.to_string(),
        Event::SnapshotItem(item) => return passed_over(item),
        Event::Gap(gap) => format!("history lost: {gap}"),
        // Without a reconnect it is the end of the run, which has a message of its own.
        Event::Disconnected(lost) if lost.retry_in.is_some() => lost.to_string(),
        Event::Attached(attached) if !json => AttachMessage { attached, target }.to_string(),
        Event::SnapshotBegin(begin) => match begin.length {
            Some(length) => format!("a snapshot of {length} bytes begins"),
            None => "a snapshot begins".into(),
        },
        Event::SnapshotEnd(end) if !json => {
            format!("the snapshot is whole ({} bytes); the writes after it follow", end.bytes)
        }
        Event::Idle(idle) if !json => match idle.position {
            Some(position) => format!("position {position}"),
            None => "no position yet".into(),
        },
        _ => return None,
    })
}

/// Prints a message for a skipped value of a snapshot.
pub(crate) fn item(item: &Item<'_>) {
    if let Some(words) = passed_over(item) {
        say(words);
    }
}

fn passed_over(item: &Item<'_>) -> Option<String> {
    let Item::Skipped { error, bytes } = item else { return None };
    Some(format!("passed over a value of {bytes} bytes, or what was left of it: {error}"))
}

struct AttachMessage<'a> {
    attached: &'a Attached,
    target: &'a str,
}

impl Display for AttachMessage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { attached, target } = self;
        write!(f, "attached to {target}")?;
        match (attached.server, attached.role) {
            (Some(server), Some(role)) => write!(f, " ({server}, {})", role.as_str())?,
            (Some(server), None) => write!(f, " ({server})")?,
            (None, Some(role)) => write!(f, " ({})", role.as_str())?,
            (None, None) => {}
        }
        match attached.position {
            Some(position) => write!(f, " at {position}"),
            None => write!(f, " at offset {}", attached.offset),
        }
    }
}
