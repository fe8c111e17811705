//! The content of a RESTORE, beside its arguments.

use redtail::rdb::Crc64;
use serde_json::{Value, json};

use crate::run::{Ran, command, run_on};

fn payload(value: &[u8]) -> Vec<u8> {
    let mut payload = [value, b"\x0b\x00"].concat();
    payload.extend(Crc64::new().update(&payload).value().to_le_bytes());
    payload
}

fn decode(options: &[&str], args: &[&[u8]]) -> Ran {
    run_on(&[&["decode"], options].concat(), &command(args)).ok()
}

fn restored(args: &[&[u8]]) -> Value {
    decode(&["--format", "json"], args).json()[0]["restored"].clone()
}

#[test]
fn a_restore_shows_the_key_in_its_payload() {
    let hash = payload(b"\x04\x01\x01f\x01v");
    for name in [b"RESTORE".as_slice(), b"restore", b"RESTORE-ASKING"] {
        let ran = decode(&["--format", "json"], &[name, b"k", b"0", &hash, b"REPLACE"]);
        assert_eq!(ran.json()[0]["restored"], json!({"type": "hash", "value": [["f", "v"]]}));
        assert_eq!(ran.json()[0]["args"].as_array().unwrap().len(), 5);
        let ran = decode(&[], &[name, b"k", b"0", &hash]);
        assert!(ran.text().ends_with(" (restores hash \"f\" \"v\" (1 field))\n"), "{}", ran.text());
    }
    assert_eq!(restored(&[b"RESTORE", b"k", b"0", &payload(b"\0\x01v")]), json!({"type": "string", "value": "v"}));
    let zset = payload(b"\x05\x01\x01m\0\0\0\0\0\0\xf8\x3f");
    assert_eq!(restored(&[b"RESTORE", b"k", b"0", &zset]), json!({"type": "zset", "value": [["m", 1.5]]}));
}

#[test]
fn a_function_restore_shows_the_libraries() {
    let libraries = payload(b"\xf5\x03one\xf5\x03two");
    let args = [&b"FUNCTION"[..], b"RESTORE", &libraries, b"FLUSH"];
    assert_eq!(restored(&args), json!({"functions": ["one", "two"]}));
    let ran = decode(&[], &args);
    assert!(ran.text().ends_with(" (restores function \"one\" function \"two\")\n"), "{}", ran.text());
    assert_eq!(restored(&[b"FUNCTION", b"LOAD", b"#!lua name=x\n"]), Value::Null);
}

#[test]
fn a_payload_that_cannot_be_read_says_why() {
    let mut broken = payload(b"\0\x01v");
    broken[1] ^= 1;
    let error = restored(&[b"RESTORE", b"k", b"0", &broken])["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("wrong checksum: ") && error.ends_with(" is computed, at byte 5 of the payload"),
        "{error}"
    );
    let error = "invalid payload: expected nothing after the value, at byte 3 of the payload";
    assert_eq!(restored(&[b"RESTORE", b"k", b"0", &payload(b"\0\x01vv")]), json!({ "error": error }));
    let ran = decode(&[], &[b"RESTORE", b"k", b"0", &payload(b"\0\x01vv")]);
    assert!(ran.text().ends_with(&format!(" (restores nothing readable: {error})\n")), "{}", ran.text());
    assert!(restored(&[b"RESTORE", b"k", b"0", b"v"])["error"].is_string());
    // Too few arguments, and another command.
    for args in [&[&b"RESTORE"[..]][..], &[b"RESTORE", b"k", b"0"], &[b"FUNCTION"], &[b"SET", b"k", b"0", b"v"]] {
        assert_eq!(restored(args), Value::Null);
    }
}

/// A command of more than 4 MiB arrives in parts.
#[test]
fn a_large_restore_shows_its_content_too() {
    let mut value = vec![0, 0x80];
    value.extend((5_u32 << 20).to_be_bytes());
    value.resize(value.len() + (5 << 20), b'x');
    let args = [&b"RESTORE"[..], b"k", b"0", &payload(&value)];
    let large = decode(&["--format", "json", "--max-arg", "10000000"], &args).json();
    assert_eq!(large[0]["restored"]["type"], "string");
    assert_eq!(large[0]["restored"]["value"].as_str().unwrap().len(), 5 << 20);
    let small = command(&[b"RESTORE", b"k", b"0", &payload(b"\0\x01v")]);
    let both =
        run_on(&["decode", "--max-arg", "10000000"], &[command(&args), small, command(&[b"DEL", b"k"])].concat());
    let lines: Vec<String> = both.ok().text().lines().map(str::to_owned).collect();
    assert!(lines[0].ends_with("... (5242880 bytes))"), "{}", &lines[0][lines[0].len() - 100..]);
    assert!(lines[1].ends_with(" (restores string \"v\")"), "{}", lines[1]);
    assert!(lines[2].ends_with("\"DEL\" \"k\""), "{}", lines[2]);
    // An argument that is left out is not read.
    let omitted = decode(&["--format", "json", "--max-arg", "1000"], &args).json();
    assert_eq!(omitted[0]["args"][3], json!({"omitted": payload(&value).len()}));
    assert_eq!(omitted[0]["restored"], Value::Null);
}
