//! Formats and limits, on inputs made by hand.

use serde_json::{Value, json};

use crate::run::{REPLID, command, commands, resumed, run_on};

/// SELECT 2, SET k v, MULTI, INCR n, EXEC, PING after offset 100.
fn small() -> Vec<u8> {
    resumed(&commands(&["SELECT 2", "SET k v", "MULTI", "INCR n", "EXEC", "ping", "DEL k"]))
}

#[test]
fn text_is_one_line_a_command() {
    let ran = run_on(&["decode", "--offset", "100"], &small()).ok();
    assert_eq!(
        ran.text(),
        "150 [2] \"SET\" \"k\" \"v\"\n165 [2] \"MULTI\"\n186 [2] \"INCR\" \"n\"\n200 [2] \"EXEC\"\n234 [2] \"DEL\" \"k\"\n"
    );
}

#[test]
fn text_with_all_shows_control_commands() {
    let ran = run_on(&["decode", "--offset", "100", "--all"], &small()).ok();
    assert!(ran.text().starts_with("123 [2] \"SELECT\" \"2\"\n"), "{}", ran.text());
    assert!(ran.text().contains("214 [2] \"ping\"\n"), "{}", ran.text());
}

#[test]
fn json_is_the_contract() {
    let ran = run_on(&["decode", "--offset", "100", "--format", "json"], &small()).ok();
    let attached = json!({
        "event": "attached", "method": "continued", "replid": REPLID, "history": REPLID, "offset": 100, "db": null,
        "target": "-", "server": null, "role": null,
    });
    let id = |offset: u64| format!("{REPLID}:{offset}");
    assert_eq!(
        ran.json(),
        [
            attached,
            json!({"event": "command", "id": id(150), "offset": 150, "db": 2, "tx": false, "args": ["SET", "k", "v"]}),
            json!({"event": "multi", "offset": 165, "db": 2}),
            json!({"event": "command", "id": id(186), "offset": 186, "db": 2, "tx": true, "tx_id": 165, "args": ["INCR", "n"]}),
            json!({"event": "exec", "offset": 200, "db": 2}),
            json!({"event": "command", "id": id(234), "offset": 234, "db": 2, "tx": false, "args": ["DEL", "k"]}),
        ]
    );
}

#[test]
fn arguments_that_are_not_utf8_are_base64() {
    let input = command(&[b"SET", b"\xc3\xbc\n\"\x00", b"\xff\xfe"]);
    let ran = run_on(&["decode", "--format", "json"], &input).ok();
    assert_eq!(ran.json()[0]["args"], json!(["SET", "ü\n\"\u{0}", {"base64": "//4="}]));
    assert_eq!(ran.json()[0]["db"], Value::Null);
    assert_eq!(ran.json()[0]["id"], Value::Null);
    let ran = run_on(&["decode"], &input).ok();
    assert_eq!(ran.text(), "32 [?] \"SET\" \"\\xc3\\xbc\\n\\\"\\x00\" \"\\xff\\xfe\"\n");
}

#[test]
fn long_arguments_are_left_out() {
    for (length, max_arg) in
        [(11, "10"), (1023, "1022"), (1024, "1023"), (100_000, "10"), (100_000, "99999"), (3_000_000, "5000")]
    {
        let input = [command(&[b"SET", b"", &vec![b'x'; length], b"EX"]), commands(&["DEL k"])].concat();
        let ran = run_on(&["decode", "--format", "json", "--max-arg", max_arg], &input).ok();
        assert_eq!(ran.json()[0]["args"], json!(["SET", "", {"omitted": length}, "EX"]), "{length}");
        assert_eq!(ran.json()[0]["event"], "command");
        assert_eq!(ran.json()[0]["offset"], input.len() - 20, "{length}");
        assert_eq!(ran.json()[1]["args"], json!(["DEL", "k"]));
        let ran = run_on(&["decode", "--max-arg", max_arg], &input).ok();
        let expected = format!("{} [?] \"SET\" \"\" (omitted {length} bytes) \"EX\"\n", input.len() - 20);
        assert!(ran.text().starts_with(&expected), "{}", ran.text());
    }
}

#[test]
fn arguments_of_just_that_length_are_whole() {
    for length in [10, 1023, 1024, 1025, 70_000, 3_000_000] {
        let value = vec![b'x'; length];
        let input = command(&[b"SET", b"k", &value, &vec![b'y'; length + 1], &value]);
        let ran = run_on(&["decode", "--format", "json", "--max-arg", &length.to_string()], &input).ok();
        let value = String::from_utf8(value).unwrap();
        assert!(ran.json()[0]["args"] == json!(["SET", "k", value, {"omitted": length + 1}, value]), "{length}");
    }
}

