//! The output of the command-line tool for a snapshot, read back, agrees with the oracle.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redtail::rdb::{Entry, Item, Role, StreamId, StreamState};
use serde_json::Value;

use crate::corpus::{Snapshot, all, carried};
use crate::encodings::{large, small};
use crate::oracle;
use crate::run::Seen;

fn snapshots() -> Vec<Snapshot> {
    all().into_iter().chain(built()).collect()
}

fn built() -> impl Iterator<Item = Snapshot> {
    let built = small().into_iter().chain(large());
    built.map(|(name, bytes)| Snapshot { name: name.into(), bytes })
}

/// Runs the tool on standard input, which arrives in pieces that end at `cuts`.
fn decode(bytes: &[u8], cuts: &[usize], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redtail"));
    command.arg("decode").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut from = 0;
            for &to in cuts.iter().chain([&bytes.len()]) {
                // The tool may end before it has read everything.
                if stdin.write_all(&bytes[from..to]).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
                from = to;
            }
        });
        child.wait_with_output().unwrap()
    })
}

fn lines(snapshot: &Snapshot, cuts: &[usize], arguments: &[&str]) -> Vec<Value> {
    let output = decode(&snapshot.bytes, cuts, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", snapshot.name);
    let warnings = match snapshot.name.as_str() {
        "opcodes of Redis Enterprise" => {
            "redtail: skipped opcode 107, a hint of Redis Enterprise\n\
             redtail: skipped opcode 121, a hint of Redis Enterprise\n"
        }
        _ => "",
    };
    assert_eq!(errors, warnings, "{}", snapshot.name);
    let text = String::from_utf8(output.stdout).unwrap();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    // The commands of an append-only file follow the snapshot.
    let mut lines: Vec<Value> = text.lines().map(parse).collect();
    let end = lines.iter().position(|line| line["event"] == "snapshot").unwrap();
    assert_eq!(lines[end]["bytes"], oracle::read(&snapshot.bytes).1);
    assert!(
        lines.drain(end + 1..).all(|line| ["command", "multi", "exec"].iter().any(|event| line["event"] == *event))
    );
    lines
}

/// About a dozen positions, random but always the same.
fn cuts(snapshot: &Snapshot) -> Vec<usize> {
    let length = snapshot.bytes.len();
    let mut random = length as u64;
    let mut cuts: Vec<usize> = (0..12)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % (length + 1)
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// The items of the oracle without those that the lines of keys do not show: encodings, hints, bytes of modules.
fn expected(snapshot: &Snapshot) -> Vec<Seen> {
    let mut expected = Vec::new();
    // The names that entries share; the tool prints them with entries without names.
    let (mut shared, mut sharing, mut unnamed) = (Vec::new(), false, None);
    for seen in oracle::read(&snapshot.bytes).0 {
        match seen {
            Seen::Key(name, facts) => {
                let (before, after) = facts.split_once(" type ").unwrap();
                let (_, after) = after.split_once(' ').unwrap();
                expected.push(Seen::Key(name, format!("{before} {after}")));
            }
            Seen::Text(Role::AuxName | Role::AuxValue | Role::SlotImport, _) => {}
            Seen::Text(Role::SharedField, name) => {
                if !std::mem::replace(&mut sharing, true) {
                    shared.clear();
                }
                shared.push(name);
            }
            Seen::Text(Role::EntryValue, value) => {
                if let Some(next) = &mut unnamed {
                    expected.push(Seen::Text(Role::EntryField, Vec::clone(&shared[*next])));
                    *next += 1;
                }
                expected.push(Seen::Text(Role::EntryValue, value));
            }
            Seen::Raw(bytes) => {
                if matches!(expected.last(), Some(Seen::Other(text)) if text.starts_with("Module(")) {
                    expected.push(Seen::Other(format!("{} raw bytes", bytes.len())));
                }
            }
            Seen::Other(text) => {
                sharing = false;
                if text.starts_with("Entry(") {
                    unnamed = text.contains("named: false").then_some(0);
                }
                let hints = [
                    "Start",
                    "Database",
                    "Sizes",
                    "Slot",
                    "Foreign",
                    "ModuleAux",
                    "KeyMetadata",
                    "End(",
                    "end of raw bytes",
                ];
                if !hints.iter().any(|hint| text.starts_with(hint)) {
                    expected.push(Seen::Other(text.replace("named: false", "named: true")));
                }
            }
            seen => expected.push(seen),
        }
    }
    expected
}

#[derive(Default)]
struct Reader {
    seen: Vec<Seen>,
    /// Pieces of the next line.
    pieces: Vec<(String, Vec<u8>)>,
}

impl Reader {
    fn bytes(&mut self, value: &Value) -> Vec<u8> {
        match value {
            Value::String(text) => text.clone().into_bytes(),
            Value::Object(object) if object.contains_key("base64") => {
                BASE64_STANDARD.decode(object["base64"].as_str().unwrap()).unwrap()
            }
            Value::Object(object) => {
                let (_, bytes) = self.pieces.remove(0);
                assert_eq!(object["pieces"], bytes.len());
                bytes
            }
            other => panic!("no argument: {other}"),
        }
    }

    fn text(&mut self, role: Role, value: &Value) {
        let bytes = self.bytes(value);
        self.seen.push(Seen::Text(role, bytes));
    }

    fn tell(&mut self, item: Item<'_>) {
        self.seen.push(Seen::Other(format!("{item:?}")));
    }

    fn key(&mut self, line: &Value) -> String {
        let kind = line["type"].as_str().unwrap().to_owned();
        let name = self.bytes(&line["key"]);
        let number = |name: &str| line.get(name).and_then(Value::as_i64);
        let facts = format!(
            "{} db {} expires {:?} idle {:?} frequency {:?}",
            match kind.as_str() {
                "gcra" => "Rate".to_owned(),
                "pathhash" => "PathHash".to_owned(),
                kind => kind[..1].to_uppercase() + &kind[1..],
            },
            line["db"],
            number("expire_at_ms"),
            number("idle_s"),
            number("frequency"),
        );
        let facts = if line.get("no_evict").is_some() { facts + " never evicted" } else { facts };
        self.seen.push(Seen::Key(name, facts));
        kind
    }

    fn rows(&mut self, roles: [Role; 2], rows: &Value) {
        for row in rows.as_array().unwrap() {
            self.text(roles[0], &row[0]);
            match roles[1] {
                Role::Member => self.tell(Item::Score(score(&row[1]))),
                role => self.text(role, &row[1]),
            }
            self.expiry(row.get(2));
        }
    }

    fn expiry(&mut self, at: Option<&Value>) {
        if let Some(at) = at {
            self.tell(Item::FieldExpiry { at_ms: at.as_i64().unwrap() });
        }
    }

    fn entry(&mut self, id: &Value, fields: &Value) {
        let count = fields.as_array().unwrap().len() as u64;
        let mut entry = Entry::default();
        (entry.id, entry.fields, entry.named) = (stream_id(id), count, true);
        self.tell(Item::Entry(entry));
        self.rows([Role::EntryField, Role::EntryValue], fields);
    }

    fn module(&mut self, value: &Value) {
        let name = value["module"].as_str().unwrap();
        assert_eq!(name.len(), 9);
        self.seen.push(Seen::Other(format!("module {name}")));
        self.seen.push(Seen::Other(format!("{} raw bytes", value["bytes"])));
    }

    /// A whole key in one line.
    fn line(&mut self, line: &Value) {
        let kind = self.key(line);
        let value = &line["value"];
        match kind.as_str() {
            "string" => self.text(Role::Value, value),
            "list" => value.as_array().unwrap().iter().for_each(|element| self.text(Role::Element, element)),
            "set" => {
                for member in value.as_array().unwrap() {
                    match member {
                        Value::Array(row) => {
                            self.text(Role::Member, &row[0]);
                            self.expiry(row.get(1));
                        }
                        member => self.text(Role::Member, member),
                    }
                }
            }
            "pathhash" => {
                for row in value.as_array().unwrap() {
                    self.text(Role::Path, &row[0]);
                    self.tell(Item::Path { fields: row[1].as_array().unwrap().len() as u64 });
                    self.rows([Role::Field, Role::FieldValue], &row[1]);
                }
            }
            "zset" => self.rows([Role::Member, Role::Member], value),
            "hash" => self.rows([Role::Field, Role::FieldValue], value),
            "module" => self.module(value),
            "gcra" => self.tell(Item::Rate(value.as_u64().unwrap())),
            "array" => {
                let elements = value["elements"].as_array().unwrap();
                self.tell(Item::Array { count: elements.len() as u64, last_insert: value["last_insert"].as_u64() });
                for row in elements {
                    self.tell(Item::Index(row[0].as_u64().unwrap()));
                    self.text(Role::Element, &row[1]);
                }
            }
            _ => self.stream(value),
        }
        self.tell(Item::KeyEnd);
    }

    fn stream(&mut self, value: &Value) {
        for entry in value["entries"].as_array().unwrap() {
            self.entry(&entry[0], &entry[1]);
        }
        let groups = value["groups"].as_array().unwrap();
        self.state(value, groups.len() as u64);
        for group in groups {
            let pending = group["pending"].as_array().unwrap();
            self.group(group, pending.len() as u64);
            for row in pending {
                self.pending(&row[0], &row[1], &row[2]);
            }
            let consumers = group["consumers"].as_array().unwrap();
            self.tell(Item::Consumers { count: consumers.len() as u64 });
            for consumer in consumers {
                let pending = consumer["pending"].as_array().unwrap();
                self.consumer(consumer, pending.len() as u64);
                pending.iter().for_each(|id| self.tell(Item::ConsumerPending(stream_id(id))));
            }
            for id in group.get("returned").and_then(Value::as_array).into_iter().flatten() {
                self.tell(Item::Returned(stream_id(id)));
            }
        }
        if let Some(idempotence) = value.get("idempotence") {
            let producers = idempotence["producers"].as_array().unwrap();
            let number = |name: &str| idempotence[name].as_u64().unwrap();
            let count = producers.len() as u64;
            self.tell(Item::Idempotence { duration_s: number("duration_s"), most: number("most"), producers: count });
            for producer in producers {
                self.text(Role::ProducerName, &producer["name"]);
                let keys = producer["keys"].as_array().unwrap();
                self.tell(Item::Producer { keys: keys.len() as u64 });
                for row in keys {
                    self.text(Role::IdempotencyKey, &row[0]);
                    self.tell(Item::Idempotent(stream_id(&row[1])));
                }
            }
            self.tell(Item::IdempotenceCounts { added: number("added"), duplicates: number("duplicates") });
        }
    }

    fn state(&mut self, value: &Value, groups: u64) {
        let id = |name: &str| Some(&value[name]).filter(|id| !id.is_null()).map(stream_id);
        let mut state = StreamState::default();
        state.length = value["length"].as_u64().unwrap();
        state.last = stream_id(&value["last_id"]);
        state.first = id("first_id");
        state.max_deleted = id("max_deleted_id");
        state.added = value["entries_added"].as_u64();
        state.groups = groups;
        self.tell(Item::Stream(state));
    }

    fn group(&mut self, group: &Value, pending: u64) {
        self.text(Role::GroupName, &group["name"]);
        self.tell(Item::Group { last: stream_id(&group["last_id"]), read: group["entries_read"].as_u64(), pending });
    }

    fn pending(&mut self, id: &Value, at: &Value, deliveries: &Value) {
        self.tell(Item::Pending {
            id: stream_id(id),
            delivered_at_ms: at.as_i64().unwrap(),
            deliveries: deliveries.as_u64().unwrap(),
        });
    }

    fn consumer(&mut self, consumer: &Value, pending: u64) {
        self.text(Role::ConsumerName, &consumer["name"]);
        self.tell(Item::Consumer {
            seen_at_ms: consumer["seen_at_ms"].as_i64().unwrap(),
            active_at_ms: consumer["active_at_ms"].as_i64(),
            pending,
        });
    }

    /// A line of `--elements`. Counts that only later lines contain are 0.
    fn element(&mut self, kind: &mut String, line: &Value) {
        match line["event"].as_str().unwrap() {
            "piece" => {
                let (of, at) = (line["of"].as_str().unwrap(), line["at"].as_u64().unwrap());
                if at == 0 {
                    self.pieces.push((of.into(), Vec::new()));
                }
                let bytes = self.bytes(&line["value"]);
                assert!(bytes.len() <= 16 << 10);
                let (named, whole) = self.pieces.last_mut().unwrap();
                assert_eq!((named.as_str(), whole.len() as u64), (of, at));
                whole.extend(bytes);
            }
            "key_begin" => *kind = self.key(line),
            "key_end" => self.tell(Item::KeyEnd),
            "module" => self.module(line),
            "entry" => self.entry(&line["id"], &line["fields"]),
            "stream" => self.state(line, 0),
            "group" => self.group(line, 0),
            "pending" => self.pending(&line["id"], &line["delivered_at_ms"], &line["deliveries"]),
            "consumer" => self.consumer(line, 0),
            "consumer_pending" => self.tell(Item::ConsumerPending(stream_id(&line["id"]))),
            "returned" => self.tell(Item::Returned(stream_id(&line["id"]))),
            "idempotence" => {
                let number = |name: &str| line[name].as_u64().unwrap();
                self.tell(Item::Idempotence { duration_s: number("duration_s"), most: number("most"), producers: 0 });
            }
            "producer" => {
                self.text(Role::ProducerName, &line["name"]);
                self.tell(Item::Producer { keys: 0 });
            }
            "idempotency_key" => {
                self.text(Role::IdempotencyKey, &line["key"]);
                self.tell(Item::Idempotent(stream_id(&line["id"])));
            }
            "idempotence_counts" => {
                let number = |name: &str| line[name].as_u64().unwrap();
                self.tell(Item::IdempotenceCounts { added: number("added"), duplicates: number("duplicates") });
            }
            "array" => self.tell(Item::Array { count: 0, last_insert: line["last_insert"].as_u64() }),
            "path" => {
                self.text(Role::Path, &line["name"]);
                self.tell(Item::Path { fields: line["fields"].as_u64().unwrap() });
            }
            "element" => match kind.as_str() {
                "string" => self.text(Role::Value, &line["value"]),
                "list" => self.text(Role::Element, &line["value"]),
                "set" => {
                    self.text(Role::Member, &line["member"]);
                    self.expiry(line.get("expire_at_ms"));
                }
                "zset" => {
                    self.text(Role::Member, &line["member"]);
                    self.tell(Item::Score(score(&line["score"])));
                }
                "hash" | "pathhash" => {
                    self.text(Role::Field, &line["field"]);
                    self.text(Role::FieldValue, &line["value"]);
                    self.expiry(line.get("expire_at_ms"));
                }
                "gcra" => self.tell(Item::Rate(line["value"].as_u64().unwrap())),
                _ => {
                    self.tell(Item::Index(line["index"].as_u64().unwrap()));
                    self.text(Role::Element, &line["value"]);
                }
            },
            other => self.other(other, line),
        }
    }

    fn other(&mut self, event: &str, line: &Value) {
        match event {
            "key" => self.line(line),
            "function" => self.text(Role::Function, &line["code"]),
            "snapshot_command" => {
                let args = line["args"].as_array().unwrap();
                self.tell(Item::Command { argc: args.len() as u64 });
                args.iter().for_each(|argument| self.text(Role::Argument, argument));
            }
            "snapshot" => {}
            other => panic!("an event that was not asked for: {other}"),
        }
    }
}

fn stream_id(value: &Value) -> StreamId {
    let (ms, seq) = value.as_str().unwrap().split_once('-').unwrap();
    StreamId { ms: ms.parse().unwrap(), seq: seq.parse().unwrap() }
}

/// The text of the number. The value of a JSON parser may be inexact.
fn score(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.to_string().parse().unwrap(),
    }
}

/// Without the number of a module's type, which is its id.
fn comparable(seen: Vec<Seen>, counted: bool) -> Vec<Seen> {
    let modules = |text: &str| {
        let number = text.strip_prefix("Module(ModuleId(")?.strip_suffix("))")?;
        Some(format!("module {}", redtail::rdb::ModuleId(number.parse().unwrap())))
    };
    let uncounted = |text: String| {
        let names = ["groups: ", "pending: ", "producers: ", "keys: ", "Array { count: "];
        names.iter().fold(text, |text, name| match text.split_once(name) {
            Some((before, after)) => {
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}{name}0{after}")
            }
            None => text,
        })
    };
    let comparable = seen.into_iter().filter_map(|seen| match seen {
        Seen::Other(text) if text.starts_with("Consumers {") && !counted => None,
        Seen::Other(text) => {
            let text = modules(&text).unwrap_or(text);
            Some(Seen::Other(if counted { text } else { uncounted(text) }))
        }
        seen => Some(seen),
    });
    comparable.collect()
}

