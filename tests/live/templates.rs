//! Hash templates of Redis 8.10: a snapshot with many of them has the hashes that the server has.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::client::{Command, command};
use crate::server::{Kind, Server};
use crate::tool::Tool;

type Hashes = BTreeMap<String, BTreeMap<String, String>>;

/// 400 templates of twelve fields, and one of 2,200 fields: more than 32 KiB of names.
#[test]
#[ignore = "needs real servers: tests/run"]
fn many_hash_templates_are_read_from_a_snapshot() {
    let server = Server::start(Kind::Redis810);
    let mut client = server.client();
    for reply in client.pipeline(&imports()) {
        assert!(!reply.is_error(), "{reply:?}");
    }
    let expected: Hashes = names()
        .map(|(name, _)| {
            let reply = client.call(&["HGETALL", &name]);
            let texts: Vec<String> = reply.items().iter().map(|text| text.text()).collect();
            (name, texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        })
        .collect();
    assert_eq!(expected.values().map(BTreeMap::len).sum::<usize>(), 400 * 12 + 2_200);

    let printed = |args: &[&str]| {
        let output = Tool::run(args, b"");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        hashes(
            output
                .stdout
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).expect("JSON")),
        )
    };
    assert!(printed(&["snapshot", &server.address(), "--format", "json"]) == expected);
    client.call(&["SAVE"]);
    let file = server.folder().join("dump.rdb");
    assert!(printed(&["decode", "--format", "json", file.to_str().expect("UTF-8")]) == expected);

    let mut tail = Tool::start(&["tail", &server.address(), "--from", "snapshot", "--format", "json"]);
    let mut events = vec![tail.event_named("snapshot_begin")];
    client.call(&["SET", "after", "v"]);
    while events.last().is_none_or(|event| event["event"] != "command") {
        events.push(tail.event().expect("an event"));
    }
    assert!(hashes(events.into_iter()) == expected);
}

/// The name of each hash, and its fields. The first four fields are those of all hashes.
fn names() -> impl Iterator<Item = (String, Vec<String>)> {
    let fields = |hash: usize, count: usize| {
        (0..count).map(|n| if n < 4 { format!("shared:{n}") } else { format!("field:{hash}:{n}") }).collect()
    };
    let small = (0..400).map(move |hash| (format!("hash:{hash}"), fields(hash, 12)));
    small.chain([("wide".into(), fields(400, 2_200))])
}

fn imports() -> Vec<Command> {
    let mut commands = Vec::new();
    for (name, fields) in names() {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let values: Vec<String> = (0..fields.len()).map(|n| format!("{name}={n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        commands.push(command(&[&["HIMPORT", "PREPARE", &name][..], &fields].concat()));
        commands.push(command(&[&["HIMPORT", "SET", &name, &name][..], &values].concat()));
    }
    commands
}

fn hashes(events: impl Iterator<Item = Json>) -> Hashes {
    let text = |value: &Json| value.as_str().expect("a text").to_owned();
    events
        .filter(|event| event["event"] == "key")
        .map(|event| {
            let pairs = event["value"].as_array().expect("the pairs of a hash");
            (text(&event["key"]), pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect())
        })
        .collect()
}