#[test]
fn a_command_larger_than_any_buffer_flows() {
    let values: Vec<Vec<u8>> = (0..40u8).map(|i| vec![b'a' + i % 26; 300_000]).collect();
    let mut args: Vec<&[u8]> = vec![b"RPUSH", b"list"];
    args.extend(values.iter().map(Vec::as_slice));
    let input = command(&args);
    let ran = run_on(&["decode", "--format", "json", "--max-arg", "400000"], &input).ok();
    let got = ran.json();
    assert_eq!((got.len(), got[0]["args"].as_array().unwrap().len()), (1, 42));
    assert!((0..40).all(|i| got[0]["args"][i + 2].as_str().unwrap().as_bytes() == values[i]));
    let ran = run_on(&["decode", "--max-arg", "400000"], &input).ok();
    assert_eq!(ran.text().len(), format!("{} [?] ", input.len()).len() + 7 + 1 + 6 + 40 * 300_003 + 1);
    let ran = run_on(&["decode", "--format", "resp", "--assume-db", "0"], &input).ok();
    assert!(ran.out == [commands(&["SELECT 0"]), input].concat());
}

#[test]
fn count_ends_outside_of_transactions() {
    let lines = |arguments: &[&str]| {
        run_on(&[&["decode", "--offset", "100"], arguments].concat(), &small()).ok().text().lines().count()
    };
    assert_eq!(lines(&["--count", "1"]), 1);
    assert_eq!(lines(&["--count", "2"]), 4);
    assert_eq!(lines(&["--count", "3"]), 5);
    assert_eq!(lines(&["--count", "1", "--all"]), 1);
    assert_eq!(lines(&["--count", "9"]), 5);
}

#[test]
fn until_ends_at_an_offset_but_not_inside_a_transaction() {
    let lines =
        |until: &str| run_on(&["decode", "--offset", "100", "--until", until], &small()).ok().text().lines().count();
    assert_eq!(lines("50"), 0);
    assert_eq!(lines("100"), 0);
    assert_eq!(lines("101"), 0);
    assert_eq!(lines("150"), 1);
    assert_eq!(lines("151"), 4);
    assert_eq!(lines("200"), 4);
    assert_eq!(lines("201"), 4);
    assert_eq!(lines("215"), 5);
}

#[test]
fn resp_leaves_out_what_can_not_be_loaded() {
    let ran = run_on(&["decode", "--format", "resp"], &small()).ok();
    assert_eq!(ran.out, commands(&["SELECT 2", "SET k v", "MULTI", "INCR n", "EXEC", "DEL k"]));
}

#[test]
fn resp_refuses_while_the_database_is_unknown() {
    let input = resumed(&commands(&["SET k v", "SELECT 1", "SET k w"]));
    let ran = run_on(&["decode", "--format", "resp"], &input);
    assert_eq!((ran.code, ran.out.as_slice()), (1, b"".as_slice()));
    assert!(ran.err.contains("--assume-db"), "{}", ran.err);
    let ran = run_on(&["decode", "--format", "resp", "--assume-db", "7"], &input).ok();
    assert_eq!(ran.out, commands(&["SELECT 7", "SET k v", "SELECT 1", "SET k w"]));
}

#[test]
fn resp_selects_before_a_transaction_that_needs_it() {
    let input = resumed(&commands(&["MULTI", "SET k v", "EXEC"]));
    assert_eq!(run_on(&["decode", "--format", "resp"], &input).code, 1);
    let ran = run_on(&["decode", "--format", "resp", "--assume-db", "7"], &input).ok();
    assert_eq!(ran.out, commands(&["SELECT 7", "MULTI", "SET k v", "EXEC"]));
    // A transaction with its own SELECT needs no further one.
    let input = commands(&["multi", "SELECT 3", "SET k v", "EXEC", "SET k w"]);
    assert_eq!(run_on(&["decode", "--format", "resp"], &resumed(&input)).ok().out, input);
}

#[test]
fn resp_takes_back_half_a_transaction() {
    let whole = commands(&["SELECT 0", "SET k v", "MULTI", "INCR n"]);
    let ran = run_on(&["decode", "--format", "resp"], &resumed(&whole));
    assert_eq!((ran.code, ran.out), (1, [whole, commands(&["DISCARD"])].concat()));
    assert!(ran.err.contains("MULTI at offset 65"), "{}", ran.err);
}