fn check(snapshot: &Snapshot, found: Vec<Seen>, counted: bool) {
    let (found, wanted) = (comparable(found, counted), comparable(expected(snapshot), counted));
    let different = found.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
    assert!(different.is_none(), "{}: (found, wanted) {different:?}", snapshot.name);
    assert_eq!(found.len(), wanted.len(), "{}", snapshot.name);
}

#[test]
fn key_lines_have_everything() {
    for snapshot in snapshots() {
        let mut reader = Reader::default();
        let found = lines(&snapshot, &cuts(&snapshot), &["--format", "json", "--max-arg", "1000000000"]);
        found.iter().for_each(|line| reader.other(line["event"].as_str().unwrap(), line));
        check(&snapshot, reader.seen, true);
    }
}

#[test]
fn element_lines_have_everything() {
    for snapshot in snapshots() {
        let (mut reader, mut kind) = (Reader::default(), String::new());
        let found = lines(&snapshot, &cuts(&snapshot), &["--format", "json", "--elements"]);
        found.iter().for_each(|line| reader.element(&mut kind, line));
        assert!(reader.pieces.is_empty());
        check(&snapshot, reader.seen, false);
    }
}

#[test]
fn data_beside_the_keys_is_printed_on_request() {
    for snapshot in all() {
        let found = lines(&snapshot, &[], &["--format", "json", "--all"]);
        let seen = oracle::read(&snapshot.bytes).0;
        let mut aux = found.iter().filter(|line| line["event"] == "aux");
        let mut reader = Reader::default();
        for seen in seen.iter().filter(|seen| matches!(seen, Seen::Text(Role::AuxName | Role::AuxValue, _))) {
            match seen {
                Seen::Text(Role::AuxName, name) => {
                    assert_eq!(reader.bytes(&aux.clone().next().unwrap()["name"]), *name)
                }
                Seen::Text(_, value) => assert_eq!(reader.bytes(&aux.next().unwrap()["value"]), *value),
                _ => {}
            }
        }
        assert!(aux.next().is_none());
        let sizes: Vec<String> = found
            .iter()
            .filter(|line| line["event"] == "sizes")
            .map(|line| format!("Sizes {{ keys: {}, expires: {} }}", line["keys"], line["expires"]))
            .collect();
        let told = seen.iter().filter_map(|seen| match seen {
            Seen::Other(text) if text.starts_with("Sizes") => Some(text.clone()),
            _ => None,
        });
        assert!(told.eq(sizes), "{}", snapshot.name);
        assert!(found.iter().any(|line| line["event"] == "checksum" && line["checksum"] != "ignored"));
    }
}

