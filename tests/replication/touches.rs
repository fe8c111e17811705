//! The keys that a command touches, with database and access. A live test compares them with real servers.

use std::path::Path;

use redtail::owned::OwnedCommand;
use redtail::replication::{Databases, Touches};
use redtail::resp::Access::{self, Read, Removed, Write};
use serde_json::Value;

fn command(line: &str, db: Option<u32>) -> OwnedCommand {
    let mut command = OwnedCommand::new(0, line.split(' '));
    command.db = db;
    command
}

#[track_caller]
fn check(line: &str, expected: &[(usize, Option<u32>, Access)]) {
    let command = command(line, Some(7));
    let Touches::Keys(keys) = command.touches() else { panic!("{line}: {:?}", command.touches()) };
    assert!(keys.size_hint().1.unwrap() >= keys.clone().count());
    assert!(keys.clone().all(|touch| command.arg(touch.index) == Some(touch.key)), "{line}");
    let found: Vec<_> = keys.map(|touch| (touch.index, touch.db, touch.access)).collect();
    assert_eq!(found, expected, "{line}");
    assert_eq!(command.is_write(), Some(expected.iter().any(|key| key.2 != Read)), "{line}");
}

#[test]
fn each_key_has_its_access() {
    let here = Some(7);
    check("SET k v", &[(1, here, Write)]);
    check("DEL a b", &[(1, here, Removed), (2, here, Removed)]);
    check("UNLINK a", &[(1, here, Removed)]);
    check("GETDEL a", &[(1, here, Removed)]);
    check("DELEX a", &[(1, here, Removed)]);
    check("DELIFEQ a v", &[(1, here, Removed)]);
    check("HDEL h f", &[(1, here, Write)]);
    check("RENAME a b", &[(1, here, Removed), (2, here, Write)]);
    check("SUNIONSTORE d a b", &[(1, here, Write), (2, here, Read), (3, here, Read)]);
    check("ZUNIONSTORE d 2 a b", &[(1, here, Write), (3, here, Read), (4, here, Read)]);
    check("SORT a STORE d", &[(1, here, Read), (3, here, Write)]);
    check("GEORADIUS g 1 2 3 km STORE d STOREDIST e", &[(1, here, Read), (9, here, Write)]);
    check("LMOVE a b LEFT RIGHT", &[(1, here, Write), (2, here, Write)]);
    check("LMOVEM a b LEFT RIGHT EXACTLY 2 OBO", &[(1, here, Write), (2, here, Write)]);
    check("EVAL s 1 a", &[(3, here, Write)]);
    check("HIMPORT SET k fs v", &[(2, here, Write)]);
    check("RESTORE k 0 payload REPLACE", &[(1, here, Write)]);
    check("ARSET a 0 v", &[(1, here, Write)]);
    // The cached cardinality inside of the key is no data.
    check("PFCOUNT a b", &[(1, here, Read), (2, here, Read)]);
    check("EVAL_RO s 1 a", &[(3, here, Read)]);
    check("GET k", &[(1, here, Read)]);
}

#[test]
fn commands_of_modules_and_of_newer_servers_are_known() {
    let here = Some(7);
    check("JSON.SET k $ 1", &[(1, here, Write)]);
    check("json.get k", &[(1, here, Read)]);
    check("JSON.MSET a $ 1 b $ 2", &[(1, here, Write), (4, here, Write)]);
    check("JSON.MGET a b $", &[(1, here, Read), (2, here, Read)]);
    check("TS.ADD k 1 2", &[(1, here, Write)]);
    check("TS.MADD a 1 2 b 1 2", &[(1, here, Write), (4, here, Write)]);
    check("TS.CREATERULE a b AGGREGATION avg 1", &[(1, here, Write), (2, here, Write)]);
    check("BF.ADD k v", &[(1, here, Write)]);
    check("CF.DEL k v", &[(1, here, Write)]);
    check("CMS.MERGE d 2 a b WEIGHTS 1 2", &[(1, here, Write), (3, here, Read), (4, here, Read)]);
    check("TOPK.INCRBY k a 1", &[(1, here, Write)]);
    check("TDIGEST.MERGE d 1 a OVERRIDE", &[(1, here, Write), (3, here, Read)]);
    check("FT.SUGADD k v 1", &[(1, here, Write)]);
    check("SPEXPIREAT k 1 MEMBERS 1 m", &[(1, here, Write)]);
    check("ZMOVE a b MIN", &[(1, here, Write), (2, here, Write)]);
    check("BLESS SET k NO-EVICT", &[(2, here, Write)]);
    check("BITROAROP OR d a b", &[(2, here, Write), (3, here, Read), (4, here, Read)]);
    check("PHSET k p FIELDS 1 f v", &[(1, here, Write)]);
    assert!(matches!(command("FT._CREATEIFNX i SCHEMA t TEXT", None).touches(), Touches::None));
}

