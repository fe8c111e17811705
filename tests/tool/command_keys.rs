//! `--keys`: the keys of each command, and what the server is asked about commands that the library does not know.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::filters::LINES;
use crate::run::{REPLID, command, commands, run, run_on};
use crate::tail::{answer_until_psync, close};

#[test]
fn the_keys_of_each_command_are_told() {
    let ran = run_on(&["decode", "--format", "json", "--keys", "--max-arg", "5"], &commands(&LINES)).ok();
    let told: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    let keys: Vec<_> = told.iter().map(|event| event["keys"].clone()).collect();
    let omitted = json!({"omitted": 6});
    let touched = |key: Value, db: u32, access: &str| json!({"key": key, "db": db, "access": access});
    let written = |key: Value, db: u32| json!([touched(key, db, "write")]);
    let removed = |key: Value| touched(key, 1, "removed");
    assert_eq!(
        json!(keys),
        json!([
            written(omitted.clone(), 0),
            written(json!("other"), 0),
            written(json!("n"), 0),
            written(omitted.clone(), 1),
            written(json!("n"), 1),
            [removed(json!("a")), removed(json!("b")), removed(omitted.clone())],
            null,
            null,
            written(json!("s"), 1),
            [],
            [],
            [removed(omitted.clone()), touched(omitted, 0, "write")]
        ])
    );
    for event in &told {
        assert_eq!(
            event.get("all_keys"),
            (event["args"] == json!([{"omitted": 8}])).then_some(&json!(true)),
            "{event}"
        );
    }
    let writes: Vec<_> = told.iter().map(|event| event["write"].clone()).collect();
    assert_eq!(json!(writes), json!([true, true, true, true, true, true, null, null, true, false, true, true]));
    let dbs = ["SELECT 3", "FLUSHDB", "SWAPDB 1 2", "COPY a b DB 9"];
    let ran = run_on(&["decode", "--format", "json", "--keys"], &commands(&dbs)).ok();
    let told: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    assert_eq!((&told[0]["keys"], &told[0]["all_keys"]), (&json!([]), &json!([3])));
    assert_eq!((&told[1]["keys"], &told[1]["all_keys"]), (&json!([]), &json!([1, 2])));
    assert_eq!(told[2]["keys"], json!([touched(json!("a"), 3, "read"), touched(json!("b"), 9, "write")]));
    // The same in parts.
    let big = "b".repeat(2000);
    let copies =
        [command(&[b"COPY", big.as_bytes(), b"b", b"DB", b"9"]), command(&[b"MOVE", big.as_bytes(), b"9"])].concat();
    let copies = [commands(&["SELECT 3"]), copies].concat();
    let of = |max: &str| {
        let ran = run_on(&["decode", "--format", "json", "--keys", "--max-arg", max], &copies).ok();
        ran.json().into_iter().filter(|event| event["event"] == "command").map(|event| event["keys"].clone()).collect()
    };
    let parts: Vec<Value> = of("1000");
    let omitted = json!({"omitted": 2000});
    assert_eq!(
        parts,
        [
            json!([touched(omitted.clone(), 3, "read"), touched(json!("b"), 9, "write")]),
            json!([touched(omitted.clone(), 3, "removed"), touched(omitted, 9, "write")]),
        ]
    );
    let whole: Vec<Value> = of("3000");
    assert_eq!(whole[1], json!([touched(json!(big), 3, "removed"), touched(json!(big), 9, "write")]));
    let binary = run_on(&["decode", "--format", "json", "--keys"], &command(&[b"SET", b"\xff\x00", b"v"])).ok();
    assert_eq!(binary.json()[0]["keys"], json!([{"key": {"base64": "/wA="}, "db": null, "access": "write"}]));
    // Without it nothing is added.
    assert!(!run_on(&["decode", "--format", "json"], &commands(&LINES)).ok().text().contains("\"keys\""));
}

