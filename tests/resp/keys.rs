//! The search for keys. A live test compares the table with the servers; these tests check the use of the table.

use proptest::prelude::*;
use redtail::TAPE_LENGTH;
use redtail::resp::{
    CommandParser, CommandSpec, FrameParser, KeyFinder, Keys, Part, Reach, Status, encode_command, encoded_len,
};

fn encoded(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; encoded_len(args)];
    encode_command(&mut bytes, args).unwrap();
    bytes
}

/// The reach of a command and the indices of its keys.
fn keys(args: &[&[u8]]) -> (Reach, Vec<usize>) {
    let bytes = encoded(args);
    let (mut parser, mut input) = (CommandParser::stream(), bytes.as_slice());
    let Status::Complete(command) = parser.next(&mut input).unwrap() else { panic!() };
    match command.keys() {
        Keys::None => (Reach::None, Vec::new()),
        Keys::All => (Reach::All, Vec::new()),
        Keys::Unknown => (Reach::Unknown, Vec::new()),
        Keys::Some(found) => {
            assert!(found.clone().all(|(index, key)| args[index] == key));
            assert!(found.size_hint().1.unwrap() >= found.clone().count());
            (Reach::Some, found.map(|(index, _)| index).collect())
        }
    }
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

#[track_caller]
fn check(line: &str, reach: Reach, indices: &[usize]) {
    assert_eq!(keys(&words(line)), (reach, indices.to_vec()), "{line}");
}

#[test]
fn names_are_found_in_any_case() {
    for name in ["DEL", "del", "dEl"] {
        check(&format!("{name} a b"), Reach::Some, &[1, 2]);
    }
    check("xgroup CREATE s g $", Reach::Some, &[2]);
    check("GEORADIUSBYMEMBER_ro k m 1 km", Reach::Some, &[1]);
}

#[test]
fn commands_without_named_keys_are_told_apart() {
    for line in ["PING", "PUBLISH c m", "SPUBLISH c m", "MULTI", "SELECT 1", "FUNCTION LOAD x", "EVAL s 0 a", "COMMAND"]
    {
        check(line, Reach::None, &[]);
    }
    for line in ["FLUSHALL", "flushdb ASYNC", "SWAPDB 0 1", "CLUSTER FLUSHSLOT 1"] {
        check(line, Reach::All, &[]);
    }
    for line in [
        "OTHER.SET k $ 1",
        "DELX k",
        "DE k",
        "XGROUP NEW k",
        "XGROUP|CREATE k",
        "A-NAME-THAT-IS-LONGER-THAN-ANY-COMMAND-OF-ANY-SERVER k",
        // No server accepts these.
        "DEL",
        "EVAL s x a",
        "EVAL s -1 a",
        "EVAL s 2 a",
        "EVAL s",
        "EVAL s 18446744073709551615 a",
        "EVAL s 99999999999999999999999 a",
        "MSETEX 9223372036854775808 a 1",
        "XREAD COUNT 1",
        "XREAD STREAMS",
    ] {
        check(line, Reach::Unknown, &[]);
    }
    assert_eq!(keys(&[b""]), (Reach::Unknown, vec![]));
    assert_eq!(keys(&[b"\xff\x00", b"k"]), (Reach::Unknown, vec![]));
}

#[test]
fn options_and_counts_lead_to_keys() {
    check("SORT k BY store LIMIT 0 10 GET limit STORE d", Reach::Some, &[1, 10]);
    check("SORT k STORE a STORE b", Reach::Some, &[1, 5]);
    check("SORT k STORE", Reach::Some, &[1]);
    check("GEORADIUS g 1 2 3 km STORE d STOREDIST e", Reach::Some, &[1, 9]);
    check("GEORADIUS g 1 2 3 km STORE STOREDIST STOREDIST", Reach::Some, &[1, 7]);
    check("GEORADIUSBYMEMBER g STORE 3 km STORE", Reach::Some, &[1]);
    check("COPY a b REPLACE DB 3", Reach::Some, &[1, 2]);
    check("XREADGROUP GROUP g streams Streams a b > >", Reach::Some, &[5, 6]);
    check("MSETEX 2 a 1 b 2 EX 10", Reach::Some, &[2, 4]);
    check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", Reach::Some, &[1, 3, 4]);
    let migrate: [&[u8]; 9] = [b"MIGRATE", b"h", b"1", b"", b"0", b"100", b"KEYS", b"a", b"b"];
    assert_eq!(keys(&migrate), (Reach::Some, vec![7, 8]));
    assert_eq!(keys(&migrate[..6]), (Reach::Some, vec![3]));
}

#[test]
fn keys_beyond_the_tape_are_found() {
    let names: Vec<String> = (0..5 * TAPE_LENGTH).map(|number| format!("key:{number}")).collect();
    let mut args: Vec<&[u8]> = vec![b"DEL"];
    args.extend(names.iter().map(String::as_bytes));
    assert_eq!(keys(&args), (Reach::Some, (1..args.len()).collect()));
    args[0] = b"MSET";
    assert_eq!(keys(&args), (Reach::Some, (1..args.len()).step_by(2).collect()));
    args[0] = b"BLPOP";
    assert_eq!(keys(&args), (Reach::Some, (1..args.len() - 1).collect()));
    let last = args.len() - 2;
    (args[0], args[last]) = (b"SORT", b"store");
    assert_eq!(keys(&args), (Reach::Some, vec![1, last + 1]));
}

/// Passes the command to a finder in parts cut at these lengths. Returns its reach, and the arguments that were keys
/// when they began.
fn found(args: &[&[u8]], cuts: &[usize]) -> (Reach, Vec<usize>) {
    let (mut finder, mut indices, mut cuts) = (KeyFinder::new(), Vec::new(), cuts.iter().cycle());
    finder.part(&Part::Begin { argc: args.len() });
    let (mut decided, mut done) = (None, None);
    for (index, arg) in args.iter().enumerate() {
        finder.part(&Part::Argument { index, length: arg.len() as u64 });
        if finder.is_key() {
            indices.push(index);
        }
        assert!(done.is_none() || !finder.is_key(), "a key comes after the last");
        let mut rest = *arg;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
            finder.part(&Part::Piece(piece));
            rest = after;
        }
        if !says_twice(args) {
            assert_eq!(finder.is_key(), indices.last() == Some(&index), "it changed its mind");
        }
        if let Some(before) = decided {
            assert_eq!(finder.reach(), Some(before));
        }
        decided = finder.reach().filter(|reach| *reach != Reach::Some);
        done = done.or(finder.is_done().then_some(index));
    }
    finder.part(&Part::End);
    assert!(finder.is_done());
    let mut all: Vec<_> = finder.keys().map(|key| key.index).collect();
    all.dedup();
    assert_eq!(all, keys(args).1, "all keys are known at the end");
    // A value after the keys is known not to be a key before it arrives.
    if args[0].eq_ignore_ascii_case(b"set") && args.len() > 2 {
        assert_eq!(done, Some(1));
    }
    (finder.reach().unwrap(), indices)
}

