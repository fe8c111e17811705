//! The servers' descriptions of their commands, and the library's table made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redtail::owned::OwnedCommand;
use redtail::replication::Touches;
use redtail::resp::{Access, CommandParser, Keys, Status, encode_command, encoded_len};

use crate::client::{Client, Value, command};
use crate::server::{Kind, Server};
use crate::tool::Tool;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/resp/keys");

/// Commands that no installed server has.
const DOCUMENTED: &str = include_str!("../data/documented-commands.txt");

/// In the order of their release: a later description replaces an earlier one.
const ORDER: [Kind; 6] = [Kind::Redis62, Kind::Redis70, Kind::Valkey81, Kind::Redis82, Kind::Valkey91, Kind::Redis810];

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_table_of_keys_is_what_the_servers_say() {
    let mut all = All::default();
    for kind in ORDER {
        let server = Server::start(kind);
        all.servers.push(format!("{} {}", family(kind), server.info("server")[kind.version().0]));
        for found in server.call(&["COMMAND"]).items() {
            all.add(kind, found);
        }
    }
    all.add_documented();
    for (name, text) in [("table.rs", all.render()), ("subcommands.rs", all.render_subcommands())] {
        let file = Path::new(FOLDER).join(name);
        if std::env::var_os("REDTAIL_WRITE_TABLE").is_some() {
            std::fs::write(&file, &text).expect("write the table");
        }
        let written = std::fs::read_to_string(&file).expect("read the table");
        assert!(written == text, "src/resp/keys/{name} differs from the servers' replies: tests/commands generates it");
    }
}

fn family(kind: Kind) -> &'static str {
    if kind.version().0 == "valkey_version" { "Valkey" } else { "Redis" }
}

fn imports(names: &[&str]) -> String {
    let lines: String = names.iter().map(|name| format!("use crate::resp::keys::{name};\n")).collect();
    format!("\n{lines}\n")
}

fn constant(name: &str) -> String {
    name.to_uppercase().replace(['.', '-'], "_")
}

#[derive(Default)]
struct All {
    servers: Vec<String>,
    commands: BTreeMap<String, Told>,
    /// The sources of commands that no server has.
    documents: Vec<String>,
}

/// The description of a command.
#[derive(Default)]
struct Told {
    /// The servers, the effect, the shape, and for a container its subcommands.
    by: Vec<(Source, Effect, Shape)>,
    subcommands: BTreeMap<String, Told>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    Server(Kind),
    /// By its number.
    Document(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Changes,
    Keeps,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Nothing,
    All,
    Named(Vec<KeySpec>),
    /// Before 7.0: COMMAND does not contain the keys.
    Untold,
}

/// What the command does to the keys, and their positions.
type KeySpec = (&'static str, Spec);

#[derive(Clone, Debug, PartialEq)]
enum Spec {
    At(i64, i64, i64),
    /// In the form of the table.
    Other(String),
}

impl std::fmt::Display for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Spec::At(first, last, step) => write!(f, "At({first}, {last}, {step})"),
            Spec::Other(text) => f.write_str(text),
        }
    }
}

/// The keys of a command of eight arguments, as far as their indices are fixed.
fn places(specs: &[KeySpec]) -> BTreeSet<(i64, &'static str)> {
    let places = |(access, spec): &KeySpec| match *spec {
        Spec::At(first, last, step) => {
            let last = if last < 0 { 8 + last } else { first + last };
            (first..=last).step_by(step as usize).map(|place| (place, *access)).collect()
        }
        Spec::Other(_) => Vec::new(),
    };
    specs.iter().flat_map(places).collect()
}

fn line(text: &mut String, words: impl std::fmt::Display) {
    *text += &format!("{words}\n");
}

fn list(specs: &[KeySpec]) -> String {
    specs.iter().map(|(access, spec)| format!("({access}, {spec})")).collect::<Vec<_>>().join(", ")
}

impl All {
    fn add(&mut self, kind: Kind, found: &Value) {
        let name = found.items()[0].text().to_ascii_lowercase();
        self.commands.entry(name.clone()).or_default().add(kind, &name, found);
    }

