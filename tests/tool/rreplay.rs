//! RREPLAY of KeyDB: filters and formats see the writes inside.

use crate::run::{REPLID, command, commands, run_on};

const US: &str = "f4d5b2b5-4f07-4ee5-a4f2-5dc98507dfce";
const PEER: &str = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";

/// As a KeyDB active replica sends a write of `origin`.
fn wrapped(origin: &str, write: &[u8], db: &str) -> Vec<u8> {
    command(&[b"RREPLAY", origin.as_bytes(), write, db.as_bytes(), b"1878060940079923202"])
}

/// Each write has a database of its own; a write may be two commands; a write of a peer is wrapped twice.
fn of_keydb() -> Vec<u8> {
    let expiring = [commands(&["SET a 1"]), commands(&["PEXPIREAT a 99"])].concat();
    [
        wrapped(US, &expiring, "2"),
        wrapped(US, &commands(&["PING"]), "2"),
        wrapped(US, &commands(&["multi"]), "0"),
        wrapped(US, &commands(&["SET b 2"]), "0"),
        wrapped(US, &wrapped(PEER, &commands(&["SET c 3"]), "3"), "3"),
        wrapped(US, &commands(&["EXEC"]), "0"),
        wrapped(US, &commands(&["DEL d"]), "0"),
    ]
    .concat()
}

#[test]
fn filters_see_the_writes_inside_of_rreplay() {
    let input = of_keydb();
    let all = "SET,PEXPIREAT,multi,SET,SET,EXEC,DEL";
    for (arguments, expected) in [
        (&[][..], all),
        (&["--command", "SET"], "SET,multi,SET,SET,EXEC"),
        (&["--db", "2"], "SET,PEXPIREAT"),
        (&["--db", "3"], "SET"),
        (&["--key", "d"], "DEL"),
        (&["--command", "RREPLAY"], ""),
    ] {
        let ran = run_on(&[&["decode"], arguments].concat(), &input).ok();
        let name = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        assert_eq!(ran.text().lines().map(name).collect::<Vec<_>>().join(","), expected, "{arguments:?}");
    }
    let ran = run_on(&["decode", "--all"], &input).ok();
    assert!(ran.text().contains("\"PING\""), "{}", ran.text());
}

#[test]
fn writes_inside_of_rreplay_have_their_origin_and_transaction() {
    let input = of_keydb();
    let first = wrapped(US, &[commands(&["SET a 1"]), commands(&["PEXPIREAT a 99"])].concat(), "2").len();
    let text = run_on(&["decode"], &input).ok();
    assert!(text.text().starts_with(&format!("{first} [2] (origin {US}) \"SET\" \"a\" \"1\"\n")), "{}", text.text());
    let events = run_on(&["decode", "--format", "json", "--keys"], &input).ok().json();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let name = event["args"][0].as_str().unwrap_or(event["event"].as_str().unwrap());
            (name, event["db"].as_u64().unwrap(), event["origin"].as_str().unwrap(), event["tx"] == true)
        })
        .collect();
    let expected = [
        ("SET", 2, US, false),
        ("PEXPIREAT", 2, US, false),
        ("multi", 0, US, false),
        ("SET", 0, US, true),
        // Another server's write is no part of the transaction.
        ("SET", 3, PEER, false),
        ("exec", 0, US, false),
        ("DEL", 0, US, false),
    ];
    assert_eq!(seen, expected);
    assert!(events[6]["keys"][0].to_string().contains("\"d\""), "{}", events[6]);
    assert_eq!(events[6]["offset"], input.len());
    // A program that drops what it has seen already compares ids.
    let recording = [format!("+FULLRESYNC {REPLID} 0\r\n$0\r\n").as_bytes(), &input].concat();
    let recording =
        [format!("+CONTINUE {REPLID}\r\n").as_bytes(), &recording[recording.len() - input.len()..]].concat();
    let events = run_on(&["decode", "--format", "json", "--offset", "0"], &recording).ok().json();
    let ids: Vec<_> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids[..2], [format!("{REPLID}:{first}"), format!("{REPLID}:{first}:1")]);
}

#[test]
fn resp_of_rreplay_is_for_servers_that_do_not_know_it() {
    let expected = commands(&[
        "SELECT 2",
        "SET a 1",
        "PEXPIREAT a 99",
        "SELECT 0",
        "multi",
        "SET b 2",
        "SELECT 3",
        "SET c 3",
        "EXEC",
        "SELECT 0",
        "DEL d",
    ]);
    let ran = run_on(&["decode", "--format", "resp"], &of_keydb()).ok();
    assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
    // Beyond 64 KiB a command arrives in parts.
    let value = "v".repeat(100_000);
    for write in [format!("SET large {value}"), format!("MSET large {value} small v")] {
        let large = commands(&[&write]);
        let ran = run_on(&["decode", "--format", "resp"], &wrapped(US, &large, "5")).ok();
        assert_eq!(ran.out, [commands(&["SELECT 5"]), large.clone()].concat());
        // An RREPLAY of no known form, and other large commands, pass as they are.
        let odd = command(&[b"RREPLAY", b"no uuid", &large]);
        let input = [odd, large].concat();
        let ran = run_on(&["decode", "--format", "resp", "--assume-db", "5"], &input).ok();
        assert_eq!(ran.out, [commands(&["SELECT 5"]), input].concat());
    }
}

