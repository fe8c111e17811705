//! Programs that need no server.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use crate::build::{How, compiler, program, root, run, stdout, valgrind};

fn with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}: see tests/tools"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

const REPLIES: &[u8] = b"+OK\r\n*2\r\n$5\r\nhello\r\n%1\r\n+k\r\n,1.5\r\n|1\r\n+a\r\n#t\r\n:-5\r\n$?\r\n;3\r\nabc\r\n;0\r\n=7\r\ntxt:abc\r\n\
    *?\r\n_\r\n(123456789012345678901234567890\r\n.\r\n~1\r\n*0\r\n>2\r\n$-1\r\n!3\r\nERR\r\n-ERR no\r\n";

const TREE: &str = r#""OK"
array
  "hello"
  map
    "k"
    1.5
attribute
  "a"
  true
-5
""
  ... abc
"abc"
array
  null
  "123456789012345678901234567890"
set
  array
push
  null
  error: ERR
error: ERR no
"#;

fn parse(command: impl Fn() -> Command) {
    let output = with_input(command(), REPLIES);
    assert!(output.status.success(), "{output:?}");
    // A streamed string is a begin, chunks and an end; the example shows its kind as a string.
    assert_eq!(String::from_utf8(output.stdout).unwrap(), TREE);
    let cut = with_input(command(), b"+OK\r\n$5\r\nhel");
    assert_eq!((cut.status.code(), cut.stdout.as_slice()), (Some(1), b"\"OK\"\n".as_slice()), "{cut:?}");
    assert!(String::from_utf8_lossy(&cut.stderr).contains("ends within a frame"));
    let wrong = with_input(command(), b"+OK\r\nhello\r\n");
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("found 'h', at byte 5"), "{wrong:?}");
    let with_nul = with_input(command(), b"$3\r\na\0b\r\n").stdout;
    assert_eq!(with_nul, b"\"a\0b\"\n");
    let long = [b"$100000\r\n".as_slice(), &[b'x'; 100_000], b"\r\n"].concat();
    assert_eq!(with_input(command(), &long).stdout.len(), 100_003);
}

#[test]
fn the_parse_example() {
    let program = program("examples/c/parse.c", How::Debug);
    parse(|| Command::new(&program));
    // A server that has answered and keeps the connection: the answer shows at once.
    let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"+PONG\r\n").unwrap();
    let mut answer = [0; 7];
    child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\"PONG\"\n");
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn the_parse_example_under_valgrind_and_address_sanitizer() {
    let (plain, sanitized) = (program("examples/c/parse.c", How::Debug), program("examples/c/parse.c", How::Sanitized));
    parse(|| valgrind(&plain));
    parse(|| Command::new(&sanitized));
}

const MISUSES: [&str; 3] = ["tests/c/misuse.c", "tests/c/misuse_clusters.c", "tests/c/misuse_embedded.c"];