#[test]
fn a_file_that_ends_in_the_middle_gives_what_was_whole() {
    let input = small();
    let cut = &input[..input.len() - 3];
    for format in ["text", "json", "resp"] {
        let ran = run_on(&["decode", "--offset", "100", "--format", format], cut);
        assert_eq!(ran.code, 1);
        assert_eq!(ran.err.lines().filter(|line| !line.contains("attached")).count(), 1, "{}", ran.err);
        assert!(ran.err.contains("byte 183") && ran.err.contains("byte 166"), "{}", ran.err);
        assert!(!ran.out.is_empty());
    }
}

#[test]
fn a_large_command_that_breaks_off_is_void() {
    let input = [commands(&["SELECT 0"]), command(&[b"SET", b"k", &vec![b'x'; 9000]])].concat();
    for (input, code) in [(resumed(&input), 1), (input, 0)] {
        let ran = run_on(&["decode", "--format", "json", "--max-arg", "2000"], &input[..input.len() - 100]);
        assert_eq!(ran.code, code);
        assert!(ran.json().iter().all(|event| event["event"] != "command"), "{}", ran.text());
        let ran = run_on(&["decode", "--max-arg", "2000"], &input[..input.len() - 100]);
        assert_eq!((ran.code, ran.text()), (code, ""));
    }
    // Written bytes can't be taken back.
    let input = [commands(&["SELECT 0"]), command(&[b"SET", b"k", &vec![b'x'; 90_000]])].concat();
    let ran = run_on(&["decode", "--format", "resp"], &input[..input.len() - 100]);
    assert!(ran.code == 1 && ran.err.contains("can't be loaded"), "{}", ran.err);
}

#[test]
fn garbage_is_named_by_its_byte() {
    let input = [commands(&["SELECT 0", "SET k v"]), b"hello\r\n".to_vec()].concat();
    let ran = run_on(&["decode", "--offset", "1000"], &input);
    assert_eq!((ran.code, ran.text().lines().count()), (1, 1));
    let position = "at byte 50 of the input; everything before byte 50 is valid (offset 1050)";
    assert!(ran.err.contains("'h'") && ran.err.contains(position), "{}", ran.err);
    let ran = run_on(&["decode"], &input);
    assert!(ran.err.contains("'h'") && ran.err.contains("byte 50 of the input"), "{}", ran.err);
    assert!(!ran.err.contains("offset"), "{}", ran.err);
    let ran = run_on(&["decode", "--offset", "1000"], &resumed(&input));
    assert!(ran.err.contains("'h'") && ran.err.contains("at offset 1050"), "{}", ran.err);
    let ran = run_on(&["decode"], b"hello\r\n");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("'h'") && ran.err.contains("--frames"), "{}", ran.err);
}

#[test]
fn append_only_files_have_annotations() {
    let input =
        [b"#TS:1628217470\r\n".to_vec(), commands(&["SELECT 1"]), b"#x\r\n".to_vec(), commands(&["SET k v"])].concat();
    let ran = run_on(&["decode", "--format", "json"], &input).ok();
    assert_eq!((ran.json().len(), &ran.json()[0]["db"]), (1, &json!(1)));
    assert_eq!((&ran.json()[0]["offset"], &ran.json()[0]["time"]), (&json!(input.len()), &json!(1_628_217_470)));
}

#[test]
fn frames_of_every_kind_take_one_line_each() {
    let input: &[u8] = b"+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\xffb\r\n$-1\r\n_\r\n#t\r\n,1.5\r\n,inf\r\n(123\r\n=7\r\ntxt:hey\r\n\
        *2\r\n:1\r\n*0\r\n%1\r\n+k\r\n~1\r\n:2\r\n>1\r\n+p\r\n|1\r\n+a\r\n:1\r\n$1\r\nx\r\n$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n*?\r\n:1\r\n.\r\n";
    let ran = run_on(&["decode", "--frames"], input).ok();
    assert_eq!(
        ran.text().lines().map(|line| line.split_once(' ').unwrap().1).collect::<Vec<_>>(),
        [
            "simple_string \"OK\"",
            "error \"ERR no\"",
            "integer -7",
            "bulk_string \"a\\xffb\"",
            "null",
            "null",
            "boolean true",
            "double 1.5",
            "double inf",
            "big_number \"123\"",
            "verbatim_string \"hey\"",
            "array [integer 1, array []]",
            "map {simple_string \"k\": set [integer 2]}",
            "push [simple_string \"p\"]",
            "attribute {simple_string \"a\": integer 1} bulk_string \"x\"",
            "bulk_string \"abc\"",
            "array [integer 1]",
        ]
    );
    let ran = run_on(&["decode", "--frames", "--format", "json"], input).ok();
    let frames = ran.json();
    assert_eq!(frames[0], json!({"event": "frame", "at": 0, "bytes": 5, "type": "simple_string", "value": "OK"}));
    assert_eq!(frames[3]["value"], json!({"base64": "Yf9i"}));
    assert_eq!(frames[8]["value"], "inf");
    assert_eq!(frames[10]["format"], "txt");
    assert_eq!(frames[11]["value"], json!([{"type": "integer", "value": 1}, {"type": "array", "value": []}]));
    assert_eq!(
        frames[12]["value"],
        json!([[{"type": "simple_string", "value": "k"}, {"type": "set", "value": [{"type": "integer", "value": 2}]}]])
    );
    assert_eq!(
        frames[14]["attributes"],
        json!([[{"type": "simple_string", "value": "a"}, {"type": "integer", "value": 1}]])
    );
    assert_eq!(frames[14]["value"], "x");
    assert_eq!(frames[15]["value"], "abc");
    let ran = run_on(&["decode", "--frames"], &input[..input.len() - 1]);
    assert_eq!((ran.code, ran.text().lines().count()), (1, 16));
}