    fn add_documented(&mut self) {
        for line in DOCUMENTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(source) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                self.documents.push(source.into());
                continue;
            }
            let [effect, keys, names] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let effect = if effect == "changes" { Effect::Changes } else { Effect::Keeps };
            let shape = match keys {
                "nothing" => Shape::Nothing,
                keys => Shape::Named(keys.split_inclusive(')').map(documented).collect()),
            };
            let source = Source::Document(self.documents.len() - 1);
            for name in names.split(' ') {
                let (name, sub) = name.split_once(':').map_or((name, None), |(name, sub)| (name, Some(sub)));
                let told = self.commands.entry(name.into()).or_default();
                let told = match sub {
                    Some(sub) => {
                        if told.by.is_empty() {
                            told.by.push((source, Effect::Keeps, Shape::Nothing));
                        }
                        told.subcommands.entry(sub.into()).or_default()
                    }
                    None => told,
                };
                if told.by.is_empty() {
                    told.by.push((source, effect, shape.clone()));
                }
            }
        }
    }

    fn render(&self) -> String {
        let mut text = String::from(
            "//! The keys of each command. Generated by `tests/commands` from the servers' COMMAND replies: do not edit.\n//!\n",
        );
        line(&mut text, format_args!("//! Source: {}.", self.servers.join(", ")));
        text.push_str(
            "//! After each command: the first server that has it, and the last one, which gave the description. `documented`:\n\
             //! no server was asked; the description is from `tests/data/documented-commands.txt`.\n//!\n\
             //! - Specifications of arguments that are not keys (`not_key`: channels) are omitted.\n\
             //! - `Changes`: the server flags it as a write, or it runs a script that may write, or it is SCRIPT LOAD or SCRIPT\n\
             //!   FLUSH. The keys of other commands are `Read`.\n\
             //! - `Removed`: flagged as removed (`RM`), or a key that the command is known to remove: the source of RENAME and\n\
             //!   MOVE, the key of GETDEL, DELEX and DELIFEQ.\n\
             //! - `All`: a write of the category keyspace without any specification.\n\
             //! - `Store`, `GeoStore` and `MigrateKeys` replace specifications that are `unknown` or `incomplete`. The keys that\n\
             //!   SORT reads by its patterns (`unknown` too) are omitted. `MoveTarget` and `CopyTarget` add the database.\n",
        );
        for note in self.notes() {
            line(&mut text, format_args!("//! - {note}"));
        }
        text.push_str(&imports(&[
            "shape::Access::{Read, Removed, Write}",
            "shape::Effect::{Changes, Keeps}",
            "shape::Shape::{All, Container, Named, Nothing}",
            "shape::Spec::{After, At, CopyTarget, Counted, GeoStore, MigrateKeys, MoveTarget, Store}",
            "shape::{TableEntry, Word}",
            "subcommands",
        ]));
        text.push_str(
            "/// At index N: the commands with names of N letters, sorted by name.\n\
             pub(super) static BY_LENGTH: [&[TableEntry]; ",
        );
        let told: Vec<_> = self.commands.iter().filter(|(_, told)| told.shape() != &Shape::Untold).collect();
        let longest = told.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        line(&mut text, format_args!("{}] = [", longest + 1));
        for length in 0..=longest {
            let of_length: Vec<_> = told.iter().filter(|(name, _)| name.len() == length).collect();
            if of_length.is_empty() {
                text.push_str("    &[],\n");
                continue;
            }
            line(&mut text, format_args!("    // {length}\n    &["));
            for (name, told) in of_length {
                self.render_entry(told, name, "        ", &mut text);
            }
            text.push_str("    ],\n");
        }
        text.push_str("];\n");
        text
    }

    fn render_subcommands(&self) -> String {
        let mut text = String::from(
            "//! The subcommands of each container. Generated by `tests/commands` as `table.rs`: do not edit.\n",
        );
        text.push_str(&imports(&[
            "shape::Access::{Read, Write}",
            "shape::Effect::{Changes, Keeps}",
            "shape::Shape::{All, Named, Nothing}",
            "shape::Spec::At",
            "shape::TableEntry",
        ]));
        let containers: Vec<_> = self.commands.iter().filter(|(_, told)| !told.subcommands.is_empty()).collect();
        for (number, (name, told)) in containers.into_iter().enumerate() {
            let gap = if number == 0 { "" } else { "\n" };
            line(
                &mut text,
                format_args!("{gap}pub(super) static {}: [TableEntry; {}] = [", constant(name), told.subcommands.len()),
            );
            for (sub, told) in &told.subcommands {
                self.render_entry(told, sub, "    ", &mut text);
            }
            text.push_str("];\n");
        }
        text
    }

    /// The differences between the servers.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut walk: Vec<_> = self.commands.iter().map(|(name, told)| (name.clone(), told)).collect();
        while let Some((name, told)) = walk.pop() {
            walk.extend(told.subcommands.iter().map(|(sub, told)| (format!("{name} {sub}"), told)));
            let shape = told.shape();
            for (source, _, other) in &told.by {
                let is_old = *source == Source::Server(Kind::Redis62);
                let is_told = *other != Shape::Untold && (told.subcommands.is_empty() || is_old);
                let server = self.source(*source);
                match (other, shape) {
                    _ if !is_told && shape == &Shape::Untold => {
                        notes.push(format!("{name} of {server} is omitted: its keys are unknown."));
                    }
                    // The same in another form. Before 7.0 the access is unknown.
                    (Shape::Named(other), Shape::Named(specs)) if places(other) == places(specs) => {}
                    (Shape::Named(other), Shape::Named(specs))
                        if is_old && places(other).iter().map(|it| it.0).eq(places(specs).iter().map(|it| it.0)) => {}
                    // A container of 6.2 gives the keys of most of its subcommands.
                    (Shape::Named(specs), _) if is_told && other != shape => {
                        notes.push(format!("{name}: {server} has {}.", list(specs)));
                    }
                    _ if is_told && other != shape => notes.push(format!("{name}: {server} has {other:?}.")),
                    _ => {}
                }
            }
        }
        notes.sort();
        notes
    }

    fn source(&self, source: Source) -> String {
        match source {
            Source::Server(kind) => {
                let place = ORDER.iter().position(|it| *it == kind).expect("it is one of them");
                self.servers[place].clone()
            }
            Source::Document(number) => format!("documented: {}", self.documents[number]),
        }
    }

    fn render_entry(&self, told: &Told, name: &str, indent: &str, text: &mut String) {
        let (last, effect, shape) = told.last();
        let shape = match shape {
            _ if !told.subcommands.is_empty() => format!("Container(&subcommands::{})", constant(name)),
            Shape::Nothing => "Nothing".into(),
            Shape::All => "All".into(),
            Shape::Named(specs) => format!("Named(&[{}])", list(specs)),
            Shape::Untold => unreachable!("left out before"),
        };
        let (first, last) = (self.source(told.by[0].0), self.source(*last));
        let note = if first == last { last } else { format!("{first} to {last}") };
        line(text, format_args!("{indent}({name:?}, {effect:?}, {shape}), // {note}"));
    }
}