/// Follows a server with this stream. Each answer is for one question, over a connection of its own. Returns the
/// printed commands, standard error and the questions.
fn following(stream: &[u8], answers: &[&str]) -> (Vec<Value>, String, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stream, answers): (_, Vec<String>) = (stream.to_vec(), answers.iter().map(|it| it.to_string()).collect());
    let asked = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        answer_until_psync(&mut link);
        link.write_all(format!("+CONTINUE {REPLID}\r\n").as_bytes()).unwrap();
        let feeding = std::thread::spawn(move || {
            link.write_all(&stream).unwrap();
            close(link);
        });
        let mut asked = Vec::new();
        for answer in answers {
            let (mut link, _) = listener.accept().unwrap();
            let mut question = [0; 1000];
            let length = link.read(&mut question).unwrap();
            asked.push(String::from_utf8_lossy(&question[..length]).replace("\r\n", " "));
            link.write_all(answer.as_bytes()).unwrap();
            close(link);
        }
        feeding.join().unwrap();
        asked
    });
    let from = format!("{REPLID}:1000:0");
    let options = ["--format", "json", "--keys", "--key", "user:*", "--reconnect", "0"];
    let ran = run(&[&["tail", &address, "--from", &from], &options[..]].concat());
    let printed: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    (printed, ran.err.replace(&address, "ADDRESS"), asked.join().unwrap())
}

