//! The streams of slot migrations: recorded ones, and commands one by one.

use redtail::resp::{CommandParser, Status};
use redtail::topology::{Migration, MigrationSide, Migrations, Slots};

/// The term for a command, with its task if it has one.
fn term(migration: Option<Migration<'_>>) -> String {
    let Some(migration) = migration else { return "client".to_owned() };
    let Some(task) = migration.task() else { return migration.as_str().to_owned() };
    let fields = [migration.as_str(), task.side.as_str(), task.id, task.source, task.target, &task.slots.to_string()];
    fields.join(" ").trim_end().to_owned()
}

/// The text of a command, and its term.
fn terms(bytes: &[u8]) -> Vec<(String, String)> {
    let (mut parser, mut input, mut migrations) = (CommandParser::stream(), bytes, Migrations::new());
    let mut all = Vec::new();
    while let Status::Complete(command) = parser.next(&mut input).expect("a stream") {
        let text: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        all.push((text.join(" "), term(migrations.next(&command))));
    }
    assert!(input.is_empty());
    all
}

/// Recorded from two nodes of Redis 8.10.2, with clients that write to both. Each value that a client has written to
/// the target, and no other, has `client-target` in it.
#[test]
fn imported_writes_are_distinguished_from_those_of_clients() {
    let completed = "99ab6b8ce4f2d95d6ae1c689a14aca3992b706df import \
                     a2675ac938fa84f33b86eb946299eefc4adf0321 37bcc7ef0ac47b5774540d1612712628258ec8e1";
    let failed = "ff0e2edb159d6f35ad5fec3e2ae42c756cab9618 import \
                  821c9f676d7988514d70d5e1cb98e847c924a8d9 8c0224e180826d9dde252498cdc78e68f3855e95";
    let cancelled = "703a8d0c42619a4ffab0eab7248a61dcdcc6f96b import \
                     2f325467b7367febc3d7c5f9dc9e4af5d4471e77 2a552f48a885a08b73a9f63ae17a94e9e93d2d5d";
    let lost = "68047cbaa445821dbe4df1a2a840b3d49fba971c import \
                00e90991ee2c8d285ed86ffda0f5e791f25a3ce9 7b1804b51029a92f6c14c84929dcae70c3ce7fc2";
    let retries = ["begins", "failed", "trimmed"].repeat(4);
    for (bytes, task, course, imported, clients) in [
        (&include_bytes!("../data/slots/completed-target.commands")[..], completed, vec!["begins", "ends"], 86, 45),
        (
            include_bytes!("../data/slots/failed-target.commands"),
            failed,
            vec!["begins", "failed", "trimmed", "begins", "ends"],
            95,
            67,
        ),
        (
            include_bytes!("../data/slots/cancelled-target.commands"),
            cancelled,
            vec!["begins", "failed", "trimmed"],
            11,
            14,
        ),
        (include_bytes!("../data/slots/source-lost-target.commands"), lost, retries, 54, 142),
    ] {
        let [id, side, source, target] = task.split(' ').collect::<Vec<_>>()[..] else { panic!("four words") };
        let full = format!("{side} {id} {source} {target} 0-2000");
        let mut found = Vec::new();
        let (mut by_task, mut by_clients) = (0, 0);
        for (text, term) in terms(bytes) {
            if text.contains("client-target") {
                assert_eq!(term, "client", "{text}");
                by_clients += 1;
            } else if text.starts_with("SELECT ") {
                assert_eq!(term, "client", "{text}");
            } else if text.contains(" SLOT-INFO ") {
                assert_eq!(term, "message", "{text}");
            } else if text.starts_with("TRIMSLOTS ") || text.starts_with("CLUSTER ") {
                let (word, of) = term.split_once(' ').unwrap_or((&term, &full));
                assert_eq!(of, full, "{text}");
                found.push(word.to_owned());
            } else {
                assert_eq!(term, format!("imported {full}"), "{text}");
                by_task += 1;
            }
        }
        assert_eq!((found, by_clients), (course.iter().map(|word| (*word).to_owned()).collect(), clients), "{id}");
        assert_eq!(by_task, imported, "{id}");
    }
}

/// The shard that gives slots away: its writes stay its clients'.
#[test]
fn the_source_names_the_task_and_its_writes_are_of_clients() {
    let task = "migrate ff0e2edb159d6f35ad5fec3e2ae42c756cab9618 821c9f676d7988514d70d5e1cb98e847c924a8d9 \
                8c0224e180826d9dde252498cdc78e68f3855e95 0-2000";
    let terms = terms(include_bytes!("../data/slots/failed-source.commands"));
    let (clients, marked): (Vec<_>, Vec<_>) =
        terms.into_iter().map(|(_, term)| term).partition(|term| term == "client");
    let course = ["begins", "failed", "begins", "ends"].map(|word| format!("{word} {task}"));
    assert_eq!(marked, [&course[..], &["trimmed".to_owned()]].concat());
    assert_eq!(clients.len(), 103);
}

