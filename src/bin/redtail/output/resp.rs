//! For servers: a stream of commands for `redtail load`.
//!
//! Commands are forwarded byte for byte, unless clients may not send them (`client_form`). Two commands are added:
//! SELECT, if the stream relies on one before the start, and DISCARD, if a transaction has no EXEC.

use std::io::{self, Write};

use redtail::rdb::Item;
use redtail::resp::Part;
use redtail::{AttachMethod, Attached, Event, Position, ReplicationId, StreamCommand};

use crate::args;
use crate::failure::Failure;
use crate::filter::TargetCommand;
use crate::output::client_form::{ClientForm, ClientForms};
use crate::output::keys::command::append;
use crate::output::keys::emptying::Emptying;
use crate::output::keys::resp::RespKeys;
use crate::output::position_mark::{CAUGHT_UP, PositionMark, source_mark};
use crate::output::stream_context::StreamContext;

const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

/// The bytes between two positions, outside of transactions.
const BETWEEN_MARKS: u64 = 64 << 10;

pub(super) struct Resp {
    /// The database of commands with an unknown database.
    assumed: Option<u32>,
    /// The database selected by the output.
    selected: Option<u32>,
    /// A MULTI that is not written yet, since a SELECT may have to precede it.
    multi: Vec<u8>,
    /// The output is inside a transaction.
    in_transaction: bool,
    /// The output is inside a command that arrives in parts.
    in_command: bool,
    forms: ClientForms,
    /// The bytes of a part or of a rewritten command.
    rewritten: Vec<u8>,
    /// The bytes forwarded since the position that a reconnect resumes from.
    since: u64,
    /// After a reconnect: the bytes that arrive again and are already written.
    again: u64,
    /// The disconnect was inside a command.
    torn: bool,
    replid: Option<ReplicationId>,
    keys: RespKeys,
    /// With --positions.
    marks: Option<Marks>,
}

/// The positions in the output.
#[derive(Debug, Default)]
struct Marks {
    last: Option<PositionMark>,
    /// The bytes forwarded since.
    since: u64,
}

impl Resp {
    pub(super) fn new(options: &args::Output) -> Self {
        Self {
            assumed: options.assume_db,
            selected: None,
            multi: Vec::new(),
            in_transaction: false,
            in_command: false,
            forms: ClientForms::default(),
            rewritten: Vec::new(),
            since: 0,
            again: 0,
            torn: false,
            replid: None,
            keys: RespKeys::new(Emptying::new(options)),
            marks: None,
        }
    }

    pub(super) fn with_positions(&mut self) {
        self.marks = Some(Marks::default());
    }

    pub(super) fn has_marks(&self) -> bool {
        self.marks.is_some()
    }

    /// Writes the position with --positions, unless the output is inside of a command or transaction. Everything before
    /// it is written. `is_due`: even if little was written since the last one.
    pub(super) fn mark(&mut self, position: Position, is_due: bool, out: &mut impl Write) -> io::Result<()> {
        if !self.is_between_commands() {
            return Ok(());
        }
        self.write_mark(PositionMark(Some(position)), is_due, out)
    }

    fn write_mark(&mut self, mark: PositionMark, is_due: bool, out: &mut impl Write) -> io::Result<()> {
        let Some(marks) = &mut self.marks else { return Ok(()) };
        if marks.last == Some(mark) || !(is_due || marks.since >= BETWEEN_MARKS) {
            return Ok(());
        }
        *marks = Marks { last: Some(mark), since: 0 };
        out.write_all(&mark.command())
    }

    /// Writes with --positions that the output is complete.
    pub(super) fn mark_caught_up(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.marks.is_none() || !self.is_between_commands() {
            return Ok(());
        }
        let mut mark = Vec::new();
        append(&mut mark, &[b"PING", CAUGHT_UP]);
        out.write_all(&mark)
    }

    /// The output is outside of commands, transactions and keys.
    fn is_between_commands(&self) -> bool {
        !self.in_transaction
            && !self.in_command
            && self.again == 0
            && self.multi.is_empty()
            && self.keys.is_between_keys()
    }

