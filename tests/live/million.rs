//! The fastest load of redis-benchmark: each command in its order, to the last byte.

use std::ops::ControlFlow;

use redtail::{Event, Position};

use crate::client::Value;
use crate::follow::follow;
use crate::help::redis_benchmark;
use crate::server::{Kind, Server};
use crate::tool::Tool;

const COMMANDS: usize = 1_000_000;

/// Pushes a million random numbers onto one list: the list is the order of the server.
fn write(server: &Server) {
    let count = COMMANDS.to_string();
    let args = ["-q", "-n", &count, "-P", "64", "-c", "8", "-r", "100000000", "RPUSH", "list", "__rand_int__"];
    redis_benchmark(server, &args);
}

fn assert_order(server: &Server, told: &[Vec<u8>]) {
    let list = server.call(&["LRANGE", "list", "0", "-1"]);
    assert_eq!((list.items().len(), told.len()), (COMMANDS, COMMANDS));
    let different = list.items().iter().zip(told).position(|(item, told)| *item != Value::Bulk(told.clone()));
    assert_eq!(different, None, "the first command that is out of order");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_million_commands_come_in_order() {
    let server = Server::start(Kind::Redis70);
    let mut follower = follow(&server).connect().expect("connect");
    let (mut told, mut at) = (Vec::with_capacity(COMMANDS), 0);
    std::thread::scope(|scope| {
        while told.len() < COMMANDS {
            let going = follower.batch(|event| {
                match event {
                    Event::Attached(attached) => {
                        at = attached.offset;
                        scope.spawn(|| write(&server));
                    }
                    Event::Command(command) | Event::Control(command) => {
                        at += command.raw().len() as u64;
                        assert_eq!(command.offset, at, "bytes are missing before {command}");
                        if command.is(b"RPUSH") {
                            told.push(command.arg(2).expect("the number").to_vec());
                        }
                    }
                    Event::Disconnected(lost) => panic!("{lost}"),
                    _ => {}
                }
                ControlFlow::Continue(())
            });
            assert!(going.expect("it follows"));
        }
    });
    assert_eq!(follower.position().map(|position| position.offset), Some(server.offset()));
    assert_order(&server, &told);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_million_commands_come_in_order_through_the_tool() {
    let server = Server::start(Kind::Redis70);
    let mut tool = Tool::start(&["tail", &server.address()]);
    tool.says("attached to");
    let told: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| write(&server));
        let number = |tool: &mut Tool| {
            let line = tool.line().expect("a line for each command");
            let (_, number) = line.split_once(r#" [0] "RPUSH" "list" ""#).unwrap_or_else(|| panic!("{line}"));
            number.trim_end_matches('"').as_bytes().to_vec()
        };
        (0..COMMANDS).map(|_| number(&mut tool)).collect()
    });
    tool.signal("INT");
    assert!(tool.wait().success(), "{}", tool.errors());
    assert_eq!(tool.rest(), b"");
    let position: Position = tool.resume().parse().expect("a position");
    assert_eq!((position.offset, position.replid.to_string()), (server.offset(), server.replid()));
    assert_order(&server, &told);
}