impl Told {
    fn add(&mut self, kind: Kind, name: &str, found: &Value) {
        let (effect, shape) = described(kind, name, found);
        self.by.push((Source::Server(kind), effect, shape));
        for sub in found.items().get(9).map(Value::items).unwrap_or_default() {
            let full = sub.items()[0].text().to_ascii_lowercase();
            let (_, sub_name) = full.split_once('|').expect("a subcommand names its container");
            self.subcommands.entry(sub_name.into()).or_default().add(kind, &full, sub);
        }
    }

    fn last(&self) -> &(Source, Effect, Shape) {
        self.by.last().expect("somebody told it")
    }

    fn shape(&self) -> &Shape {
        &self.last().2
    }
}

/// The effect and the keys of a command by the reply to COMMAND.
fn described(kind: Kind, name: &str, found: &Value) -> (Effect, Shape) {
    let found = found.items();
    let words = |place: usize| found[place].items().iter().map(Value::text).collect::<Vec<_>>();
    let (flags, categories) = (words(2), words(6));
    let has = |flag: &str| flags.iter().any(|it| it == flag);
    let mut specs = match found.get(8) {
        Some(specs) => specs.items().iter().filter_map(|spec| specification(name, spec)).collect(),
        None if has("movablekeys") => return (Effect::Keeps, Shape::Untold),
        None => match [3, 4, 5].map(|place| found[place].int()) {
            [0, ..] => Vec::new(),
            [first, last, step] if last > 0 => vec![("Write", Spec::At(first, last - first, step))],
            [first, last, step] => vec![("Write", Spec::At(first, last, step))],
        },
    };
    match (name, &mut specs[..]) {
        ("copy", [_, target]) => target.1 = Spec::Other("CopyTarget".into()),
        ("rename" | "renamenx", [source, _]) | ("getdel" | "delex" | "delifeq" | "move", [source]) => {
            source.0 = "Removed";
        }
        _ => {}
    }
    if name == "move" {
        specs.push(("Write", Spec::Other("MoveTarget".into())));
    }
    // Two specifications with a keyword are one: of STORE and STOREDIST the last counts.
    if let Some(from) = [("georadius", 6), ("georadiusbymember", 5)].into_iter().find(|it| it.0 == name) {
        specs.truncate(1);
        specs.push(("Write", Spec::Other(format!("GeoStore({})", from.1))));
    }
    let runs_scripts = specs.iter().any(|(access, _)| *access != "Read") && !has("readonly");
    // Servers before 7.0 replicate scripts, which the EVALSHA after them needs.
    let changes = has("write") || runs_scripts || matches!(name, "script|load" | "script|flush");
    let effect = if changes { Effect::Changes } else { Effect::Keeps };
    if effect == Effect::Keeps {
        specs.iter_mut().for_each(|(access, _)| *access = "Read");
    }
    assert!(specs.len() <= 3, "{kind:?}: {name} has {} specifications: raise MOST_SPECS", specs.len());
    let is_keyspace = categories.iter().any(|category| category == "@keyspace");
    let shape = match specs.is_empty() {
        false => Shape::Named(specs),
        true if is_keyspace && has("write") => Shape::All,
        true => Shape::Nothing,
    };
    (effect, shape)
}