#[test]
fn each_key_has_its_database() {
    check("MOVE k 3", &[(1, Some(7), Removed), (1, Some(3), Write)]);
    check("COPY a b", &[(1, Some(7), Read), (2, Some(7), Write)]);
    check("COPY a b REPLACE db 3", &[(1, Some(7), Read), (2, Some(3), Write)]);
    check("COPY a b DB 2 DB 3", &[(1, Some(7), Read), (2, Some(3), Write)]);
    // The keys may have the name of an option.
    check("COPY DB DB DB 3", &[(1, Some(7), Read), (2, Some(3), Write)]);
    let dbs = |line: &str, db| match command(line, db).touches() {
        Touches::All(dbs) => dbs,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(dbs("flushdb ASYNC", Some(7)), Databases::Selected(Some(7)));
    assert_eq!(dbs("FLUSHDB", None), Databases::Selected(None));
    assert_eq!(dbs("FLUSHALL", Some(7)), Databases::All);
    assert_eq!(dbs("SWAPDB 1 2", Some(7)), Databases::Two(1, 2));
    assert_eq!(dbs("SWAPDB 1 x", Some(7)), Databases::All);
    assert_eq!(dbs("TRIMSLOTS RANGES 1 0 2000", Some(0)), Databases::All);
    assert_eq!(dbs("CLUSTER FLUSHSLOT 1", Some(0)), Databases::All);
    let holds = |dbs: Databases| [0, 1, 2].map(|db| dbs.contains(db));
    assert_eq!(holds(Databases::Two(1, 2)), [false, true, true]);
    assert_eq!(holds(Databases::Selected(Some(1))), [false, true, false]);
    assert_eq!(holds(Databases::Selected(None)), [true, true, true]);
    // No SELECT has passed.
    let moved = command("MOVE k 3", None);
    let Touches::Keys(keys) = moved.touches() else { panic!() };
    assert_eq!(keys.map(|touch| touch.db).collect::<Vec<_>>(), [None, Some(3)]);
    // No server accepts these.
    for line in ["MOVE k x", "MOVE k", "COPY a b DB x", "COPY a b DB -1", "COPY a b DB 4294967296"] {
        assert!(
            !matches!(command(line, None).touches(), Touches::Keys(keys) if keys.clone().any(|it| it.db.is_some()))
        );
    }
    // The keys of a command have each argument once.
    let redtail::resp::Keys::Some(keys) = moved.keys() else { panic!() };
    assert_eq!(keys.collect::<Vec<_>>(), [(1, b"k" as &[u8])]);
}

#[test]
fn commands_that_change_nothing_are_no_writes() {
    for line in [
        "PUBLISH c m",
        "spublish c m",
        "PFCOUNT k",
        "PING",
        "REPLCONF GETACK *",
        "SELECT 1",
        "MULTI",
        "EXEC",
        "CLUSTER SETSLOT 1 NODE x",
        "CLUSTER SYNCSLOTS CONF ASM-TASK x",
        "CLUSTER",
        "HIMPORT PREPARE fs f",
        "FUNCTION LIST",
    ] {
        assert_eq!(command(line, None).is_write(), Some(false), "{line}");
    }
    for line in [
        "SET k v",
        "set",
        "FLUSHALL",
        "SWAPDB 0 1",
        "TRIMSLOTS RANGES 1 0 1",
        "CLUSTER FLUSHSLOT 1",
        "FUNCTION LOAD x",
        "FUNCTION RESTORE x",
        "SCRIPT LOAD x",
        "EVALSHA x 0",
        "FCALL f 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "FT.CREATE i SCHEMA t TEXT",
    ] {
        assert_eq!(command(line, None).is_write(), Some(true), "{line}");
    }
    for line in ["OTHER.SET k", "FUNCTION NEW", "", "A-NAME-THAT-IS-LONGER-THAN-ANY-COMMAND-OF-ANY-SERVER"] {
        assert_eq!(command(line, None).is_write(), None, "{line}");
    }
}

/// Every command that servers replicated is known. Those that are no writes are listed here.
#[test]
fn every_command_of_the_corpus_is_known() {
    const NO_WRITES: [&str; 9] =
        ["SELECT", "PING", "REPLCONF", "MULTI", "EXEC", "PUBLISH", "SPUBLISH", "PFCOUNT", "CLUSTER"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let recordings = ["corpus", "corpus-new"].map(|folder| root.join(folder)).into_iter();
    let servers = recordings.filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let scenarios = servers.filter_map(|server| server.path().read_dir().ok()).flatten().flatten();
    let mut known = 0;
    for file in scenarios.filter_map(|scenario| scenario.path().read_dir().ok()).flatten().flatten() {
        if !file.file_name().to_string_lossy().ends_with("commands.jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(file.path()).unwrap().lines() {
            let args: Value = serde_json::from_str::<Value>(line).unwrap()["args"].take();
            let args = args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap_or("elsewhere"));
            let command = OwnedCommand::new(0, args);
            let name = String::from_utf8(command.name().to_ascii_uppercase()).unwrap();
            assert!(!matches!(command.touches(), Touches::Unknown), "{}: {line}", file.path().display());
            assert_eq!(command.is_write(), Some(!NO_WRITES.contains(&name.as_str())), "{line}");
            known += 1;
        }
    }
    assert!(known == 0 || known > 7000, "only {known} commands");
}