#[test]
fn every_misuse_is_a_status() {
    for source in MISUSES {
        assert_eq!(stdout(&mut Command::new(program(source, How::Debug))), "every misuse is a status\n");
    }
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn every_misuse_is_a_status_under_valgrind_and_asan() {
    for source in MISUSES {
        assert_eq!(stdout(&mut valgrind(&program(source, How::Debug))), "every misuse is a status\n");
        let sanitized = program(source, How::Sanitized);
        assert_eq!(stdout(&mut Command::new(sanitized)), "every misuse is a status\n");
    }
}

#[test]
fn parsers_beyond_the_examples() {
    assert_eq!(stdout(&mut Command::new(program("tests/c/parsers.c", How::Debug))), "the parsers hold\n");
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn parsers_beyond_the_examples_under_valgrind_and_asan() {
    assert_eq!(stdout(&mut valgrind(&program("tests/c/parsers.c", How::Debug))), "the parsers hold\n");
    assert_eq!(stdout(&mut Command::new(program("tests/c/parsers.c", How::Sanitized))), "the parsers hold\n");
}

#[test]
fn servers_are_compared_by_release() {
    assert_eq!(stdout(&mut Command::new(program("tests/c/servers.c", How::Debug))), "the servers hold\n");
}

#[test]
fn a_server_describes_commands_that_no_table_has() {
    let source = "tests/c/command_specs.c";
    assert_eq!(stdout(&mut Command::new(program(source, How::Debug))), "the descriptions hold\n");
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn descriptions_of_commands_under_valgrind_and_asan() {
    let source = "tests/c/command_specs.c";
    assert_eq!(stdout(&mut valgrind(&program(source, How::Debug))), "the descriptions hold\n");
    assert_eq!(stdout(&mut Command::new(program(source, How::Sanitized))), "the descriptions hold\n");
}

#[test]
fn keys_of_commands_in_parts_are_those_of_whole_commands() {
    let source = "tests/c/key_finder.c";
    assert_eq!(stdout(&mut Command::new(program(source, How::Debug))), "the keys of parts hold\n");
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn keys_of_commands_in_parts_under_valgrind_and_asan() {
    let source = "tests/c/key_finder.c";
    assert_eq!(stdout(&mut valgrind(&program(source, How::Debug))), "the keys of parts hold\n");
    assert_eq!(stdout(&mut Command::new(program(source, How::Sanitized))), "the keys of parts hold\n");
}

/// Misuse does not count: there, most calls end before they do anything.
#[test]
fn every_exported_function_is_used_by_a_c_program() {
    let mut used = String::new();
    for folder in ["tests/c", "examples/c"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.ends_with(".c") && !name.starts_with("misuse") {
                used.push_str(&std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    for name in std::fs::read_to_string(root().join("tests/capi/symbols.txt")).unwrap().lines() {
        assert!(used.contains(&format!("{name}(")), "no C program but those of misuse calls {name}");
    }
}

#[test]
#[ignore = "needs g++ and valgrind: tests/tools"]
fn the_cpp_wrapper() {
    assert_eq!(stdout(&mut valgrind(&program("tests/c/wrapper.cpp", How::Debug))), "the wrapper holds\n");
    assert_eq!(stdout(&mut Command::new(program("tests/c/wrapper.cpp", How::Sanitized))), "the wrapper holds\n");
}

#[test]
fn the_examples_are_short() {
    for example in std::fs::read_dir(root().join("examples/c")).unwrap() {
        let example = example.unwrap().path();
        let text = std::fs::read_to_string(&example).unwrap();
        let example = example.display();
        assert!(text.lines().count() < 120, "{example}");
        assert!(text.lines().all(|line| line.len() <= 132), "{example} has lines that are too long");
    }
}

fn compiles(code: &str) {
    let file = std::env::temp_dir().join(format!("redtail-page-{}.c", std::process::id()));
    std::fs::write(&file, code).unwrap();
    run(compiler("page.c").arg("-fsyntax-only").arg(&file));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn the_pages_name_every_status_and_their_program_compiles() {
    let page = |name: &str| std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (page, rules) = (page("c.md"), page("c-rules.md"));
    let header = std::fs::read_to_string(root().join("include/redtail.h")).unwrap();
    let statuses = header.split("typedef enum redtail_status {").nth(1).unwrap().split('}').next().unwrap();
    for status in statuses.lines().filter_map(|line| line.split_once(" = ")) {
        assert!(rules.contains(&format!("| `{}` |", status.0.trim())), "{}", status.0);
    }
    let code = page.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let hello = std::fs::read_to_string(root().join("examples/c/hello.c")).unwrap();
    assert!(hello.ends_with(code), "the first program of docs/c.md is not examples/c/hello.c");
    compiles(code);
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    compiles(&format!("#include <redtail.h>\n#include <stdio.h>\nint main(void) {{\n{lines}}}\n"));
}