struct Stream(Migrations);

impl Stream {
    fn next(&mut self, text: &str) -> String {
        term(self.0.next_of_args(text.split(' ').map(str::as_bytes).collect::<Vec<_>>().into_iter()))
    }
}

/// Recorded from Valkey 9.1.2 and Redis 7.0.15.
#[test]
fn commands_of_servers_are_distinguished_from_those_of_clients() {
    let mut stream = Stream(Migrations::new());
    for (text, expected) in [
        ("SET {06S} v", "client"),
        ("DEL k", "client"),
        ("RESTORE k 0 x", "client"),
        ("RESTORE-ASKING k 1795375866787 x ABSTTL", "key"),
        // Two jobs at once. 06S is in slot 0, k in 7629, a in 15495.
        (
            "CLUSTER SYNCSLOTS ESTABLISH SOURCE a0fe NAME 55c1 SLOTSRANGE 7629 7629 1 9",
            "begins import 55c1 a0fe  1-9,7629",
        ),
        ("cluster syncslots establish source b0fe name 55c2 slotsrange 0 0", "begins import 55c2 b0fe  0"),
        ("CLUSTER SYNCSLOTS SNAPSHOT-EOF", "message"),
        ("SET k v", "imported import 55c1 a0fe  1-9,7629"),
        ("RESTORE k 0 x", "imported import 55c1 a0fe  1-9,7629"),
        ("DEL {06S}1 {06S}2", "imported import 55c2 b0fe  0"),
        ("SET a v", "client"),
        ("PUBLISH k v", "client"),
        ("FUNCTION RESTORE x REPLACE", "client"),
        ("NEWER.COMMAND k", "client"),
        ("CLUSTER SYNCSLOTS FINISH STATE SUCCESS NAME 55c1 MESSAGE ", "ends import 55c1 a0fe  1-9,7629"),
        ("SET k v", "client"),
        ("SET {06S} v", "imported import 55c2 b0fe  0"),
        ("CLUSTER SYNCSLOTS FINISH STATE FAILED NAME 55c2 MESSAGE x", "failed import 55c2 b0fe  0"),
        ("SET {06S} v", "client"),
        ("CLUSTER SYNCSLOTS FINISH STATE FAILED NAME 55c3 MESSAGE x", "failed import 55c3"),
        ("TRIMSLOTS RANGES 2 0 9 20 29", "trimmed"),
        ("TRIMSLOTS", "trimmed"),
        ("RESTORE-ASKING", "client"),
        ("CLUSTER", "message"),
        ("CLUSTER SYNCSLOTS CONF ASM-TASK", "message"),
        ("CLUSTER SYNCSLOTS CONF ASM-TASK x:y:z:import:newer-state:0", "message"),
        ("CLUSTER SYNCSLOTS CONF ASM-TASK x\":y:z:import:connecting:0", "message"),
        ("SET {06S} v", "client"),
    ] {
        assert_eq!(stream.next(text), expected, "{text}");
    }
}

#[test]
fn a_task_that_began_earlier_is_known_by_its_slots() {
    let mut stream = Stream(Migrations::new());
    for (text, expected) in [
        ("SET {06S} v", "client"),
        ("CLUSTER SYNCSLOTS CONF SLOT-INFO 0:1:0", "message"),
        ("SET {06S} v", "imported import    0"),
        ("CLUSTER SYNCSLOTS CONF SLOT-INFO 7629:1:0", "message"),
        ("SET k v", "imported import    0,7629"),
        ("FUNCTION RESTORE x REPLACE", "client"),
        ("CLUSTER SYNCSLOTS CONF ASM-TASK x:y:z:import:failed:0-9,7629", "failed import x y z 0-9,7629"),
        ("SET k v", "client"),
        ("CLUSTER SYNCSLOTS CONF ASM-TASK x:y:z:import:connecting:0-9,7629", "begins import x y z 0-9,7629"),
        ("FUNCTION RESTORE x REPLACE", "imported import x y z 0-9,7629"),
        ("FUNCTION RESTORE x REPLACE", "client"),
        ("SET k v", "imported import x y z 0-9,7629"),
    ] {
        assert_eq!(stream.next(text), expected, "{text}");
    }
    stream.0.clear();
    assert_eq!(stream.next("SET k v"), "client");
}

#[test]
fn a_task_has_both_nodes_and_its_slots() {
    let mut migrations = Migrations::new();
    let args: [&[u8]; 5] = [b"CLUSTER", b"SYNCSLOTS", b"CONF", b"ASM-TASK", b"x:y:z:migrate:wait-rdbchannel:7-9"];
    let Some(Migration::Begins(task)) = migrations.next_of_args(args.into_iter()) else { panic!("it begins") };
    assert_eq!((task.id, task.source, task.target, task.side), ("x", "y", "z", MigrationSide::Migrate));
    assert_eq!(task.slots.into_owned(), "7-9".parse::<Slots>().unwrap());
}
