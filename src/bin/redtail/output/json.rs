//! For programs: one JSON object per line. Fields may be added but never change. Readers ignore unknown events.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Instant;

use redtail::io::AppendOnlyFile;
use redtail::rdb::Item;
use redtail::resp::Part;
use redtail::{Attached, Event, Role, StreamCommand};
use serde_json::Value;

use crate::args;
use crate::output::argument::Argument;
use crate::output::command_keys::CommandKeys;
use crate::output::gather::Gather;
use crate::output::json_argument::push_argument;
use crate::output::keys::elements::Elements;
use crate::output::keys::json::JsonKeys;
use crate::output::restored::PayloadArgument;
use crate::output::stream_context::StreamContext;
use crate::output::{command_keys, restored};

pub(super) struct Json {
    all: bool,
    max_arg: u64,
    target: String,
    line: Vec<u8>,
    gather: Gather,
    /// The number of written arguments of a command that arrives in parts. `None` between commands.
    open: Option<u64>,
    items: KeyLines,
    /// The number of printed keys of the snapshot. `None` if keys are not printed.
    count: Option<u64>,
    /// When the connection was lost.
    lost: Option<Instant>,
    /// With `--keys`.
    keys: Option<CommandKeys>,
    payload: PayloadArgument,
    /// The field of the payload of a command that arrives in parts.
    restored: Vec<u8>,
    /// The field with the migration of the current command, or empty.
    pub(super) migration: Vec<u8>,
    file: FilePosition,
    /// The origin of a write that KeyDB wraps, or empty.
    pub(super) origin: String,
    /// The number of commands before this one in the same wrapped write.
    pub(super) nth: u32,
}

/// The append-only file of the next commands, and their time.
#[derive(Default)]
struct FilePosition {
    file: Option<AppendOnlyFile>,
    time: Option<u64>,
    /// The JSON fields for both.
    fields: String,
}

enum KeyLines {
    Lines(JsonKeys),
    Elements(Elements),
}

impl Json {
    pub(super) fn new(options: &args::Output, target: String) -> Self {
        let (all, max_arg) = (options.all, options.max_arg());
        let items = match options.elements {
            true => KeyLines::Elements(Elements::new(all, options.max_arg)),
            false => KeyLines::Lines(JsonKeys::new(all, max_arg)),
        };
        let (gather, keys) = (Gather::new(max_arg), options.keys.then(CommandKeys::default));
        let (line, open, count, file) = (Vec::new(), None, Some(0), FilePosition::default());
        let (payload, restored) = (PayloadArgument::default(), Vec::new());
        Self {
            all,
            max_arg,
            target,
            line,
            gather,
            open,
            items,
            count,
            lost: None,
            keys,
            payload,
            restored,
            migration: Vec::new(),
            file,
            origin: String::new(),
            nth: 0,
        }
    }

    pub(super) fn set_target(&mut self, target: String) {
        self.target = target;
    }

    pub(super) fn without_keys(&mut self) {
        self.count = None;
    }

    pub(super) fn in_file(&mut self, file: &AppendOnlyFile, out: &mut impl Write) -> io::Result<()> {
        if self.file.file.as_ref().is_some_and(|last| (last.kind, last.seq) == (file.kind, file.seq)) {
            return Ok(());
        }
        self.file.file = Some(file.clone());
        self.file.update_fields();
        let fields = [("file", text(Some(file.name()))), ("type", file.kind.as_str().into()), ("seq", file.seq.into())];
        object("file", &fields, out)
    }

    pub(super) fn at_time(&mut self, time: Option<u64>) {
        if self.file.time != time {
            self.file.time = time;
            self.file.update_fields();
        }
    }

