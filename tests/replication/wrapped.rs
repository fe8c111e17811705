//! Writes that a KeyDB active replica wraps in RREPLAY.

use redtail::replication::Wrapped;
use redtail::{Ack, CommandParser, Options, Start, Status};

use crate::shell::{Seen, Shell, command};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const US: &str = "f4d5b2b5-4f07-4ee5-a4f2-5dc98507dfce";
const PEER: &str = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn wrap(origin: &str, inner: &[&str]) -> Vec<u8> {
    command(&["RREPLAY", origin, text(&command(inner)), "7", "1878060940079923202"])
}

fn attached() -> Shell {
    let start = Start::At(format!("{ID}:0:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start: start, control: true, ack: Ack::Applied });
    loop {
        match shell.sent().first().map(String::as_str) {
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            Some(psync) if psync.starts_with("PSYNC") => break,
            _ => shell.arrive(b"+OK\r\n"),
        }
    }
    shell.arrive(b"+CONTINUE\r\n");
    shell.events();
    shell
}

/// Kind, transaction, and whether the stream can be resumed after it.
fn seen(shell: &mut Shell) -> Vec<(&'static str, Option<u64>, bool)> {
    let of = |seen| match seen {
        Seen::Command { kind, tx, position, .. } => (kind, tx, position.is_some()),
        other => panic!("{other:?}"),
    };
    shell.events().into_iter().map(of).collect()
}

#[test]
fn a_wrapped_transaction_is_one() {
    for cut in [1, 7, 10_000] {
        let mut shell = attached();
        let multi = wrap(US, &["multi"]);
        let begin = Some(multi.len() as u64);
        let stream = [
            multi,
            wrap(US, &["SET", "k", "v"]),
            command(&["RREPLAY", US, text(&wrap(PEER, &["SET", "p", "v"])), "7", "9"]),
            wrap(PEER, &["MULTI"]),
            wrap(PEER, &["EXEC"]),
            wrap(US, &["EXEC"]),
            wrap(US, &["DEL", "k"]),
            wrap(US, &["EXEC"]),
        ]
        .concat();
        stream.chunks(cut).for_each(|bytes| shell.arrive(bytes));
        let expected = [
            ("multi", begin, false),
            ("command", begin, false),
            // The write of another server is no part of the transaction, and a run that resumes here would miss MULTI.
            ("command", None, false),
            ("command", None, false),
            ("command", None, false),
            ("exec", begin, true),
            ("command", None, true),
            ("command", None, true),
        ];
        assert_eq!(seen(&mut shell), expected, "{cut}");
        assert_eq!(shell.session.position().unwrap().offset, stream.len() as u64);
    }
}

#[test]
fn wrapped_control_commands_are_control_commands() {
    let mut shell = attached();
    shell.sent();
    shell.arrive(&wrap(US, &["PING"]));
    shell.arrive(&wrap(US, &["REPLCONF", "GETACK", "*"]));
    assert_eq!(seen(&mut shell), [("control", None, true), ("control", None, true)]);
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"], "nothing is committed");
    // A database of its own is no SELECT of the stream.
    shell.arrive(&wrap(US, &["SELECT", "3"]));
    let events = shell.events();
    assert!(matches!(events[..], [Seen::Command { kind: "command", db: Some(0), .. }]), "{events:?}");
}

#[test]
fn the_write_inside_of_rreplay_has_its_database_and_origin() {
    let write = command(&["SET", "k", "v"]);
    let expiring = [write.clone(), command(&["PEXPIREAT", "k", "9"])].concat();
    let twice = command(&["rreplay", PEER, text(&write)]);
    for (arguments, expected) in [
        (&["RREPLAY", US, text(&write), "7", "11"][..], Some((US, &write, Some(7), Some(11)))),
        (&["rreplay", US, text(&write)], Some((US, &write, None, None))),
        (&["RREPLAY", US, text(&expiring), "0"], Some((US, &expiring, Some(0), None))),
        // The database of the outer one, since the inner one has none.
        (&["RREPLAY", US, text(&twice), "2", "11"], Some((PEER, &write, Some(2), None))),
        (&["RREPLAY", US, "", "-1"], Some((US, &Vec::new(), None, None))),
        (&["RREPLAY", US], None),
        (&["RREPLAY", "no uuid", text(&write), "0"], None),
        (&["SET", US, text(&write), "0"], None),
    ] {
        let bytes = command(arguments);
        let mut parser = CommandParser::stream();
        let Status::Complete(found) = parser.next(&mut bytes.as_slice()).unwrap() else { panic!("{arguments:?}") };
        let wrapped = Wrapped::of(&found);
        let expected = expected.map(|(origin, commands, db, mvcc)| (origin.as_bytes(), commands.as_slice(), db, mvcc));
        assert_eq!(wrapped.map(|it| (it.origin, it.commands, it.db, it.mvcc)), expected, "{arguments:?}");
    }
    // Nested as deep as KeyDB's own limit of 64, and deeper.
    let deep = (0..200).fold(write.clone(), |inner, _| command(&["RREPLAY", US, text(&inner), "5"]));
    let mut parser = CommandParser::stream();
    let Status::Complete(found) = parser.next(&mut deep.as_slice()).unwrap() else { panic!() };
    assert_eq!(Wrapped::of(&found).unwrap().commands, write);
}

#[test]
fn commands_inside_of_rreplay_have_no_position() {
    let stream = wrap(US, &["SET", "k", "v"]);
    let mut reader = redtail::io::RecordingReader::commands(stream.as_slice(), Options::default(), 0);
    let Some(redtail::Event::Command(outer)) = reader.next_event().unwrap() else { panic!() };
    let wrapped = Wrapped::of(&outer).unwrap();
    let mut parser = CommandParser::stream();
    let Status::Complete(inner) = parser.next(&mut { wrapped.commands }).unwrap() else { panic!() };
    let inner = outer.containing(inner, wrapped.db);
    assert_eq!(inner.to_string(), format!(r#"{} [7] "SET" "k" "v""#, stream.len()));
    assert!(inner.position().is_none());
}
