//! The servers' descriptions of their commands, and the library's table made of them.

use std::collections::{BTreeMap, BTreeSet};

use redtail::resp::{CommandParser, Keys, Status, encode_command, encoded_len};

use crate::client::{Value, command};
use crate::server::{Kind, Server};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/resp/keys/table.rs");

/// In the order of their release: a later description replaces an earlier one.
const ORDER: [Kind; 5] = [Kind::Redis62, Kind::Redis70, Kind::Valkey81, Kind::Redis82, Kind::Valkey91];

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
    let table = all.render();
    if std::env::var_os("REDTAIL_WRITE_TABLE").is_some() {
        std::fs::write(TABLE, &table).expect("write the table");
    }
    let written = std::fs::read_to_string(TABLE).expect("read the table");
    assert!(written == table, "src/resp/keys/table.rs is not what the servers say now: tests/commands makes it anew");
}

fn family(kind: Kind) -> &'static str {
    if kind.version().0 == "valkey_version" { "Valkey" } else { "Redis" }
}

#[derive(Default)]
struct All {
    servers: Vec<String>,
    commands: BTreeMap<String, Told>,
}

/// The description of a command.
#[derive(Default)]
struct Told {
    /// The servers, the shape, and for a container its subcommands.
    by: Vec<(Kind, Shape)>,
    subcommands: BTreeMap<String, Told>,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Nothing,
    All,
    Named(Vec<Spec>),
    /// Before 7.0: COMMAND does not contain the keys.
    Untold,
}

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
fn places(specs: &[Spec]) -> BTreeSet<i64> {
    let places = |spec: &Spec| match *spec {
        Spec::At(first, last, step) => {
            let last = if last < 0 { 8 + last } else { first + last };
            (first..=last).step_by(step as usize).collect()
        }
        Spec::Other(_) => Vec::new(),
    };
    specs.iter().flat_map(places).collect()
}

fn line(text: &mut String, words: impl std::fmt::Display) {
    *text += &format!("{words}\n");
}

fn words(specs: &[Spec]) -> String {
    specs.iter().map(Spec::to_string).collect::<Vec<_>>().join(", ")
}

impl All {
    fn add(&mut self, kind: Kind, found: &Value) {
        let name = found.items()[0].text().to_ascii_lowercase();
        self.commands.entry(name.clone()).or_default().add(kind, &name, found);
    }

    fn render(&self) -> String {
        let mut text = String::from(
            "//! What each command touches. Made by `tests/commands` from the servers' own words (`COMMAND`), not to be changed by hand.\n//!\n",
        );
        line(&mut text, format_args!("//! Source: {}.", self.servers.join(", ")));
        text.push_str(
            "//! What a later one of these says counts. A server named behind a command is the only one that has it, or the first of several.\n//!\n\
             //! - Specifications of what is no key (`not_key`: channels) are left out.\n\
             //! - `All`: a write of the category keyspace without any specification.\n\
             //! - `Store` and `MigrateKeys` stand where the servers' specification is `unknown` or `incomplete`; what SORT reads by its\n\
             //!   patterns (`unknown` too) is left out.\n",
        );
        for note in self.notes() {
            line(&mut text, format_args!("//! - {note}"));
        }
        text.push_str(
            "\nuse super::shape::Entry;\nuse super::shape::Shape::{All, Container, Named, Nothing};\nuse super::shape::Spec::{After, At, Counted, MigrateKeys, Store};\n\n\
             /// The commands whose names have so many letters, in the order of their names.\npub(super) static BY_LENGTH: [&[Entry]; ",
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
                told.render(name, "        ", &mut text);
            }
            text.push_str("    ],\n");
        }
        text.push_str("];\n");
        text
    }

    /// The differences between the servers.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut walk: Vec<_> = self.commands.iter().map(|(name, told)| (name.clone(), told)).collect();
        while let Some((name, told)) = walk.pop() {
            walk.extend(told.subcommands.iter().map(|(sub, told)| (format!("{name} {sub}"), told)));
            let shape = told.shape();
            for (kind, other) in &told.by {
                let is_told = *other != Shape::Untold && (told.subcommands.is_empty() || *kind == Kind::Redis62);
                let server = self.server(*kind);
                match (other, shape) {
                    _ if !is_told && shape == &Shape::Untold => {
                        notes.push(format!("{name} of {server} is left out: it does not say where the keys lie."));
                    }
                    // The same in another form.
                    (Shape::Named(other), Shape::Named(specs)) if places(other) == places(specs) => {}
                    // A container of 6.2 gives the keys of most of its subcommands.
                    (Shape::Named(specs), _) if is_told && other != shape => {
                        notes.push(format!("{name}: {server} says {}.", words(specs)));
                    }
                    _ if is_told && other != shape => notes.push(format!("{name}: {server} says {other:?}.")),
                    _ => {}
                }
            }
        }
        notes.sort();
        notes
    }

    fn server(&self, kind: Kind) -> &str {
        let place = ORDER.iter().position(|it| *it == kind).expect("it is one of them");
        &self.servers[place]
    }
}