#[test]
fn input_cuts_change_no_output() {
    for snapshot in carried().into_iter().chain(built()) {
        for arguments in [
            &["--format", "json", "--all"][..],
            &["--format", "json", "--elements"],
            &["--format", "resp", "--empty-target"],
            &["--format", "text"],
        ] {
            let [whole, cut] = [&[][..], &cuts(&snapshot)].map(|cuts| decode(&snapshot.bytes, cuts, arguments));
            let lines =
                |output: &Output| output.stdout.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
            let short = |line: &[u8]| line[..line.len().min(200)].escape_ascii().to_string();
            for (cut, whole) in lines(&cut).iter().zip(lines(&whole)) {
                assert!(*cut == whole, "{} {arguments:?}: {} instead of {}", snapshot.name, short(cut), short(&whole));
            }
            assert!(whole == cut, "{} {arguments:?}", snapshot.name);
            assert!(whole.status.success());
        }
    }
}

/// For any changed byte, lines are whole objects, commands are whole commands, and only success has exit code 0.
#[test]
fn damaged_bytes_leave_whole_lines_and_commands() {
    let mut passed_over = 0;
    for snapshot in carried().into_iter().chain(built().filter(|snapshot| snapshot.bytes.len() < 3000)) {
        // Other bytes in other files, so that many bytes are covered together.
        let step = 1 + snapshot.bytes.len() / 5;
        for at in (9 + snapshot.name.len() % step..snapshot.bytes.len()).step_by(step) {
            let mut bytes = snapshot.bytes.clone();
            bytes[at] ^= [1, 0x80, 0xff, 0x40][at % 4];
            let name = format!("{} with byte {at} damaged", snapshot.name);
            for arguments in [
                &["--format", "json"][..],
                &["--format", "json", "--elements"],
                &["--format", "resp", "--empty-target"],
            ] {
                let output = decode(&bytes, &[], &[arguments, &["--skip-damaged"]].concat());
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(!errors.contains("panicked"), "{name}: {errors}");
                passed_over += errors.matches("skipped a damaged value").count();
                let failed = output.status.code() == Some(1);
                assert!(failed || output.status.success(), "{name}: {errors}");
                if arguments.contains(&"json") {
                    let text = String::from_utf8(output.stdout).unwrap();
                    let parse =
                        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
                    let lines: Vec<Value> = text.lines().map(parse).collect();
                    let is_last = |event: &str| lines.last().is_some_and(|line| line["event"] == event);
                    // A flaw in the magic, before the first item, leaves no line.
                    assert!(
                        if failed { is_last("void") || lines.is_empty() } else { is_last("snapshot") },
                        "{name}: {errors}"
                    );
                } else {
                    let mut parser = redtail::CommandParser::stream();
                    let mut rest = &output.stdout[..];
                    while let redtail::Status::Complete(_) = parser.next(&mut rest).unwrap() {}
                    assert!(rest.is_empty() || errors.contains("can't be loaded"), "{name}: {errors}");
                }
            }
        }
    }
    assert!(passed_over > 20, "{passed_over}");
}
