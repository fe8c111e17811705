//! The commands of the input, grouped into transactions of the target that end with a position.

use redtail::resp::Part;
use redtail::{Command, Position, ReplicationId};

use crate::failure::{Failure, first};
use crate::load::destination::Destination;
use crate::load::label::{Label, Sent};
use crate::output::{CAUGHT_UP, PositionMark, read_source_mark};

/// The commands that empty a target before a snapshot.
const EMPTYING: [&[u8]; 3] = [b"FLUSHALL", b"FLUSHDB", b"EVAL"];

pub(super) struct Loader {
    key: Vec<u8>,
    /// Whether commands between two positions may be one transaction.
    may_group: bool,
    /// The input has a position, and no snapshot since.
    has_position: bool,
    /// A transaction with commands of the input is open in the target; the database before it.
    open: Option<Option<u32>>,
    /// Nothing was sent yet.
    is_first: bool,
    /// Nothing was sent, or only what empties the target before a snapshot.
    is_emptying: bool,
    /// The text of the position key before the mark of a snapshot, until the target is emptied.
    stored: Option<Vec<u8>>,
    /// The history of the source that is not that of the target.
    checked: Option<(ReplicationId, ReplicationId)>,
    /// The database of the connection. `None`: 0, without a SELECT.
    db: Option<u32>,
    /// The command that arrives in parts.
    label: Label,
    /// The index of its current argument, and the missing bytes of that.
    index: usize,
    missing: u64,
    is_in_parts: bool,
    /// The commands since the last position.
    since: u64,
    /// The last command was the mark that the input is complete.
    is_caught_up: bool,
}

impl Loader {
    pub(super) fn new(key: &[u8], may_group: bool) -> Self {
        Self {
            key: key.to_vec(),
            may_group,
            has_position: false,
            open: None,
            is_first: true,
            is_emptying: true,
            stored: None,
            checked: None,
            db: None,
            label: Label::default(),
            index: 0,
            missing: 0,
            is_in_parts: false,
            since: 0,
            is_caught_up: false,
        }
    }

    pub(super) fn is_between_commands(&self) -> bool {
        !self.is_in_parts
    }

    pub(super) fn command(
        &mut self,
        command: &Command<'_>,
        start: u64,
        to: &mut dyn Destination,
    ) -> Result<(), Failure> {
        self.is_caught_up = command.is(b"PING") && command.arg(1) == Some(CAUGHT_UP);
        if self.is_caught_up {
            return Ok(());
        }
        if command.is(b"PING")
            && let Some(mark) = command.arg(1).and_then(PositionMark::read)
        {
            return self.mark(mark, to);
        }
        if command.is(b"PING")
            && let Some(replid) = command.arg(1).and_then(read_source_mark)
        {
            return if self.open.is_none() { to.check_history(replid) } else { Ok(()) };
        }
        let selected = match command.is(b"SELECT") {
            true => command.arg(1).and_then(|db| std::str::from_utf8(db).ok()?.parse().ok()),
            false => None,
        };
        if let Some(db) = selected {
            to.check_database(db, start)?;
        }
        if self.is_grouping() {
            match () {
                // The transactions of the input are inside of those with a position.
                () if command.is(b"MULTI") => return self.begin(to),
                () if command.is(b"EXEC") => return Ok(()),
                () if command.is(b"DISCARD") => return self.discard(to),
                () => self.begin(to)?,
            }
        }
        self.db = selected.or(self.db);
        let mut label = Label { start: Some(start), bytes: command.raw().len() as u64, ..Label::default() };
        command.args().take(2).enumerate().for_each(|(index, arg)| label.keep(index, arg));
        (self.is_first, self.since) = (false, self.since + 1);
        let empties = self.is_emptying && EMPTYING.iter().any(|name| command.is(name));
        self.is_emptying &= empties || selected.is_some();
        let sent = Sent { label, stores: None };
        if empties {
            return self.empty(command.raw(), sent, to);
        }
        if !self.is_emptying {
            to.progress().begins();
        }
        to.bytes(command.raw())?;
        to.sent(sent)
    }

