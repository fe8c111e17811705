//! Writes to all slots, by a client that goes where it is sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::nodes::Nodes;
use crate::client::{Client, Value};
use crate::help::eventually;

/// Writes until it is dropped. What each write does shows in the data if it is left out, and if it is done twice.
pub(crate) struct Load {
    stopped: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Groups of keys; each has a slot of its own.
const TAGS: usize = 200;

impl Load {
    pub(crate) fn start(nodes: &Nodes) -> Load {
        let (stopped, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut writer = Writer { ports: nodes.servers.iter().map(|node| node.port).collect(), ..Writer::default() };
        let (end, count) = (stopped.clone(), rounds.clone());
        let thread = std::thread::spawn(move || {
            for round in 0.. {
                let (tag, number) = (round % TAGS, round.to_string());
                let commands: [&[&str]; 4] = [
                    &["INCR", &format!("{{{tag}}}:count")],
                    &["RPUSH", &format!("{{{tag}}}:list"), &number],
                    &["SET", &format!("{{{tag}}}:last"), &number, "EX", "1000"],
                    &["DEL", &format!("{{{tag}}}:last")],
                ];
                for command in commands.iter().take(3 + round % 2) {
                    while !end.load(Ordering::Acquire) && !writer.write(tag, command) {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                }
                if end.load(Ordering::Acquire) {
                    return;
                }
                count.fetch_add(1, Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let load = Load { stopped, rounds, thread: Some(thread) };
        load.goes_on();
        load
    }

    /// Waits until every tag was written to again.
    pub(crate) fn goes_on(&self) {
        let from = self.rounds.load(Ordering::Acquire);
        eventually("the load goes on", || self.rounds.load(Ordering::Acquire) > from + TAGS);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Default)]
struct Writer {
    ports: Vec<u16>,
    links: HashMap<u16, Client>,
    /// Where the keys of a tag were last.
    places: HashMap<usize, u16>,
    turn: usize,
}

impl Writer {
    fn write(&mut self, tag: usize, command: &[&str]) -> bool {
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