/// It ended the run, without the offset.
#[test]
fn an_rreplay_with_an_invalid_write_is_printed_as_it_is() {
    let value = "v".repeat(100_000);
    let set = commands(&["SET a 1"]);
    for (write, message) in [
        (set[..9].to_vec(), "it ends inside a command"),
        (b"hello".to_vec(), "found 'h'"),
        ([&set, b"*1\r\n:5\r\n".as_slice()].concat(), "expected"),
        (commands(&["SELECT x"]), "a SELECT without a database"),
        ([commands(&[&format!("SET a {value}")]), b"*1\r\n".to_vec()].concat(), "it ends inside a command"),
    ] {
        let invalid = wrapped(US, &write, "7");
        let input = [wrapped(US, &set, "2"), invalid.clone(), wrapped(US, &set, "2")].concat();
        let offset = wrapped(US, &set, "2").len() + invalid.len();
        let ran = run_on(&["decode", "--format", "resp"], &input).ok();
        let parts = [commands(&["SELECT 2"]), set.clone(), commands(&["SELECT 7"]), invalid, commands(&["SELECT 2"])];
        let expected = [parts.concat(), set.clone()].concat();
        assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
        let line = format!("redtail: offset {offset}: the write inside of an RREPLAY is invalid: ");
        assert!(ran.err.starts_with(&line) && ran.err.contains(message), "{}", ran.err);
        assert!(
            ran.err.ends_with("; the RREPLAY is printed as it is\n") && ran.err.lines().count() == 1,
            "{}",
            ran.err
        );
    }
}

/// It was held, up to 1 GiB.
#[test]
fn an_rreplay_too_large_to_be_held_is_printed_as_it_is() {
    let large = commands(&[&format!("SET large {}", "v".repeat(65 << 20))]);
    let small = wrapped(US, &commands(&["SET a 1"]), "5");
    let large = wrapped(US, &large, "5");
    let input = [small.clone(), large.clone(), small].concat();
    let ran = run_on(&["decode", "--format", "resp", "--assume-db", "5"], &input).ok();
    let set = commands(&["SET a 1"]);
    assert!(ran.out == [commands(&["SELECT 5"]), set.clone(), large, set].concat());
    assert!(ran.err.contains("more than 64 MiB") && ran.err.lines().count() == 1, "{}", ran.err);
}

/// Its commands were printed in the database of another write.
#[test]
fn a_select_inside_of_rreplay_is_for_the_rest_of_its_write() {
    let value = "v".repeat(100_000);
    for last in ["SET q 1", &format!("SET q {value}")] {
        let write = [commands(&["SET p 1"]), commands(&["SELECT 4"]), commands(&[last])].concat();
        let input =
            [wrapped(US, &write, "2"), wrapped(US, &commands(&["SET r 1"]), "2"), wrapped(US, &write, "2")].concat();
        let ran = run_on(&["decode", "--format", "resp"], &input).ok();
        let once = ["SELECT 2", "SET p 1", "SELECT 4", last];
        let expected = commands(&[&once[..], &["SELECT 2", "SET r 1", "SET p 1", "SELECT 4", last]].concat());
        assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
        let events = run_on(&["decode", "--format", "json", "--key", "q"], &input).ok().json();
        assert_eq!(events.iter().map(|event| event["db"].as_u64()).collect::<Vec<_>>(), [Some(4), Some(4)]);
    }
}

/// Another server's transaction inside of a transaction can't be shown as one.
#[test]
fn overlapping_transactions_of_keydb_are_said() {
    let write = |origin, text: &str| wrapped(origin, &commands(&[text]), "0");
    let input = [
        write(US, "MULTI"),
        write(PEER, "MULTI"),
        write(PEER, "SET p 1"),
        write(US, "SET u 1"),
        write(US, "EXEC"),
        write(PEER, "SET p 2"),
        write(PEER, "EXEC"),
    ]
    .concat();
    let ran = run_on(&["decode", "--format", "resp"], &input).ok();
    let expected = commands(&["SELECT 0", "SET p 1", "MULTI", "SET u 1", "EXEC", "SET p 2"]);
    assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
    assert_eq!(ran.err.matches("two servers have a transaction at the same time").count(), 1, "{}", ran.err);
}