    pub(super) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match item {
            Item::Start(_) => self.count = Some(0),
            Item::KeyEnd => self.count = self.count.map(|count| count + 1),
            _ => {}
        }
        match &mut self.items {
            KeyLines::Lines(keys) => keys.item(item, out),
            KeyLines::Elements(keys) => keys.item(item, out),
        }
    }

    pub(super) fn snapshot_end(&mut self, bytes: u64, out: &mut impl Write) -> io::Result<()> {
        let fields =
            [("bytes", bytes.into()), ("offset", Value::Null), ("db", Value::Null), ("keys", self.count.into())];
        object("snapshot", &fields, out)
    }

    /// Ends the open line, and declares the keys of the snapshot void.
    pub(super) fn snapshot_broken(&mut self, out: &mut impl Write) -> io::Result<()> {
        match &mut self.items {
            KeyLines::Lines(keys) => keys.abandon(out)?,
            KeyLines::Elements(keys) => keys.abandon(out)?,
        }
        object("void", &[("of", "snapshot".into()), ("keys", self.count.into())], out)
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        match event {
            Event::Part(_) => {}
            // The open line shows progress, and must not be split.
            Event::Idle(_) if self.open.is_some() => return Ok(()),
            _ => self.finish(out)?,
        }
        match event {
            Event::Disconnected(_) => self.lost = self.lost.or_else(|| Some(Instant::now())),
            Event::Attached(_) => self.lost = None,
            _ => {}
        }
        match event {
            Event::Command(command) => self.command(command, out),
            Event::Control(command) if self.all => self.command(command, out),
            Event::Part(part) => self.part(&part.part, &part.into(), out),
            Event::Multi(command) => self.border("multi", command, out),
            Event::Exec(command) => self.border("exec", command, out),
            Event::Attached(attached) => self.attached(attached, out),
            Event::SnapshotBegin(begin) => {
                // The snapshot before it may have been cut off.
                self.count = self.count.map(|_| 0);
                object("snapshot_begin", &[("replid", text(begin.replid)), ("offset", begin.offset.into())], out)
            }
            Event::SnapshotEnd(end) => {
                let fields = [
                    ("bytes", end.bytes.into()),
                    ("offset", end.offset.into()),
                    ("db", end.db.into()),
                    ("keys", self.count.into()),
                ];
                object("snapshot", &fields, out)
            }
            Event::Gap(gap) => {
                let fields =
                    [("from", text(Some(gap.from))), ("to", text(Some(gap.to))), ("missed", gap.missed.into())];
                object("gap", &fields, out)
            }
            Event::Disconnected(lost) => {
                object("disconnected", &[("error", text(Some(lost.reason))), ("resume", text(lost.resume))], out)
            }
            Event::Idle(idle) => {
                let mut fields = vec![("position", text(idle.position))];
                if let Some(lost) = self.lost {
                    fields.push(("stale_ms", u64::try_from(lost.elapsed().as_millis()).unwrap_or(u64::MAX).into()));
                }
                object("position", &fields, out)
            }
            _ => Ok(()),
        }
    }

    /// Ends the line of an incomplete command as a "void" event.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self.open.take() {
            Some(_) => out.write_all(b"],\"event\":\"void\"}\n"),
            None => Ok(()),
        }
    }

    fn command(&mut self, command: &StreamCommand<'_>, out: &mut impl Write) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        line.push(b'{');
        push_context(line, command.offset, self.nth, &command.into());
        push_origin(line, &self.origin);
        line.extend_from_slice(&self.migration);
        line.extend_from_slice(self.file.fields.as_bytes());
        line.extend_from_slice(b",\"args\":[");
        for (index, arg) in command.args().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            push_argument(line, Argument::of(arg, self.max_arg))?;
        }
        line.push(b']');
        if self.keys.is_some() {
            command_keys::push(line, command, self.max_arg)?;
        }
        if let Some(payload) = restored::payload(command.args()) {
            restored::push_json(line, payload, self.max_arg)?;
        }
        line.extend_from_slice(b"}\n");
        out.write_all(line)
    }

    /// The arguments are written as they arrive, so the offset and the name of the event come last.
    pub(super) fn part(&mut self, part: &Part<'_>, context: &StreamContext, out: &mut impl Write) -> io::Result<()> {
        if let Some(keys) = &mut self.keys {
            keys.part(part);
        }
        if let Part::Begin { .. } = part {
            self.finish(out)?;
            self.open = Some(0);
            self.restored.clear();
            out.write_all(b"{\"args\":[")?;
        }
        self.payload.part(part);
        if let Some(argument) = self.gather.part(part) {
            if let Some(payload) = self.payload.argument(argument) {
                restored::push_json(&mut self.restored, payload, self.max_arg)?;
            }
            if self.open > Some(0) {
                out.write_all(b",")?;
            }
            push_argument(out, argument)?;
            if let Some(keys) = &mut self.keys {
                keys.argument(self.open.unwrap_or(0), argument)?;
            }
            self.open = self.open.map(|count| count + 1);
        }
        let Some(offset) = context.offset else { return Ok(()) };
        self.open = None;
        self.line.clear();
        self.line.extend_from_slice(b"],");
        push_context(&mut self.line, offset, self.nth, context);
        push_origin(&mut self.line, &self.origin);
        self.line.extend_from_slice(&self.migration);
        if let Some(keys) = &self.keys {
            keys.push(&mut self.line, context.db)?;
        }
        self.line.extend_from_slice(&self.restored);
        self.line.extend_from_slice(self.file.fields.as_bytes());
        self.line.extend_from_slice(b"}\n");
        out.write_all(&self.line)
    }

    fn border(&mut self, name: &str, command: &StreamCommand<'_>, out: &mut impl Write) -> io::Result<()> {
        self.line.clear();
        write!(self.line, "{{\"event\":\"{name}\",\"offset\":{},\"db\":", command.offset)?;
        push_number(&mut self.line, command.db.map(u64::from));
        push_origin(&mut self.line, &self.origin);
        self.line.extend_from_slice(self.file.fields.as_bytes());
        self.line.extend_from_slice(b"}\n");
        out.write_all(&self.line)
    }

    fn attached(&self, attached: &Attached, out: &mut impl Write) -> io::Result<()> {
        let fields = [
            ("method", text(Some(attached.method.as_str()))),
            ("replid", text(attached.replid)),
            ("history", text(attached.history)),
            ("offset", attached.offset.into()),
            ("db", attached.db.into()),
            ("target", text(Some(&self.target))),
            ("server", text(attached.server)),
            ("role", text(attached.role.map(Role::as_str))),
            ("rewound_from", text(attached.rewound_from)),
        ];
        // Only that method has a position before it.
        let count = fields.len() - usize::from(attached.rewound_from.is_none());
        object("attached", fields.get(..count).unwrap_or_default(), out)
    }
}