/// A specification of the file of documented commands: `Write At(1, 0, 1)`.
fn documented(text: &str) -> KeySpec {
    let text = text.trim_start_matches([',', ' ']);
    let (access, spec) = text.split_once(' ').expect("an access and positions");
    let access = ["Read", "Write", "Removed"].into_iter().find(|it| *it == access).expect("an access");
    let numbers = spec.strip_prefix("At(").and_then(|rest| rest.strip_suffix(')'));
    let numbers =
        numbers.map(|numbers| numbers.split(", ").map(|it| it.parse().expect("a number")).collect::<Vec<_>>());
    match numbers.as_deref() {
        Some(&[first, last, step]) => (access, Spec::At(first, last, step)),
        _ => (access, Spec::Other(spec.into())),
    }
}

/// A key specification in the form of the table; `None` if it specifies no key.
fn specification(name: &str, spec: &Value) -> Option<KeySpec> {
    let spec = Fields::of(spec);
    let flags: Vec<_> = spec.0["flags"].items().iter().map(Value::text).collect();
    let has = |flag: &str| flags.iter().any(|it| it == flag);
    if has("not_key") {
        return None;
    }
    let access = match () {
        () if has("RM") => "Removed",
        () if has("RO") => "Read",
        () => "Write",
    };
    Some((access, positions(name, &spec, has)?))
}

fn positions(name: &str, spec: &Fields<'_>, has: impl Fn(&str) -> bool) -> Option<Spec> {
    let (begin, find) = (Fields::of(spec.0["begin_search"]), Fields::of(spec.0["find_keys"]));
    let (begins, finds) = (begin.0["type"].text(), find.0["type"].text());
    let (begin, find) = (Fields::of(begin.0["spec"]), Fields::of(find.0["spec"]));
    Some(match (begins.as_str(), finds.as_str()) {
        ("keyword", _) if name == "migrate" && has("incomplete") => Spec::Other("MigrateKeys".into()),
        // Incomplete for commands that the server rejects: no option before STREAMS has this value.
        ("keyword", _) if matches!(name, "xread" | "xreadgroup") => keyword(name, &begin, &find),
        // Replaced by GeoStore.
        ("keyword", _) if matches!(name, "georadius" | "georadiusbymember") => keyword(name, &begin, &find),
        _ if has("incomplete") => panic!("{name} has keys that its specification does not tell: write code for it"),
        ("index", "range") => {
            assert_eq!(find.int("limit"), 0, "{name}");
            Spec::At(begin.int("index"), find.int("lastkey"), find.int("keystep"))
        }
        ("index", "keynum") => {
            let index = begin.int("index");
            let (count, first) = (index + find.int("keynumidx"), index + find.int("firstkey"));
            Spec::Other(format!("Counted({count}, {first}, {})", find.int("keystep")))
        }
        ("keyword", "range") => keyword(name, &begin, &find),
        ("unknown", "unknown") if name == "sort" && has("OW") => Spec::Other("Store".into()),
        ("unknown", "unknown") if matches!(name, "sort" | "sort_ro") => return None,
        other => panic!("{name} has keys of a kind that is not known here: {other:?}"),
    })
}

fn keyword(name: &str, begin: &Fields<'_>, find: &Fields<'_>) -> Spec {
    assert!(begin.int("startfrom") > 0, "{name} looks for its keyword from behind");
    let (word, from) = (begin.0["keyword"].text().to_ascii_lowercase(), begin.int("startfrom"));
    let (last, step, limit) = (find.int("lastkey"), find.int("keystep"), find.int("limit"));
    Spec::Other(format!("After(Word::new({word:?}), {from}, {last}, {step}, {limit})"))
}

/// A map as RESP2 has it.
struct Fields<'a>(BTreeMap<String, &'a Value>);