/// A JSON object with a name twice loses one of the two values in nearly every reader.
#[test]
fn frames_with_two_attributes_have_one_list() {
    let input: &[u8] = b"|1\r\n+a\r\n:1\r\n|0\r\n|2\r\n+b\r\n|1\r\n+c\r\n:3\r\n|1\r\n+d\r\n:4\r\n+v\r\n+e\r\n_\r\n\
        *2\r\n|0\r\n+x\r\n|1\r\n+f\r\n#t\r\n~1\r\n|1\r\n+g\r\n#f\r\n+y\r\n";
    let ran = run_on(&["decode", "--frames", "--format", "json"], input).ok();
    let expected = concat!(
        r#"{"event":"frame","at":0,"bytes":103,"attributes":["#,
        r#"[{"type":"simple_string","value":"a"},{"type":"integer","value":1}],"#,
        r#"[{"type":"simple_string","value":"b"},{"attributes":["#,
        r#"[{"type":"simple_string","value":"c"},{"type":"integer","value":3}],"#,
        r#"[{"type":"simple_string","value":"d"},{"type":"integer","value":4}]],"type":"simple_string","value":"v"}],"#,
        r#"[{"type":"simple_string","value":"e"},{"type":"null","value":null}]],"type":"array","value":["#,
        r#"{"attributes":[],"type":"simple_string","value":"x"},"#,
        r#"{"attributes":[[{"type":"simple_string","value":"f"},{"type":"boolean","value":true}]],"type":"set","value":["#,
        r#"{"attributes":[[{"type":"simple_string","value":"g"},{"type":"boolean","value":false}]],"#,
        r#""type":"simple_string","value":"y"}]}]}"#,
        "\n"
    );
    assert_eq!(ran.text(), expected);
    let ran = run_on(&["decode", "--frames"], input).ok();
    assert_eq!(
        ran.text(),
        "0 attribute {simple_string \"a\": integer 1} attribute {} attribute {simple_string \"b\": \
         attribute {simple_string \"c\": integer 3} attribute {simple_string \"d\": integer 4} simple_string \"v\", \
         simple_string \"e\": null} array [attribute {} simple_string \"x\", \
         attribute {simple_string \"f\": boolean true} set [attribute {simple_string \"g\": boolean false} \
         simple_string \"y\"]]\n"
    );
}

#[test]
fn what_has_come_is_printed_at_once() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    for (arguments, input, expected) in [
        (&["decode"][..], commands(&["SET k v", "SET"]), "27 [?] \"SET\" \"k\" \"v\"\n"),
        (&["decode", "--frames"], b"+OK\r\n$7\r\n".to_vec(), "0 simple_string \"OK\"\n"),
    ] {
        let mut child = crate::run::redtail(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&input).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, expected);
        drop(stdin);
        child.wait().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/resume-part1.bin");
    let output = crate::run::redtail(&["decode", file]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output"));
}

#[test]
fn the_offset_counts_after_sync_too() {
    let recording = [b"$10\r\nREDIS0001\xff".as_slice(), &commands(&["SET k v"])].concat();
    let ran = run_on(&["decode", "--offset", "1000"], &recording).ok();
    assert_eq!(ran.text(), "1027 [?] \"SET\" \"k\" \"v\"\n");
}

#[test]
fn an_offset_no_stream_can_have_is_wrong_usage() {
    let ran = run_on(&["decode", "--offset", "18446744073709551615"], &commands(&["SET k v"]));
    assert_eq!(ran.code, 2, "{} {}", ran.text(), ran.err);
    assert!(ran.err.contains("--offset"), "{}", ran.err);
}
