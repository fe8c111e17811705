//! Writes to all slots, by a client that follows redirections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::nodes::Nodes;
use crate::client::{Client, Value};
use crate::load::Load;

/// Groups of keys; each has a slot of its own.
const TAGS: u32 = 200;

/// A load on all slots. A missing or repeated write shows in the data.
pub(crate) fn start(nodes: &Nodes) -> Load {
    let mut writer = Writer { ports: nodes.servers.iter().map(|node| node.port).collect(), ..Writer::default() };
    let load = Load::of(move |round, end| {
        let (tag, number) = (round % TAGS, round.to_string());
        let commands: [&[&str]; 4] = [
            &["INCR", &format!("{{{tag}}}:count")],
            &["RPUSH", &format!("{{{tag}}}:list"), &number],
            &["SET", &format!("{{{tag}}}:last"), &number, "EX", "1000"],
            &["DEL", &format!("{{{tag}}}:last")],
        ];
        for command in commands.iter().take(3 + round as usize % 2) {
            while !end.load(Ordering::Acquire) && !writer.write(tag, command) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        !end.load(Ordering::Acquire)
    });
    everywhere(&load);
    load
}

/// Waits until every tag was written to again.
pub(crate) fn everywhere(load: &Load) {
    load.goes_on_by(TAGS + 1);
}

#[derive(Default)]
struct Writer {
    ports: Vec<u16>,
    links: HashMap<u16, Client>,
    /// The last known node of the keys of a tag.
    places: HashMap<u32, u16>,
    turn: usize,
}

impl Writer {
    fn write(&mut self, tag: u32, command: &[&str]) -> bool {
        let port = self.places.get(&tag).copied().unwrap_or(self.ports[0]);
        match self.ask(port, command, false) {
            Ok(Value::Error(words)) => match words.split([' ', ':']).collect::<Vec<_>>()[..] {
                ["MOVED", _, _, port] => {
                    self.places.insert(tag, port.parse().expect("a port"));
                    false
                }
                ["ASK", _, _, port] => {
                    let port = port.parse().expect("a port");
                    matches!(self.ask(port, command, true), Ok(reply) if !reply.is_error())
                }
                _ => false,
            },
            Ok(_) => true,
            Err(_) => {
                self.links.remove(&port);
                self.turn += 1;
                self.places.insert(tag, self.ports[self.turn % self.ports.len()]);
                false
            }
        }
    }

    fn ask(&mut self, port: u16, command: &[&str], asking: bool) -> io::Result<Value> {
        let link = match self.links.entry(port) {
            Entry::Occupied(link) => link.into_mut(),
            Entry::Vacant(place) => place.insert(Client::connect(port, None)?),
        };
        if asking {
            link.try_call(&["ASKING"])?;
        }
        link.try_call(command)
    }
}