/// Whether the end of such a command may revoke an earlier key.
fn says_twice(args: &[&[u8]]) -> bool {
    let names: [&[u8]; 6] = [b"sort", b"migrate", b"georadius", b"georadiusbymember", b"copy", b"move"];
    names.iter().any(|name| args[0].eq_ignore_ascii_case(name))
}

const NAMES: &str = "set DEL MSET BITOP LCS BLPOP PFMERGE EVAL MSETEX ZUNIONSTORE LMPOP BZMPOP XREAD XREADGROUP SORT GEORADIUS \
    GEORADIUSBYMEMBER MIGRATE COPY MOVE XGROUP XINFO OBJECT FLUSHALL PUBLISH nonsense COMMAND";

/// Arguments that may follow, the empty one included.
const WORDS: &str = "0 1 2 3 -1 007 store STORE storedist streams KEYS auth AUTH2 by get limit db replace create stream encoding key  \
    a-value-that-is-longer-than-any-name-in-the-table";

fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one_of = |text: &'static str| {
        let words: Vec<&str> = text.split(' ').collect();
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![20 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()), 1 => bytes]
    };
    (one_of(NAMES), prop::collection::vec(one_of(WORDS), 0..90)).prop_map(|(name, rest)| [vec![name], rest].concat())
}

proptest! {
    #[test]
    fn parts_give_what_the_whole_gives(args in arguments(), cuts in prop::collection::vec(1..30_usize, 1..5)) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let (reach, whole) = keys(&args);
        let (reach_in_parts, parts) = found(&args, &cuts);
        prop_assert_eq!(reach, reach_in_parts);
        prop_assert!(whole.is_sorted() && whole.iter().all(|index| (1..args.len()).contains(index)));
        // In parts, a SORT or MIGRATE may name one key more than at its end, and an invalid count is found late.
        if says_twice(&args) || reach == Reach::Unknown {
            prop_assert!(whole.iter().all(|index| parts.contains(index)));
        } else {
            prop_assert_eq!(whole, parts);
        }
    }
}

/// An entry of a reply to COMMAND INFO, written with spaces as separators: `*` begins an array of the next number,
/// `:` is a number, and anything else is a string.
fn entry(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        match word.as_bytes()[0] {
            b'*' | b':' => bytes.extend(format!("{word}\r\n").bytes()),
            _ => bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()),
        }
    }
    bytes
}

/// A description with these key specifications.
fn described(flags: &str, specs: &str) -> Option<CommandSpec> {
    let flags = format!("*{} {flags}", flags.split_whitespace().count());
    let bytes = entry(&format!("*10 q.do :-2 {flags} :0 :0 :0 *0 *0 {specs} *0"));
    let (mut parser, mut input) = (FrameParser::new(), bytes.as_slice());
    let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!("{specs}") };
    CommandSpec::read(frame)
}

fn spec(flags: &str, begin: &str, find: &str) -> String {
    format!("*6 flags *1 {flags} begin_search *4 {begin} find_keys *4 {find}")
}