impl Fields<'_> {
    fn of(pairs: &Value) -> Fields<'_> {
        Fields(pairs.items().chunks(2).map(|pair| (pair[0].text(), &pair[1])).collect())
    }

    fn int(&self, name: &str) -> i64 {
        self.0[name].int()
    }
}

/// A server's reply to GETKEYS.
#[derive(Debug, PartialEq)]
enum Says {
    Keys(Vec<Vec<u8>>),
    /// The command has none.
    None,
    /// The server does not know the command, or rejects it.
    Nothing(String),
}

impl Says {
    /// Each server has an order of its own.
    fn keys(mut keys: Vec<Vec<u8>>) -> Says {
        keys.sort();
        Says::Keys(keys)
    }
}

impl From<&Value> for Says {
    fn from(reply: &Value) -> Self {
        match reply {
            Value::Array(keys) => Says::keys(command(&keys.iter().map(bytes).collect::<Vec<_>>())),
            Value::Error(words) if words.contains("no key arguments") => Says::None,
            other => Says::Nothing(other.text()),
        }
    }
}

fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::Bulk(bytes) => bytes,
        other => panic!("expected bytes, got {other:?}"),
    }
}

/// The library's result, in the same form.
fn ours(args: &[Vec<u8>]) -> Says {
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let mut bytes = vec![0; encoded_len(&args)];
    encode_command(&mut bytes, &args).expect("there is room");
    let (mut parser, mut input) = (CommandParser::stream(), bytes.as_slice());
    let Ok(Status::Complete(command)) = parser.next(&mut input) else { panic!("no command") };
    match command.keys() {
        Keys::Some(keys) => {
            let keys: Vec<_> = keys.collect();
            assert!(keys.iter().all(|(index, key)| args[*index] == *key), "{keys:?} of {command}");
            assert!(keys.is_sorted(), "{keys:?} of {command}");
            Says::keys(keys.into_iter().map(|(_, key)| key.to_vec()).collect())
        }
        Keys::None | Keys::All => Says::None,
        Keys::Unknown => Says::Nothing("unknown".into()),
    }
}

fn ask(server: &Server, samples: &[Vec<Vec<u8>>]) -> Vec<Says> {
    let asked: Vec<_> = samples.iter().map(|args| [command(&["COMMAND", "GETKEYS"]), args.clone()].concat()).collect();
    server.client().pipeline(&asked).iter().map(Says::from).collect()
}

