//! For programs: one JSON object a line. Fields are added, never changed; readers ignore events they do not know.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redtail::resp::Part;
use redtail::{
    Attached, Disconnected, Event, Gap, Position, ReplicationId, SnapshotBegin, SnapshotEnd, StreamCommand, StreamPart,
};
use serde_json::{Value, json};

use super::{Argument, Gather};

pub(super) struct Json {
    all: bool,
    max_arg: u64,
    target: String,
    line: Vec<u8>,
    gather: Gather,
    /// Arguments already written of a command that comes in parts; `None`: no such line is open.
    open: Option<u64>,
}

/// Where a command stands.
struct Place {
    offset: u64,
    db: Option<u32>,
    tx: Option<u64>,
    received_ms: Option<u64>,
    history: Option<ReplicationId>,
}

impl Json {
    pub(super) fn new(all: bool, max_arg: u64, target: String) -> Self {
        Self { all, max_arg, target, line: Vec::new(), gather: Gather::new(max_arg), open: None }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        if !matches!(event, Event::Part(_)) {
            self.finish(out)?;
        }
        match event {
            Event::Command(command) => self.command(command, out),
            Event::Control(command) if self.all => self.command(command, out),
            Event::Part(part) => self.part(part, out),
            Event::Multi(command) => self.border("multi", command, out),
            Event::Exec(command) => self.border("exec", command, out),
            Event::Attached(attached) => self.object(&self.attached(attached), out),
            Event::SnapshotBegin(begin) => self.object(&snapshot_begin(begin), out),
            Event::SnapshotEnd(end) => self.object(&snapshot(end), out),
            Event::Gap(lost) => self.object(&gap(lost), out),
            Event::Disconnected(lost) => self.object(&disconnected(lost), out),
            Event::Idle(idle) => {
                self.object(&json!({"event": "position", "position": text(idle.position.as_ref())}), out)
            }
            _ => Ok(()),
        }
    }

    /// Ends the line of a command that broke off, as an event of another name: what it told is void.
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
        let place = Place {
            offset: command.offset,
            db: command.db,
            tx: command.tx,
            received_ms: command.received_ms,
            history: command.history(),
        };
        push_place(line, &place)?;
        line.extend_from_slice(b",\"args\":[");
        for (index, arg) in command.args().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            push_argument(line, Argument::of(arg, self.max_arg))?;
        }
        line.extend_from_slice(b"]}\n");
        out.write_all(line)
    }

    /// Such a line flows out as it comes, so its offset, and whether it ever became a command, stand at its end.
    fn part(&mut self, part: &StreamPart<'_>, out: &mut impl Write) -> io::Result<()> {
        if let Part::Begin { .. } = part.part {
            self.finish(out)?;
            self.open = Some(0);
            out.write_all(b"{\"args\":[")?;
        }
        if let Some(argument) = self.gather.part(&part.part) {
            self.line.clear();
            if self.open > Some(0) {
                self.line.push(b',');
            }
            push_argument(&mut self.line, argument)?;
            out.write_all(&self.line)?;
            self.open = self.open.map(|count| count + 1);
        }
        let Some(offset) = part.offset else {
            return Ok(());
        };
        self.open = None;
        self.line.clear();
        self.line.extend_from_slice(b"],");
        let history = part.history();
        push_place(
            &mut self.line,
            &Place { offset, db: part.db, tx: part.tx, received_ms: part.received_ms, history },
        )?;
        self.line.extend_from_slice(b"}\n");
        out.write_all(&self.line)
    }

    fn border(&mut self, name: &str, command: &StreamCommand<'_>, out: &mut impl Write) -> io::Result<()> {
        self.line.clear();
        write!(self.line, "{{\"event\":\"{name}\",\"offset\":{},\"db\":", command.offset)?;
        push_number(&mut self.line, command.db.map(u64::from))?;
        self.line.extend_from_slice(b"}\n");
        out.write_all(&self.line)
    }

    fn attached(&self, attached: &Attached) -> Value {
        json!({
            "event": "attached",
            "method": attached.method.as_str(),
            "replid": attached.replid.map(|id| id.to_string()),
            "history": attached.history.map(|id| id.to_string()),
            "offset": attached.offset,
            "db": attached.db,
            "target": self.target,
            "server": attached.server.map(|server| server.to_string()),
            "role": attached.role.map(|role| role.as_str()),
        })
    }

    fn object(&self, value: &Value, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, value)?;
        out.write_all(b"\n")
    }
}

fn snapshot_begin(begin: &SnapshotBegin) -> Value {
    json!({"event": "snapshot_begin", "replid": begin.replid.map(|id| id.to_string()), "offset": begin.offset})
}

fn snapshot(end: &SnapshotEnd) -> Value {
    json!({"event": "snapshot", "bytes": end.bytes, "offset": end.offset, "db": end.db})
}

fn gap(gap: &Gap) -> Value {
    json!({"event": "gap", "from": gap.from.to_string(), "to": gap.to.to_string(), "missed": gap.missed})
}

fn disconnected(lost: &Disconnected) -> Value {
    json!({"event": "disconnected", "error": lost.why.to_string(), "resume": text(lost.resume.as_ref())})
}

fn text(position: Option<&Position>) -> Option<String> {
    position.map(Position::to_string)
}

fn push_place(line: &mut Vec<u8>, place: &Place) -> io::Result<()> {
    let offset = place.offset;
    match place.history {
        Some(history) => {
            write!(line, "\"event\":\"command\",\"id\":\"{history}:{offset}\",\"offset\":{offset},\"db\":")?
        }
        None => write!(line, "\"event\":\"command\",\"id\":null,\"offset\":{offset},\"db\":")?,
    }
    push_number(line, place.db.map(u64::from))?;
    match place.tx {
        Some(tx) => write!(line, ",\"tx\":true,\"tx_id\":{tx}")?,
        None => line.extend_from_slice(b",\"tx\":false"),
    }
    match place.received_ms {
        Some(received_ms) => write!(line, ",\"received_ms\":{received_ms}"),
        None => Ok(()),
    }
}

fn push_number(line: &mut Vec<u8>, number: Option<u64>) -> io::Result<()> {
    match number {
        Some(number) => write!(line, "{number}"),
        None => line.write_all(b"null"),
    }
}

pub(super) fn push_argument(line: &mut Vec<u8>, argument: Argument<'_>) -> io::Result<()> {
    match argument {
        Argument::Whole(bytes) => push_bytes(line, bytes),
        Argument::Omitted(length) => write!(line, "{{\"omitted\":{length}}}"),
    }
}

/// A string where it is valid UTF-8, else `{"base64":"…"}`.
fn push_bytes(line: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(serde_json::to_writer(line, text)?),
        Err(_) => write!(line, "{{\"base64\":\"{}\"}}", BASE64_STANDARD.encode(bytes)),
    }
}