#[test]
fn a_description_of_the_server_gives_the_keys_of_a_command() {
    let range = |first: u8, last: i8, step: u8| {
        (
            format!("type index spec *2 index :{first}"),
            format!("type range spec *6 lastkey :{last} keystep :{step} limit :0"),
        )
    };
    let by = |spec: &CommandSpec, line: &str| {
        let bytes = encoded(&words(line));
        let (mut parser, mut input) = (CommandParser::stream(), bytes.as_slice());
        let Status::Complete(command) = parser.next(&mut input).unwrap() else { panic!() };
        // In parts likewise.
        let (mut finder, args) = (KeyFinder::new(), words(line));
        finder.part(&Part::Begin { argc: args.len() });
        for (index, arg) in args.iter().enumerate() {
            finder.part(&Part::Argument { index, length: arg.len() as u64 });
            finder.part(&Part::Piece(arg));
            finder.learn(spec);
        }
        finder.part(&Part::End);
        let found = match command.keys_by(spec) {
            Keys::None => (Reach::None, Vec::new()),
            Keys::All => (Reach::All, Vec::new()),
            Keys::Unknown => (Reach::Unknown, Vec::new()),
            Keys::Some(keys) => (Reach::Some, keys.map(|(index, _)| index).collect()),
        };
        assert_eq!((finder.reach(), finder.keys().map(|key| key.index).collect()), (Some(found.0), found.1.clone()));
        found
    };
    let (begin, find) = range(1, -1, 2);
    let pairs = described("write", &format!("*1 {}", spec("OW", &begin, &find))).unwrap();
    assert!(pairs.is_write());
    assert_eq!(by(&pairs, "q.do a 1 b 2"), (Reach::Some, vec![1, 3]));
    // The table comes first.
    assert_eq!(by(&pairs, "SET a 1 b 2"), (Reach::Some, vec![1]));

    let counted = spec("RO", "type index spec *2 index :2", "type keynum spec *6 keynumidx :0 firstkey :1 keystep :1");
    let counted = described("readonly", &format!("*1 {counted}")).unwrap();
    assert!(!counted.is_write());
    assert_eq!(by(&counted, "q.do x 2 a b c"), (Reach::Some, vec![3, 4]));
    assert_eq!(by(&counted, "q.do x 9 a b c"), (Reach::Unknown, vec![]));

    let word = spec(
        "RM",
        "type keyword spec *4 keyword FROM startfrom :1",
        "type range spec *6 lastkey :-1 keystep :1 limit :0",
    );
    let word = described("write", &format!("*1 {word}")).unwrap();
    assert_eq!(by(&word, "q.do x from a b"), (Reach::Some, vec![3, 4]));

    assert_eq!(by(&described("write", "*0").unwrap(), "q.do x"), (Reach::None, vec![]));
    let channel = spec("not_key", &range(1, 0, 1).0, &range(1, 0, 1).1);
    assert_eq!(by(&described("pubsub", &format!("*1 {channel}")).unwrap(), "q.do x"), (Reach::None, vec![]));

    // The keys are not determined, or the numbers are hostile.
    for wrong in [
        spec("incomplete", &range(1, 0, 1).0, &range(1, 0, 1).1),
        spec("RW", "type unknown spec *0", "type unknown spec *0"),
        spec("RW", &range(1, 0, 0).0, &range(1, 0, 0).1),
        spec("RW", &range(0, 0, 1).0, &range(0, 0, 1).1),
        spec(
            "RW",
            "type index spec *2 index :9223372036854775807",
            "type keynum spec *6 keynumidx :9223372036854775807 firstkey :9223372036854775807 keystep :1",
        )
        .replace("keynumidx :9223372036854775807", "keynumidx :-1"),
        spec(
            "RW",
            "type keyword spec *4 keyword KEYS startfrom :-2",
            "type range spec *6 lastkey :-1 keystep :1 limit :0",
        ),
    ] {
        assert!(described("write", &format!("*1 {wrong}")).is_none(), "{wrong}");
    }
    let one = spec("RW", &range(1, 0, 1).0, &range(1, 0, 1).1);
    assert!(described("write", &format!("*4 {one} {one} {one} {one}")).is_none(), "four specifications");
}

#[test]
fn descriptions_of_old_servers_and_of_containers_are_read() {
    let read = |text: &str| {
        let bytes = entry(text);
        let (mut parser, mut input) = (FrameParser::new(), bytes.as_slice());
        let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!("{text}") };
        CommandSpec::read(frame)
    };
    assert!(read("*6 q.do :-2 *1 write :1 :1 :1").is_some());
    assert!(read("*6 q.do :-2 *0 :0 :0 :0").is_some());
    assert!(read("*6 q.do :-2 *2 write movablekeys :1 :1 :1").is_none());
    assert!(read("*10 q.do :-2 *0 :0 :0 :0 *0 *0 *0 *1 *1 q.do|sub").is_none());
    for other in [":1", "*0", "*1 q", "*6 q.do :-2 *0 :1 :1 :0", "*6 q.do :-2 *0 x x x"] {
        assert!(read(other).is_none(), "{other}");
    }
}