/// Every command of every server with plain numbers as its arguments, to keep counts among them small: with the
/// necessary number of arguments, and some more.
#[test]
#[ignore = "needs real servers: tests/run"]
fn every_command_has_the_keys_that_its_server_finds() {
    for kind in ORDER {
        let server = Server::start(kind);
        let mut samples = Vec::new();
        for found in server.call(&["COMMAND"]).items() {
            let subcommands = found.items().get(9).map(Value::items).unwrap_or_default();
            for it in std::iter::once(found).chain(subcommands) {
                let name = it.items()[0].text();
                let arity = it.items()[1].int();
                let words: Vec<String> = name.split('|').map(str::to_owned).collect();
                let least = arity.unsigned_abs() as usize;
                for argc in least..=if arity < 0 { least + 7 } else { least } {
                    let rest = (words.len()..argc).map(|number| number.to_string());
                    samples.push(command(&words.iter().cloned().chain(rest).collect::<Vec<_>>()));
                }
            }
        }
        let mut compared = 0;
        for (args, says) in samples.iter().zip(ask(&server, &samples)) {
            let here = ours(args);
            let shown = String::from_utf8_lossy(&args.join(&b' ')).into_owned();
            match says {
                Says::Nothing(_) => {}
                // It counts its keys, and wrongly.
                Says::Keys(keys) if keys.is_empty() => {
                    assert_eq!(here, Says::Nothing("unknown".into()), "{kind:?}: {shown}")
                }
                // It does not know that commands have subcommands; and STRALGO.
                _ if kind == Kind::Redis62 && matches!(here, Says::Nothing(_)) => {}
                says => {
                    compared += 1;
                    assert_eq!(here, says, "{kind:?}: {shown}");
                }
            }
        }
        assert!(compared > 500, "{kind:?}: only {compared} were compared");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn keys_behind_words_and_counts_are_those_that_the_server_finds() {
    let samples = [
        "SET k v EX 10",
        "mSeT a 1 b 2 c 3",
        "MSETEX 2 a 1 b 2 EX 10",
        "HSETEX h FXX EX 10 FIELDS 2 f v g w",
        "DEL a b c d",
        "BLPOP a b 0",
        "RENAME a b",
        "BITOP AND d a b c",
        "PFMERGE d a b",
        "PFMERGE d",
        "LCS a b LEN",
        "SORT k",
        "SORT k BY w_* LIMIT 0 10 GET # GET o_*->f DESC ALPHA STORE d",
        "SORT k STORE d",
        "SORT k BY store GET store STORE d",
        "SORT k STORE d STORE e",
        "SORT_RO k BY w_* GET #",
        "GEORADIUS g 1 2 3 km",
        "GEORADIUS g 1 2 3 km WITHDIST COUNT 10 ASC STORE d",
        "GEORADIUS g 1 2 3 km storedist d",
        "GEORADIUS g 1 2 3 km STORE d STOREDIST e",
        "GEORADIUSBYMEMBER g m 3 km STORE d",
        "GEORADIUSBYMEMBER g STORE 3 km STOREDIST d",
        "XREAD COUNT 2 BLOCK 0 STREAMS a b c 0 0 0",
        "XREADGROUP GROUP streams c COUNT 1 NOACK STREAMS a b > >",
        "XREADGROUP GROUP g STREAMS STREAMS a 0",
        "XGROUP CREATE s g $ MKSTREAM",
        "xgroup|create s g $",
        "XINFO STREAM s FULL",
        "OBJECT ENCODING k",
        "MEMORY USAGE k SAMPLES 3",
        "MIGRATE h 1 k 0 100 COPY REPLACE AUTH KEYS",
        "MIGRATE h 1 k 0 100",
        "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
        "ZINTERSTORE d 1 a AGGREGATE MAX",
        "ZDIFF 2 a b WITHSCORES",
        "SINTERCARD 3 a b c LIMIT 1",
        "LMPOP 2 a b LEFT",
        "BZMPOP 0 2 a b MIN",
        "EVAL script 2 a b c d",
        "EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 1 a",
        "FCALL f 2 a b c",
        "XADD s * f v",
        "COPY a b DB 3 REPLACE",
        "MOVE a 3",
        "RESTORE-ASKING k 0 x",
        "PUBLISH c m",
        "SPUBLISH c m",
        "FLUSHALL",
        "FLUSHDB ASYNC",
        "SWAPDB 0 1",
        "SCRIPT LOAD x",
        "FUNCTION LOAD x",
        "MULTI",
        "VADD v VALUES 2 1 2 e",
        "XACKDEL s g IDS 1 1-1",
    ];
    let samples = [
        samples.map(|line| command(&line.split(' ').collect::<Vec<_>>())).to_vec(),
        vec![
            command(&["MIGRATE", "h", "1", "", "0", "100", "KEYS", "a", "b", "c"]),
            command(&["MIGRATE", "h", "1", "", "0", "100", "COPY", "AUTH2", "KEYS", "KEYS", "KEYS", "a", "b"]),
            command(&["SET", "", "v"]),
            command(&["SET", "\r\n", "v"]),
        ],
    ]
    .concat();
    for kind in ORDER {
        let server = Server::start(kind);
        let mut unknown = 0;
        for (args, says) in samples.iter().zip(ask(&server, &samples)) {
            let shown = String::from_utf8_lossy(&args.join(&b' ')).into_owned();
            match says {
                Says::Nothing(_) => unknown += 1,
                // Older servers list both, and write the last one.
                Says::Keys(keys) if shown.contains("STORE d STOREDIST e") && keys.len() == 3 => {
                    assert_eq!(ours(args), Says::Keys(command(&["e", "g"])), "{kind:?}: {shown}");
                }
                // Older servers take the name of the user for the keyword.
                Says::Keys(keys) if keys.contains(&b"KEYS".to_vec()) => {
                    assert_eq!(ours(args), Says::Keys(command(&["a", "b"])), "{kind:?}: {shown}");
                }
                says => assert_eq!(ours(args), says, "{kind:?}: {shown}"),
            }
        }
        assert!(unknown < 25, "{kind:?}: {unknown} samples are not known");
    }
}

/// The keys of a server by database and name, with a digest of the value and the expiry time.
type State = BTreeMap<(u32, Vec<u8>), (String, i64)>;

fn state(client: &mut Client) -> State {
    let asked: Vec<_> =
        (0..16).flat_map(|db: u32| [command(&["SELECT", &db.to_string()]), command(&["KEYS", "*"])]).collect();
    let keys: Vec<Vec<Vec<u8>>> = client
        .pipeline(&asked)
        .chunks(2)
        .map(|replies| replies[1].items().iter().map(|key| bytes(key).to_vec()).collect())
        .collect();
    let mut state = State::new();
    for (db, keys) in (0_u32..).zip(keys).filter(|(_, keys)| !keys.is_empty()) {
        client.call(&["SELECT", &db.to_string()]);
        let each = |words: &[&str], keys: &[Vec<u8>]| -> Vec<_> {
            keys.iter().map(|key| [command(words), vec![key.clone()]].concat()).collect()
        };
        let types = client.pipeline(&each(&["TYPE"], &keys));
        // DEBUG DIGEST-VALUE of Redis 8.10.2 does not end for an array with a large index.
        let words: &dyn Fn(&Value) -> &'static [&'static str] =
            &|kind| if kind.text() == "array" { &["DUMP"] } else { &["DEBUG", "DIGEST-VALUE"] };
        let asked: Vec<_> =
            keys.iter().zip(&types).flat_map(|(key, kind)| each(words(kind), std::slice::from_ref(key))).collect();
        let digests = client.pipeline(&asked);
        let times = client.pipeline(&each(&["PEXPIRETIME"], &keys));
        for ((key, digest), time) in keys.into_iter().zip(digests).zip(times) {
            state.insert((db, key), (format!("{digest:?}"), time.int()));
        }
    }
    state
}

/// The commands that a server of this kind replicated, where the shared recordings are at hand.
fn replicated(folder: &str) -> Vec<(u32, Vec<Vec<u8>>)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(folder)
        .join("s01-full-disk-all-commands/commands.jsonl");
    let Ok(lines) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: there is no recording at {}", file.display());
        return Vec::new();
    };
    let mut commands = Vec::new();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let bytes = |arg: &serde_json::Value| match (arg.as_str(), arg["b64"].as_str()) {
            (Some(text), _) => Some(text.as_bytes().to_vec()),
            (None, Some(text)) => Some(STANDARD.decode(text).expect("base64")),
            // The recording lists only its hash.
            (None, None) => None,
        };
        let args: Option<Vec<_>> = line["args"].as_array().expect("arguments").iter().map(bytes).collect();
        commands.extend(args.map(|args| (line["db"].as_u64().unwrap_or(0) as u32, args)));
    }
    commands
}