    /// What another file has to begin with if the output continues there, so that it can be loaded alone. `None`: the
    /// output can't be divided here.
    pub(super) fn beginning(&self) -> Option<Vec<u8>> {
        // With positions, a file ends with one.
        let is_marked = self.marks.as_ref().is_none_or(|marks| marks.since == 0);
        if !self.is_between_commands() || !is_marked {
            return None;
        }
        let mark = self.marks.as_ref().and_then(|marks| marks.last);
        let mut bytes = mark.map_or_else(Vec::new, PositionMark::command);
        if let Some(db) = self.selected {
            append(&mut bytes, &[b"SELECT", db.to_string().as_bytes()]);
        }
        Some(bytes)
    }

    pub(super) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> Result<(), Failure> {
        self.keys.item(item, &mut self.selected, out)
    }

    pub(super) fn snapshot_broken(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        self.keys.abandon(out)
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match event {
            Event::Attached(attached) => self.attached(attached, out),
            Event::Command(command) => {
                self.command(command, out)?;
                self.at_end(command.tx.is_some());
                Ok(())
            }
            Event::Part(part) => self.part(&part.part, &part.into(), out),
            Event::Control(command) if command.is(b"SELECT") => self.select(command, out),
            Event::Multi(command) => {
                self.multi.clear();
                self.multi.extend_from_slice(command.raw());
                Ok(())
            }
            Event::Exec(command) => {
                self.write_multi(out)?;
                self.forward(command.raw(), out)?;
                self.in_transaction = false;
                self.at_end(false);
                Ok(())
            }
            Event::SnapshotBegin(begin) => {
                if let (Some(replid), Some(_)) = (begin.replid, &self.marks) {
                    out.write_all(&source_mark(replid))?;
                }
                Ok(self.write_mark(PositionMark(None), true, out)?)
            }
            Event::Disconnected(_) => {
                self.disconnect();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Drops the MULTI of a transaction that is left out.
    pub(super) fn drop_multi(&mut self) {
        self.multi.clear();
        self.at_end(false);
    }

    /// Ends an open transaction.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        self.keys.finish();
        self.disconnect();
        self.void(out)
    }

    /// On the same history the bytes after the resume position arrive again, and written bytes are dropped. On another
    /// history an open transaction is discarded.
    fn attached(&mut self, attached: &Attached, out: &mut impl Write) -> Result<(), Failure> {
        if attached.method != AttachMethod::Continued || attached.replid != self.replid {
            self.void(out)?;
        }
        self.replid = attached.replid;
        Ok(())
    }

    fn disconnect(&mut self) {
        if self.again == 0 {
            self.torn = self.in_command;
        }
        self.again += self.since;
        self.since = 0;
        self.in_command = false;
        self.multi.clear();
    }

    /// Discards the transaction that was written since the resume position.
    fn void(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        if self.again == 0 {
            return Ok(());
        }
        if self.torn {
            return Err(Failure::Message(
                "the stream was cut off inside a large command that is partly written, and the server does not send \
                 it again: the output ends inside that command and can't be loaded"
                    .into(),
            ));
        }
        // DISCARD also drops the SELECTs of the transaction.
        self.selected = None;
        self.in_transaction = false;
        self.again = 0;
        Ok(out.write_all(DISCARD)?)
    }

    fn select(&mut self, command: &StreamCommand<'_>, out: &mut impl Write) -> Result<(), Failure> {
        self.write_multi(out)?;
        if self.again == 0 {
            self.selected = command.db;
        }
        self.forward(command.raw(), out)?;
        self.at_end(command.tx.is_some());
        Ok(())
    }

    pub(super) fn part(
        &mut self,
        part: &Part<'_>,
        context: &StreamContext,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        if let Part::Begin { .. } = *part {
            self.before_command(context.db, context.tx, out)?;
        }
        let mut bytes = std::mem::take(&mut self.rewritten);
        self.forms.part(part, &mut bytes)?;
        if context.offset.is_some() {
            self.forms.end(&mut bytes)?;
        }
        self.in_command |= !bytes.is_empty();
        self.forward(&bytes, out)?;
        bytes.clear();
        self.rewritten = bytes;
        if context.offset.is_some() {
            self.in_command = false;
            self.at_end(context.tx.is_some());
        }
        Ok(())
    }

    fn command(&mut self, command: &StreamCommand<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self.forms.of(command.argc(), |index| command.arg(index)) {
            ClientForm::Same => {
                self.before_command(command.db, command.tx, out)?;
                self.forward(command.raw(), out)?;
            }
            ClientForm::Nothing => {}
            ClientForm::Instead { arguments, of, then } => {
                // The keys of slots are in database 0.
                let db = if command.is(b"TRIMSLOTS") { Some(0) } else { command.db };
                self.before_command(db, command.tx, out)?;
                let sent: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).chain(command.args().skip(of)).collect();
                let mut bytes = std::mem::take(&mut self.rewritten);
                append(&mut bytes, &sent);
                if let Some(then) = then {
                    append(&mut bytes, &then.iter().map(Vec::as_slice).collect::<Vec<_>>());
                }
                self.forward(&bytes, out)?;
                bytes.clear();
                self.rewritten = bytes;
            }
        }
        Ok(())
    }

    /// Writes these commands instead of one of the stream.
    pub(super) fn instead(
        &mut self,
        commands: &[TargetCommand],
        context: &StreamContext,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        for command in commands {
            self.before_command(command.db.or(context.db), context.tx, out)?;
            let mut bytes = std::mem::take(&mut self.rewritten);
            append(&mut bytes, &command.args.iter().map(Vec::as_slice).collect::<Vec<_>>());
            self.forward(&bytes, out)?;
            bytes.clear();
            self.rewritten = bytes;
        }
        self.at_end(context.tx.is_some());
        Ok(())
    }

    /// Writes the next bytes of commands that replace one of the stream, as it arrives.
    pub(super) fn bytes(&mut self, bytes: &[u8], context: &StreamContext, out: &mut impl Write) -> Result<(), Failure> {
        if !bytes.is_empty() {
            if !std::mem::replace(&mut self.in_command, true) {
                self.before_command(context.db, context.tx, out)?;
            }
            self.forward(bytes, out)?;
        }
        if context.offset.is_some() {
            self.in_command = false;
            self.at_end(context.tx.is_some());
        }
        Ok(())
    }

    /// Writes the SELECT that the command needs, and a pending MULTI.
    fn before_command(&mut self, db: Option<u32>, tx: Option<u64>, out: &mut impl Write) -> Result<(), Failure> {
        if self.again == 0 {
            let db = db.or(self.assumed).ok_or_else(unknown_database)?;
            if self.selected.replace(db) != Some(db) {
                write!(out, "*2\r\n$6\r\nSELECT\r\n${}\r\n{db}\r\n", db.to_string().len())?;
            }
        }
        if tx.is_some() {
            self.write_multi(out)?;
        }
        Ok(())
    }

    fn write_multi(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.multi.is_empty() {
            return Ok(());
        }
        let multi = std::mem::take(&mut self.multi);
        self.in_transaction = true;
        self.forward(&multi, out)?;
        self.multi = multi;
        self.multi.clear();
        Ok(())
    }

    fn forward(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.since += bytes.len() as u64;
        if let Some(marks) = &mut self.marks {
            marks.since += bytes.len() as u64;
        }
        let known = usize::try_from(self.again).map_or(bytes.len(), |again| again.min(bytes.len()));
        self.again -= known as u64;
        out.write_all(bytes.get(known..).unwrap_or_default())
    }

    /// A command is complete. Outside a transaction a reconnect resumes here.
    fn at_end(&mut self, in_transaction: bool) {
        // A write of another origin may be inside of a wrapped transaction.
        if !in_transaction && !self.in_transaction && self.multi.is_empty() {
            self.since = 0;
        }
    }
}

pub(super) fn unknown_database() -> Failure {
    Failure::Message(
        "the database of the next command is unknown: use --assume-db N (or, with tail, --from now, which asks the \
         server)"
            .into(),
    )
}