impl FilePosition {
    fn update_fields(&mut self) {
        let file = self.file.as_ref().map(|file| format!(",\"file\":{}", Value::from(file.name())));
        let time = self.time.map(|time| format!(",\"time\":{time}"));
        self.fields = file.into_iter().chain(time).collect();
    }
}

/// Writes an event with its fields in the documented order.
fn object(event: &str, fields: &[(&str, Value)], out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\"event\":\"{event}\"")?;
    for (name, value) in fields {
        write!(out, ",\"{name}\":{value}")?;
    }
    out.write_all(b"}\n")
}

/// The displayed value as a JSON string, or null.
fn text(value: Option<impl Display>) -> Value {
    value.map(|value| value.to_string()).into()
}

fn push_context(line: &mut Vec<u8>, offset: u64, nth: u32, context: &StreamContext) {
    let mut digits = itoa::Buffer::new();
    let offset = digits.format(offset).as_bytes();
    match context.history {
        Some(history) => {
            line.extend_from_slice(b"\"event\":\"command\",\"id\":\"");
            line.extend_from_slice(history.as_bytes());
            line.push(b':');
            line.extend_from_slice(offset);
            if nth > 0 {
                line.push(b':');
                push_number(line, Some(nth.into()));
            }
            line.extend_from_slice(b"\",\"offset\":");
        }
        None => line.extend_from_slice(b"\"event\":\"command\",\"id\":null,\"offset\":"),
    }
    line.extend_from_slice(offset);
    line.extend_from_slice(b",\"db\":");
    push_number(line, context.db.map(u64::from));
    match context.tx {
        Some(tx) => {
            line.extend_from_slice(b",\"tx\":true,\"tx_id\":");
            push_number(line, Some(tx));
        }
        None => line.extend_from_slice(b",\"tx\":false"),
    }
    if context.received_ms.is_some() {
        line.extend_from_slice(b",\"received_ms\":");
        push_number(line, context.received_ms);
    }
}

fn push_origin(line: &mut Vec<u8>, origin: &str) {
    if !origin.is_empty() {
        line.extend_from_slice(b",\"origin\":\"");
        line.extend_from_slice(origin.as_bytes());
        line.push(b'"');
    }
}

fn push_number(line: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        None => line.extend_from_slice(b"null"),
    }
}