/// Each command of a recorded stream changes only keys that `touches` calls written or removed, and those that it calls
/// removed are gone.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_changes_only_the_keys_that_are_touched() {
    for (kind, folder) in [
        (Kind::Redis70, "corpus/redis-7.0.15"),
        (Kind::Redis82, "corpus/redis-8.2.3"),
        (Kind::Redis810, "corpus-new/redis-8.10.2"),
        (Kind::Valkey91, "corpus/valkey-9.1.2"),
    ] {
        let server = Server::start(kind);
        let mut client = server.client();
        client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        let (mut before, mut changes, mut elsewhere, mut removals) = (State::new(), 0, 0, 0);
        for (db, args) in replicated(folder) {
            let mut sent = OwnedCommand::new(0, &args);
            if sent.is(b"MULTI") || sent.is(b"EXEC") || sent.is(b"REPLCONF") {
                continue;
            }
            sent.db = Some(db);
            client.call(&["SELECT", &db.to_string()]);
            client.ask(&args);
            let after = state(&mut client);
            let shown = format!("{kind:?}: {sent}");
            let names = before.keys().chain(after.keys());
            let changed: BTreeSet<_> = names.filter(|key| before.get(key) != after.get(key)).cloned().collect();
            changes += changed.len();
            match sent.touches() {
                Touches::None => assert!(changed.is_empty(), "{shown}: {changed:?}"),
                Touches::All(dbs) => assert!(changed.iter().all(|(db, _)| dbs.contains(*db)), "{shown}: {changed:?}"),
                Touches::Keys(keys) => {
                    let touched: Vec<_> =
                        keys.map(|key| ((key.db.expect("a database"), key.key.to_vec()), key.access)).collect();
                    // PFCOUNT changes the cached cardinality inside of its key.
                    let written = |key: &(u32, Vec<u8>)| {
                        let is_written = |access: Access| access != Access::Read || sent.is(b"PFCOUNT");
                        touched.iter().any(|(it, access)| it == key && is_written(*access))
                    };
                    assert!(changed.iter().all(written), "{shown}: {changed:?}");
                    elsewhere += changed.iter().filter(|(other, _)| *other != db).count();
                    for (key, _) in touched.iter().filter(|(_, access)| *access == Access::Removed) {
                        assert!(!after.contains_key(key), "{shown}: {key:?} is still there");
                        removals += usize::from(before.contains_key(key));
                    }
                }
                Touches::Unknown => panic!("{shown}"),
            }
            if sent.is_write() == Some(false) && !sent.is(b"PFCOUNT") {
                assert!(changed.is_empty(), "{shown}: {changed:?}");
            }
            before = after;
        }
        let is_there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder).is_dir();
        assert!(
            !is_there || (changes > 200 && elsewhere > 1 && removals > 10),
            "{kind:?}: {changes} {elsewhere} {removals}"
        );
    }
}