/// The server describes a command that the library does not know. It is asked once for each name.
#[test]
fn the_server_is_asked_for_the_keys_of_an_unknown_command() {
    let stream =
        commands(&["SELECT 0", "q.push user:1 v", "Q.PUSH other v", "Q.PUSH user:2 v", "Q.NEW user:3", "SET user:4 v"]);
    let large = command(&[b"q.push", b"user:5", &vec![b'x'; 5 << 20]]);
    let stream = [&stream[..], &large, &commands(&["SET end:user v"])].concat();
    let following = |answers: &[&str]| following(&stream, answers);
    let described = "*1\r\n*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n";
    let denied = "-NOPERM User default has no permissions to run the 'command|info' command\r\n";
    let unknown = "-ERR Invalid command specified\r\n";
    let (printed, err, asked) = following(&[described, "*1\r\n*-1\r\n", unknown]);
    let keys: Vec<_> = printed.iter().map(|event| event["keys"][0]["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["user:1", "user:2", null, "user:4", "user:5"]), "{err}");
    assert_eq!(printed[0]["keys"], json!([{"key": "user:1", "db": 0, "access": "write"}]));
    assert_eq!(printed[0]["write"], json!(true));
    assert_eq!((&printed[2]["keys"], &printed[2]["write"]), (&Value::Null, &Value::Null));
    let named = "*4 $7 COMMAND $15 GETKEYSANDFLAGS $5 Q.NEW $10 argument:1 ";
    assert_eq!(asked, ["*3 $7 COMMAND $4 INFO $6 Q.PUSH ", "*3 $7 COMMAND $4 INFO $5 Q.NEW ", named]);
    let told =
        "redtail: \"Q.PUSH\": redtail does not know this command; the server described its keys (COMMAND INFO)\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");
    let told = "redtail: \"Q.NEW\": redtail does not know this command, and COMMAND INFO of the server does not describe its keys\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");

    // A server that denies it is asked once in all, because it logs each denial.
    let (printed, err, asked) = following(&[denied]);
    assert_eq!((printed.len(), asked.len()), (6, 1), "{err}");
    let told = "redtail: \"Q.PUSH\": redtail does not know this command and cannot ask the server for its keys (COMMAND INFO): \
                ADDRESS: NOPERM User default has no permissions to run the 'command|info' command; it is not asked again\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");

    // A server that closes the connection holds the stream up once.
    let (printed, err, asked) = following(&[""]);
    assert_eq!((printed.len(), asked.len()), (6, 1), "{err}");
    assert_eq!(err.matches("cannot ask the server").count(), 1, "{err}");
    assert!(
        err.contains("(COMMAND INFO): ADDRESS: the server closed the connection; it is not asked again\n"),
        "{err}"
    );

    // A server that loads its data is asked again: by the filter, then for the output.
    let (printed, err, asked) = following(&["-LOADING it loads\r\n", described, "*1\r\n*-1\r\n", unknown]);
    assert_eq!(asked.len(), 4, "{err}");
    let keys: Vec<_> = printed.iter().map(|event| event["keys"][0]["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["user:1", "user:2", null, "user:4", "user:5"]), "{err}");
    assert!(err.contains("(COMMAND INFO): ADDRESS: LOADING it loads; it is asked again\n"), "{err}");
}

/// The keys of a command that depend on its arguments. The server is asked once for each form of the command.
#[test]
fn the_server_names_the_keys_that_depend_on_arguments() {
    let stream = commands(&[
        "SELECT 3",
        "q.eval x=1 1 user:1 v:1",
        "Q.EVAL x=2 1 other:2 user:2",
        "Q.EVAL x=3 1 user:3 v:3",
        "Q.EVAL x=4 2 other:4 user:4",
        "Q.EVAL x=5 0",
        "SET user:9 v",
    ]);
    let following = |answers: &[&str]| following(&stream, answers);
    let movable = "*1\r\n*6\r\n$6\r\nq.eval\r\n:-3\r\n*2\r\n+write\r\n+movablekeys\r\n:0\r\n:0\r\n:0\r\n";
    let named = |keys: &[(&str, &str)]| {
        let entry =
            |(key, flag): &(&str, &str)| format!("*2\r\n${}\r\n{key}\r\n*2\r\n+{flag}\r\n+access\r\n", key.len());
        format!("*{}\r\n{}", keys.len(), keys.iter().map(entry).collect::<String>())
    };
    let (one, two) = (named(&[("argument:3", "RW")]), named(&[("argument:3", "RO"), ("argument:4", "RM")]));
    let none = "-ERR The command has no key arguments\r\n";
    let (printed, err, asked) = following(&[movable, &one, &two, none]);
    let args: Vec<_> = printed.iter().map(|event| event["args"][1].clone()).collect();
    // user:2 is no key.
    assert_eq!(json!(args), json!(["x=1", "x=3", "x=4", "user:9"]), "{err}");
    let touched = |key: &str, access: &str| json!({"key": key, "db": 3, "access": access});
    assert_eq!((&printed[0]["keys"], &printed[0]["write"]), (&json!([touched("user:1", "write")]), &json!(true)));
    assert_eq!(printed[2]["keys"], json!([touched("other:4", "read"), touched("user:4", "removed")]));
    let question = |args: &str| format!("*{} $7 COMMAND $15 GETKEYSANDFLAGS {args} ", args.split(' ').count() / 2 + 2);
    assert_eq!(
        asked,
        [
            "*3 $7 COMMAND $4 INFO $6 Q.EVAL ".to_owned(),
            question("$6 q.eval $10 argument:1 $1 1 $10 argument:3 $10 argument:4"),
            question("$6 Q.EVAL $10 argument:1 $1 2 $10 argument:3 $10 argument:4"),
            question("$6 Q.EVAL $10 argument:1 $1 0"),
        ]
    );
    let says = "redtail: \"Q.EVAL\": redtail does not know this command, whose keys depend on its arguments; the server \
                named them (COMMAND GETKEYSANDFLAGS), and is asked once for each form of the command\n";
    assert_eq!(err.matches(says).count(), 1, "{err}");

    // A server before 7.0, and one that denies it: it is asked once, and the command passes.
    let old = "-ERR Unknown subcommand or wrong number of arguments for 'GETKEYSANDFLAGS'. Try COMMAND HELP.\r\n";
    let denied = "-NOPERM User f has no permissions to run the 'command|getkeysandflags' command\r\n";
    for (answer, says) in [
        (old, "and COMMAND INFO of the server does not describe its keys\n"),
        (
            denied,
            "cannot ask the server for its keys (COMMAND GETKEYSANDFLAGS): NOPERM User f has no permissions to run",
        ),
    ] {
        let (printed, err, asked) = following(&[movable, answer]);
        assert_eq!((printed.len(), asked.len()), (6, 2), "{err}");
        assert_eq!(printed[0]["keys"], Value::Null);
        assert_eq!(err.matches(says).count(), 1, "{err}");
    }
}
