//! Measures the cost of the C interface: instructions per command through it, against the same work in Rust.
//!
//! `cargo bench --features capi --bench boundary` needs a C compiler and valgrind, whose callgrind counts the
//! instructions. Each variant runs twice with a different number of rounds: this cancels the start-up cost.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails is to stop")]

use std::path::Path;
use std::process::Command;

use redtail::io::ReceiveBuffer;
use redtail::replication::{Progress, Session};
use redtail::resp::{CommandParser, Status};
use redtail::{Event, Options};

/// The maximum ratio of instructions.
const GOAL: f64 = 1.3;
const VARIANTS: [(&str, &str); 3] =
    [("next", "parser, one at a time"), ("batch", "parser, batch"), ("session", "session, one at a time")];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [variant, rounds, file] => {
            println!("{}", work(variant, rounds.parse().unwrap(), &std::fs::read(file).unwrap()))
        }
        // Cargo itself adds these.
        _ => compare(),
    }
}

fn work(variant: &str, rounds: u32, bytes: &[u8]) -> usize {
    let mut sum = 0;
    let mut parser = CommandParser::stream();
    let mut session = Session::recorded(Options::default(), Some(0));
    let mut buffer = ReceiveBuffer::with_capacity(256 << 10);
    let mut head: &[u8] = b"+CONTINUE\r\n";
    while session.poll(head, 0) == Progress::Event {
        head = &head[session.consumed()..];
    }
    for _ in 0..rounds {
        let mut input = bytes;
        match variant {
            "next" => {
                while let Ok(Status::Complete(command)) = parser.next(&mut input) {
                    sum += command.args().map(<[u8]>::len).sum::<usize>();
                }
            }
            "batch" => {
                let each = |command: redtail::Command<'_>| sum += command.args().map(<[u8]>::len).sum::<usize>();
                parser.batch(&mut input, each).unwrap();
            }
            _ => {
                while !input.is_empty() {
                    buffer.make_room(1, 1 << 30).unwrap();
                    let space = buffer.space();
                    let (now, later) = input.split_at(space.len().min(input.len()));
                    space[..now.len()].copy_from_slice(now);
                    buffer.filled(now.len());
                    input = later;
                    while session.poll(buffer.readable(), 0) == Progress::Event {
                        if let Event::Command(command) = session.event(buffer.readable()) {
                            sum += command.args().map(<[u8]>::len).sum::<usize>();
                        }
                        buffer.consume(session.consumed());
                    }
                    buffer.consume(session.consumed());
                }
            }
        }
    }
    sum
}

fn compare() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into).join("capi/release");
    run(Command::new(env!("CARGO"))
        .args(["rustc", "--release", "--lib", "--features", "capi", "--crate-type", "staticlib", "--target-dir"])
        .arg(&target)
        .current_dir(root));
    let program = target.join("boundary");
    run(Command::new("cc")
        .args(["-std=c11", "-O2", "-I"])
        .arg(root.join("include"))
        .arg(root.join("benches/boundary.c"))
        .arg(target.join("release/libredtail.a"))
        .args(["-lpthread", "-lm", "-ldl", "-lgcc_s", "-o"])
        .arg(&program));
    for (name, commands, bytes) in workloads() {
        let file = target.join("workload");
        std::fs::write(&file, &bytes).unwrap();
        println!("{name}: {} bytes a command", bytes.len() / commands);
        for (variant, title) in VARIANTS {
            let rust = per_command(&std::env::current_exe().unwrap(), variant, &file, commands);
            let c = per_command(&program, variant, &file, commands);
            let times = c / rust;
            let verdict = if times > GOAL { format!(" (the goal is {GOAL})") } else { String::new() };
            println!(
                "  {title:<24} {rust:>7.1} instructions a command in Rust, {c:>7.1} in C: {times:.2} times{verdict}"
            );
        }
    }
}

/// Name, number of commands, and the commands.
fn workloads() -> [(&'static str, usize, Vec<u8>); 2] {
    let encode = |args: &[&str], bytes: &mut Vec<u8>| {
        bytes.extend(format!("*{}\r\n", args.len()).bytes());
        args.iter().for_each(|arg| bytes.extend(format!("${}\r\n{arg}\r\n", arg.len()).bytes()));
    };
    let (mut sets, mut mixed) = (Vec::new(), Vec::new());
    for number in 0..2000 {
        let (key, value) = (format!("key:{number:08}"), "v".repeat(20 + number % 60));
        encode(&["SET", &key, &value], &mut sets);
        match number % 4 {
            0 => encode(&["INCR", &key], &mut mixed),
            1 => encode(&["HSET", &key, "field", &value, "other", "7", "third", &value], &mut mixed),
            2 => encode(&["ZADD", &key, "3.14159", "member"], &mut mixed),
            _ => encode(&["SET", &key, &value, "PXAT", "1700000000000"], &mut mixed),
        }
    }
    [("SET", 2000, sets), ("mixed", 2000, mixed)]
}

fn per_command(program: &Path, variant: &str, file: &Path, commands: usize) -> f64 {
    let count = |rounds: u32| {
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args([variant, &rounds.to_string()]);
        let (sum, counted) = run(command.arg(file));
        assert!(sum.trim().parse::<u64>().unwrap() > 0);
        let collected = counted.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind counts");
        collected.1.trim().parse::<f64>().unwrap()
    };
    (count(15) - count(5)) / (10 * commands) as f64
}

fn run(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: see tests/tools"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    (out, err)
}