    /// A part of a large command.
    pub(super) fn part(&mut self, part: &Part<'_>, start: u64, to: &mut dyn Destination) -> Result<(), Failure> {
        self.is_caught_up = false;
        match *part {
            Part::Begin { argc } => {
                if self.is_grouping() {
                    self.begin(to)?;
                }
                (self.is_first, self.is_in_parts, self.since) = (false, true, self.since + 1);
                self.is_emptying = false;
                to.progress().begins();
                self.label = Label { start: Some(start), ..Label::default() };
                self.send(format!("*{argc}\r\n").as_bytes(), to)
            }
            Part::Argument { index, length } => {
                (self.index, self.missing) = (index, length);
                self.send(format!("${length}\r\n").as_bytes(), to)?;
                self.end_of_argument(to)
            }
            Part::Piece(bytes) => {
                self.label.keep(self.index, bytes);
                self.missing = self.missing.saturating_sub(bytes.len() as u64);
                self.send(bytes, to)?;
                self.end_of_argument(to)
            }
            Part::End => {
                self.is_in_parts = false;
                to.sent(Sent { label: std::mem::take(&mut self.label), stores: None })
            }
        }
    }

    /// Whether the input has ended with the mark of `--until-caught-up`.
    pub(super) fn is_caught_up(&self) -> bool {
        self.is_caught_up
    }

    /// The input is at its end.
    pub(super) fn finish(&mut self, to: &mut dyn Destination) -> Result<(), Failure> {
        if self.open.is_some() {
            // The target drops an open transaction with the connection.
            to.settle()?;
            return Err(Failure::Message(format!(
                "the input ends without a position after its last {} commands: they are not applied",
                self.since
            )));
        }
        to.settle()?;
        match to.unfinished() {
            0 => Ok(()),
            count => Err(Failure::Message(format!(
                "the input ends within a transaction: its last {count} commands are not applied"
            ))),
        }
    }

    /// Empties the target. If the target refuses that, it gets its stored position again.
    fn empty(&mut self, bytes: &[u8], sent: Sent, to: &mut dyn Destination) -> Result<(), Failure> {
        // The refusal of another command is not that of this one.
        to.settle()?;
        to.progress().begins_to_empty();
        let outcome = to.bytes(bytes).and_then(|()| to.sent(sent)).and_then(|()| to.settle());
        let is_unchanged = to.progress().ends_to_empty();
        if let Some(stored) = self.stored.take()
            && is_unchanged
        {
            let position = String::from_utf8_lossy(&stored).split(' ').next().and_then(|text| text.parse().ok());
            let key = self.key.clone();
            let restored = self.in_database_0(&[b"SET", &key, &stored], position, to).and_then(|()| to.settle());
            return first(outcome, restored);
        }
        outcome
    }

    fn is_grouping(&self) -> bool {
        self.may_group && self.has_position
    }

    fn send(&mut self, bytes: &[u8], to: &mut dyn Destination) -> Result<(), Failure> {
        self.label.bytes += bytes.len() as u64;
        to.bytes(bytes)
    }

    fn end_of_argument(&mut self, to: &mut dyn Destination) -> Result<(), Failure> {
        if self.missing == 0 { self.send(b"\r\n", to) } else { Ok(()) }
    }

    fn begin(&mut self, to: &mut dyn Destination) -> Result<(), Failure> {
        if self.open.is_none() {
            self.open = Some(self.db);
            to.own(&[b"MULTI"], None)?;
        }
        Ok(())
    }

    /// The source has dropped a transaction.
    fn discard(&mut self, to: &mut dyn Destination) -> Result<(), Failure> {
        let Some(before) = self.open.take() else { return Ok(()) };
        (self.db, self.since) = (before, 0);
        to.own(&[b"DISCARD"], None)
    }