impl Told {
    fn add(&mut self, kind: Kind, name: &str, found: &Value) {
        self.by.push((kind, Shape::of(kind, name, found)));
        for sub in found.items().get(9).map(Value::items).unwrap_or_default() {
            let full = sub.items()[0].text().to_ascii_lowercase();
            let (_, sub_name) = full.split_once('|').expect("a subcommand names its container");
            self.subcommands.entry(sub_name.into()).or_default().add(kind, &full, sub);
        }
    }

    fn shape(&self) -> &Shape {
        &self.by.last().expect("somebody told it").1
    }

    fn render(&self, name: &str, indent: &str, text: &mut String) {
        let shape = match self.shape() {
            _ if !self.subcommands.is_empty() => {
                line(text, format_args!("{indent}({name:?}, Container(&["));
                for (sub, told) in &self.subcommands {
                    told.render(sub, &format!("{indent}    "), text);
                }
                return line(text, format_args!("{indent}])),"));
            }
            Shape::Nothing => "Nothing".into(),
            Shape::All => "All".into(),
            Shape::Named(specs) => format!("Named(&[{}])", words(specs)),
            Shape::Untold => unreachable!("left out before"),
        };
        // The older servers that lacked it are irrelevant.
        let first = self.by[0].0;
        let note = match first {
            Kind::Redis62 | Kind::Redis70 => String::new(),
            kind => format!(" // {} {}", family(kind), kind.version().1.trim_end_matches('.')),
        };
        line(text, format_args!("{indent}({name:?}, {shape}),{note}"));
    }
}

impl Shape {
    fn of(kind: Kind, name: &str, found: &Value) -> Shape {
        let found = found.items();
        let words = |place: usize| found[place].items().iter().map(Value::text).collect::<Vec<_>>();
        let (flags, categories) = (words(2), words(6));
        let specs = match found.get(8) {
            Some(specs) => specs.items().iter().filter_map(|spec| specification(name, spec)).collect(),
            None if flags.iter().any(|flag| flag == "movablekeys") => return Shape::Untold,
            None => match [3, 4, 5].map(|place| found[place].int()) {
                [0, ..] => Vec::new(),
                [first, last, step] if last > 0 => vec![Spec::At(first, last - first, step)],
                [first, last, step] => vec![Spec::At(first, last, step)],
            },
        };
        assert!(specs.len() <= 3, "{kind:?}: {name} has {} specifications: raise MOST_SPECS", specs.len());
        let is_keyspace = categories.iter().any(|category| category == "@keyspace");
        match specs.is_empty() {
            false => Shape::Named(specs),
            true if is_keyspace && flags.iter().any(|flag| flag == "write") => Shape::All,
            true => Shape::Nothing,
        }
    }
}

/// A key specification in the form of the table; `None` if it specifies no key.
fn specification(name: &str, spec: &Value) -> Option<Spec> {
    let spec = Fields::of(spec);
    let flags: Vec<_> = spec.0["flags"].items().iter().map(Value::text).collect();
    let has = |flag: &str| flags.iter().any(|it| it == flag);
    if has("not_key") {
        return None;
    }
    let (begin, find) = (Fields::of(spec.0["begin_search"]), Fields::of(spec.0["find_keys"]));
    let (begins, finds) = (begin.0["type"].text(), find.0["type"].text());
    let (begin, find) = (Fields::of(begin.0["spec"]), Fields::of(find.0["spec"]));
    Some(match (begins.as_str(), finds.as_str()) {
        ("keyword", _) if name == "migrate" && has("incomplete") => Spec::Other("MigrateKeys".into()),
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
        ("keyword", "range") => {
            assert!(begin.int("startfrom") > 0, "{name} looks for its keyword from behind");
            let (word, from) = (begin.0["keyword"].text().to_ascii_lowercase(), begin.int("startfrom"));
            let (last, step, limit) = (find.int("lastkey"), find.int("keystep"), find.int("limit"));
            Spec::Other(format!("After({word:?}, {from}, {last}, {step}, {limit})"))
        }
        ("unknown", "unknown") if name == "sort" && has("OW") => Spec::Other("Store".into()),
        ("unknown", "unknown") if matches!(name, "sort" | "sort_ro") => return None,
        other => panic!("{name} has keys of a kind that is not known here: {other:?}"),
    })
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
    for kind in Kind::ALL {
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
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let mut unknown = 0;
        for (args, says) in samples.iter().zip(ask(&server, &samples)) {
            let shown = String::from_utf8_lossy(&args.join(&b' ')).into_owned();
            match says {
                Says::Nothing(_) => unknown += 1,
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