/// A command under a new name is in no table. The tool asks the server for its keys, if it may.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_asks_the_server_for_the_keys_of_an_unknown_command() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--rename-command", "MSET", "q.mset"]);
        server.make_backlog();
        server.call(&["ACL", "SETUSER", "follower", "on", ">secret", "+@all", "-command"]);
        for (user, is_described) in [(&["--user", "follower"][..], false), (&[], true)] {
            let address = server.address();
            let args = ["tail", &address, "--format", "json", "--keys", "--key", "user:*", "--heartbeat", "1"];
            let mut asked = crate::tool::redtail(&[&args, user].concat());
            if !is_described {
                asked.env("REDTAIL_PASSWORD", "secret");
            }
            let mut tool = Tool::start_command(&mut asked);
            tool.event_named("attached");
            let mut client = server.client();
            client.call(&["Q.MSET", "user:1", "v", "other", "v"]);
            client.call(&["q.mset", "a", "v", "b", "v"]);
            client.call(&["SET", "user:2", "v"]);
            let first = tool.event_named("command");
            let second = tool.event_named("command");
            if is_described {
                // The database is unknown until a SELECT passes.
                let written = |key: &str, db| serde_json::json!({"key": key, "db": db, "access": "write"});
                let both = serde_json::json!([written("user:1", &first["db"]), written("other", &first["db"])]);
                assert_eq!(first["keys"], both, "{kind:?}");
                assert_eq!(second["keys"], serde_json::json!([written("user:2", &second["db"])]), "{kind:?}");
                tool.says(
                    "\"Q.MSET\": redtail does not know this command; the server described its keys (COMMAND INFO)",
                );
            } else {
                assert_eq!((&first["keys"], &second["keys"]), (&serde_json::Value::Null, &serde_json::Value::Null));
                let address = server.address();
                tool.says(&format!("cannot ask the server for its keys (COMMAND INFO): {address}: NOPERM"));
            }
            let denials = server.call(&["ACL", "LOG"]);
            assert!(denials.items().len() <= 1, "{kind:?}: {denials:?}");
        }
    }
}

/// The keys of SORT depend on its arguments, which COMMAND INFO does not describe. Servers from 7.0 on name them.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_server_names_the_keys_that_depend_on_the_arguments() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--rename-command", "SORT", "q.sort"]);
        server.make_backlog();
        let address = server.address();
        let args = ["tail", &address, "--format", "json", "--keys", "--command", "Q.SORT", "--heartbeat", "1"];
        let mut tool = Tool::start_command(&mut crate::tool::redtail(&args));
        tool.event_named("attached");
        let mut client = server.client();
        client.call(&["RPUSH", "list:1", "b", "a"]);
        for target in ["sorted:1", "sorted:2", "STORE"] {
            client.call(&["q.sort", "list:1", "ALPHA", "STORE", target]);
        }
        client.call(&["q.sort", "list:1", "LIMIT", "0", "1", "ALPHA", "STORE", "sorted:3"]);
        let asked = if kind == Kind::Redis62 { None } else { Some(2) };
        for target in ["sorted:1", "sorted:2", "STORE", "sorted:3"] {
            let event = tool.event_named("command");
            let touched = |key: &str, access: &str| serde_json::json!({"key": key, "db": 0, "access": access});
            let is_named = asked.is_some();
            let keys = serde_json::json!([touched("list:1", "read"), touched(target, "write")]);
            assert_eq!(event["keys"], if is_named { keys } else { serde_json::Value::Null }, "{kind:?} {target}");
        }
        match asked {
            Some(count) => {
                tool.says("named them (COMMAND GETKEYSANDFLAGS), and is asked once for each form of the command");
                let stats = server.info("commandstats");
                let calls = format!("calls={count},");
                assert!(stats["cmdstat_command|getkeysandflags"].starts_with(&calls), "{kind:?}: {stats:?}");
            }
            None => {
                tool.says("\"Q.SORT\": redtail does not know this command, and COMMAND INFO of the server does not")
            }
        }
    }
}