    fn mark(&mut self, PositionMark(position): PositionMark, to: &mut dyn Destination) -> Result<(), Failure> {
        if self.open.is_none() {
            self.check_history(position, to)?;
        }
        self.is_emptying = position.is_none();
        let key = std::mem::take(&mut self.key);
        let outcome = match position {
            None => {
                self.has_position = false;
                self.delete(&key, to)
            }
            Some(position) => self.store(&key, position, to),
        };
        (self.key, self.is_first, self.since) = (key, false, 0);
        // The source has a new history since a failover.
        outcome.and_then(|()| self.check_history(position, to))
    }

    /// Before the target is emptied: a target that has lost a part of its data must not have a position.
    fn delete(&mut self, key: &[u8], to: &mut dyn Destination) -> Result<(), Failure> {
        if self.open.is_none() {
            self.select_0(to)?;
            self.stored = to.ask(&[b"GET", key])?;
            self.select_again(to)?;
        }
        self.in_database_0(&[b"DEL", key], None, to)?;
        to.settle()?;
        // No write after the mark is confirmed before it.
        to.progress().is_at(None);
        Ok(())
    }

    /// Outside of transactions.
    fn check_history(&mut self, position: Option<Position>, to: &mut dyn Destination) -> Result<(), Failure> {
        let Some(Position { history, replid, .. }) = position else { return Ok(()) };
        if self.checked.replace((history, replid)) == Some((history, replid)) {
            return Ok(());
        }
        to.check_history(&replid.to_string())?;
        if history == replid { Ok(()) } else { to.check_history(&history.to_string()) }
    }

    fn store(&mut self, key: &[u8], position: Position, to: &mut dyn Destination) -> Result<(), Failure> {
        if self.is_first
            && let Some(stored) = to.ask(&[b"GET", key])?
        {
            let stored = String::from_utf8_lossy(&stored).into_owned();
            let key = String::from_utf8_lossy(key);
            let mut words = stored.split(' ');
            let stored = words.next().unwrap_or_default();
            if stored != position.to_string() {
                to.progress().is_at(stored.parse().ok());
                return Err(Failure::Message(format!(
                    "the target holds the writes up to {stored}, and the input begins at {position}: start it with \
                     --from {stored}. To begin anew, start it with --from snapshot --empty-target: to delete the key \
                     {key} alone would apply writes twice, or lose some"
                )));
            }
            to.check_processes(&words.collect::<Vec<_>>(), &format!("SET {key} {position}"))?;
            to.progress().is_at(Some(position));
            if !self.may_group {
                to.progress().repeats();
                self.has_position = true;
                return Ok(());
            }
        }
        self.has_position = true;
        let text = [vec![position.to_string()], to.processes()].concat().join(" ");
        let set: [&[u8]; 3] = [b"SET", key, text.as_bytes()];
        if self.open.take().is_some() {
            self.in_database_0(&set, None, to)?;
            return to.own(&[b"EXEC"], Some(position));
        }
        if to.progress().is_stopping() {
            // A command that was refused must not be before the stored position.
            to.settle()?;
        }
        self.in_database_0(&set, Some(position), to)
    }

    fn in_database_0(
        &mut self,
        command: &[&[u8]],
        stores: Option<Position>,
        to: &mut dyn Destination,
    ) -> Result<(), Failure> {
        self.select_0(to)?;
        to.own(command, stores)?;
        self.select_again(to)
    }

    fn select_0(&self, to: &mut dyn Destination) -> Result<(), Failure> {
        match self.db {
            None | Some(0) => Ok(()),
            Some(_) => to.own(&[b"SELECT", b"0"], None),
        }
    }

    /// Selects the database of the next command.
    fn select_again(&self, to: &mut dyn Destination) -> Result<(), Failure> {
        match self.db {
            None | Some(0) => Ok(()),
            Some(db) => to.own(&[b"SELECT", db.to_string().as_bytes()], None),
        }
    }
}
