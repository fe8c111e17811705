//! The confirmed and the refused commands of a run.

use std::borrow::Cow;
use std::fmt::Display;

use redtail::Position;
use redtail::resp::Quoted;

use crate::args::{Load, OnError};
use crate::failure::Failure;
use crate::load::counts::Counts;
use crate::load::label::Label;
use crate::load::report::Report;
use crate::stats::Tally;
use crate::terminal::log;

/// Of the refused commands the first are named.
const NAMED: u64 = 10;

/// The error of an EXEC with a null reply.
pub(super) const ABORTED: &str = "null reply: a key under WATCH has changed";

pub(super) struct Progress {
    counts: Counts,
    is_stopping: bool,
    /// Commands that the target may have executed already are sent again, up to the next position.
    is_repeating: bool,
    /// The commands of these that were refused.
    repeated: u64,
    report: Option<Report>,
    failure: Option<Failure>,
    /// A command that empties the target is sent, and nothing after it.
    is_emptying: bool,
    /// The target has refused this command, and no node has executed it.
    is_unchanged: bool,
    /// Another node of the target has executed this command.
    is_partly_emptied: bool,
    /// The target may have changed, and before this command.
    has_begun: bool,
    had_begun: bool,
}

impl Progress {
    /// `tally`: shows the progress.
    pub(super) fn start(options: &Load, tally: Option<Tally>) -> Self {
        if let Some(tally) = &tally {
            tally.attached();
        }
        Self {
            counts: Counts::default(),
            is_stopping: options.on_error == OnError::Stop,
            is_repeating: false,
            repeated: 0,
            report: tally.map(Report::start),
            failure: None,
            is_emptying: false,
            is_unchanged: false,
            is_partly_emptied: false,
            has_begun: false,
            had_begun: false,
        }
    }

    pub(super) fn count(&mut self, label: &Label) {
        if label.start.is_some() {
            self.counts.confirmed += 1;
            self.counts.bytes += label.bytes;
        }
    }

    /// Whether a command of the input that is refused with this error ends the run.
    pub(super) fn ends_at(&self, text: &str) -> bool {
        !self.is_repetition(text) && (self.is_emptying || self.is_stopping || refuses_all(text))
    }

    /// Whether the run before may have executed the command that is refused with this error.
    fn is_repetition(&self, text: &str) -> bool {
        self.is_repeating && may_refuse_repetition(text)
    }

    /// A server refused the command with this error.
    pub(super) fn refuse(&mut self, target: impl Display, label: &Label, text: &str) -> Result<(), Failure> {
        let text = with_hint(text.into());
        let text = text.as_ref();
        let name = String::from_utf8_lossy(&label.name);
        let Some(start) = label.start else {
            return Err(Failure::Message(format!("{target} refused {name}, which load adds for the position: {text}")));
        };
        let argument = Quoted(&label.argument);
        let message = format!("{target} refused {name} {argument} (byte {start} of the input): {text}");
        if self.is_repetition(text) {
            self.repeated += 1;
            if self.repeated <= NAMED {
                log::say(format_args!("{message}: probably applied by the run before, because it is sent again"));
            }
            return Ok(());
        }
        self.counts.refused += 1;
        if self.is_emptying {
            self.is_unchanged = !self.is_partly_emptied;
            if self.is_partly_emptied {
                return Err(Failure::Message(format!(
                    "{message}; the target is only in part emptied, and nothing after it was sent"
                )));
            }
            return Err(Failure::Message(format!(
                "{message}; the target is not emptied, and nothing after it was sent"
            )));
        }
        if self.is_stopping {
            return Err(Failure::Message(format!(
                "{message}; the commands after it that were sent already may be applied. --on-error continue counts \
                 refused commands instead"
            )));
        }
        if refuses_all(text) {
            return Err(Failure::Message(message));
        }
        match self.counts.refused {
            ..=NAMED => log::say(message),
            _ if self.counts.refused == NAMED + 1 => log::say("further refused commands are only counted"),
            _ => {}
        }
        Ok(())
    }

    /// The next command empties the target, and nothing is sent after it.
    pub(super) fn begins_to_empty(&mut self) {
        (self.is_emptying, self.is_unchanged, self.is_partly_emptied) = (true, false, false);
        self.had_begun = self.has_begun;
        // Without a reply it may have been executed.
        self.has_begun = true;
    }

    /// A node has executed the command, and another one refuses it.
    pub(super) fn empties_partly(&mut self) {
        self.is_partly_emptied = true;
    }

    /// Returns whether the target has refused the command, and has not changed by it.
    pub(super) fn ends_to_empty(&mut self) -> bool {
        self.is_emptying = false;
        if self.is_unchanged {
            self.has_begun = self.had_begun;
        }
        self.is_unchanged
    }

    /// The target may change from here on.
    pub(super) fn begins(&mut self) {
        self.has_begun = true;
    }

    /// Whether the target may have executed a command of the input.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Keeps a failure that happens inside of a read of the input.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub(super) fn report(&mut self) {
        if let Some(report) = &mut self.report {
            report.update(&self.counts);
        }
    }

    pub(super) fn finish(&mut self) {
        if self.repeated > 0 {
            log::say(format_args!("{} commands were refused as repetitions", self.repeated));
        }
        if let Some(report) = &mut self.report {
            report.finish(&self.counts);
        }
    }

    /// The position that the target stores.
    pub(super) fn position(&self) -> Option<Position> {
        self.counts.position
    }

    /// The run continues at the position that the target stores, which may have executed writes after it.
    pub(super) fn repeats(&mut self) {
        self.is_repeating = true;
    }

    /// The target stores this position, or none any more.
    pub(super) fn is_at(&mut self, position: Option<Position>) {
        self.is_repeating = false;
        self.counts.position = position;
    }

    /// Whether a refused command ends the run.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    pub(super) fn refused(&self) -> u64 {
        self.counts.refused
    }
}

/// The error of a server, with its remedy here.
pub(super) fn with_hint(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.starts_with("MOVED ") {
        true => format!("{text}; the target is a node of a cluster: add --cluster").into(),
        false => text,
    }
}

/// Whether a command that was executed before is refused with this error: the key, the group, the library or the entry
/// exists already, or what the command needs was deleted or replaced after it.
fn may_refuse_repetition(text: &str) -> bool {
    const CODES: [&str; 4] = ["BUSYGROUP", "BUSYKEY", "NOGROUP", "WRONGTYPE"];
    const TEXTS: [&str; 7] = [
        "already exists",
        "smaller than the target stream top item",
        "no such key",
        "not found",
        "index out of range",
        "requires the key to exist",
        "NaN or Infinity",
    ];
    CODES.contains(&text.split(' ').next().unwrap_or_default())
        || TEXTS.iter().any(|part| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
}

/// Whether an error is about the server or the user, so that it is the same for all commands.
fn refuses_all(text: &str) -> bool {
    const CODES: [&str; 11] = [
        "BUSY",
        "CLUSTERDOWN",
        "EXECABORT",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
    ];
    CODES.contains(&text.split(' ').next().unwrap_or_default())
}
