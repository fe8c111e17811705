//! Requests to Sentinels. (The live tests have Sentinels that decide a failover.)

use std::io::{self, Write};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redtail::io::CommandReader;
use redtail::net::Login;
use redtail::topology::{Sentinel, SentinelError};
use redtail::{Event, Start};

use crate::listening::{Link, Listening};
use crate::nodes::{Node, Plan, encoded, eventually};

/// A Sentinel that names the primary of `m`, and other Sentinels.
struct Watcher {
    inner: Arc<Inner>,
    listening: Listening,
}

#[derive(Default)]
struct Inner {
    primary: AtomicU16,
    others: Mutex<Vec<u16>>,
    asked: AtomicUsize,
    /// The passwords received.
    passwords: Mutex<Vec<String>>,
}

impl Watcher {
    fn start() -> Self {
        Self::at(0)
    }

    fn at(port: u16) -> Self {
        let inner = Arc::new(Inner { primary: AtomicU16::new(6379), ..Inner::default() });
        let shared = inner.clone();
        Self { inner, listening: Listening::at(port, move |link| shared.serve(link)) }
    }

    fn names(&self, others: &[&Watcher]) {
        *self.inner.others.lock().unwrap() = others.iter().map(|other| other.port()).collect();
    }

    fn says(&self, primary: &Node) {
        self.inner.primary.store(primary.port, Ordering::Release);
    }

    fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::Acquire)
    }

    fn port(&self) -> u16 {
        self.listening.port
    }

    fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    fn stop(&mut self) {
        self.listening.stop();
    }
}

impl Inner {
    fn serve(&self, link: Link<'_>) -> io::Result<()> {
        let mut socket = link.socket;
        let mut reader = CommandReader::stream(link);
        while let Ok(Some(command)) = reader.next_command() {
            let words: Vec<_> = command.args().map(|arg| String::from_utf8_lossy(arg).to_uppercase()).collect();
            let answer = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "M"] => {
                    self.asked.fetch_add(1, Ordering::AcqRel);
                    encoded(&["127.0.0.1", &self.primary.load(Ordering::Acquire).to_string()])
                }
                ["SENTINEL", "SENTINELS", "M"] => {
                    let others = self.others.lock().unwrap();
                    let each = others.iter().map(|port| encoded(&["ip", "127.0.0.1", "port", &port.to_string()]));
                    [format!("*{}\r\n", others.len()).into_bytes(), each.collect::<Vec<_>>().concat()].concat()
                }
                ["AUTH", password] => {
                    self.passwords.lock().unwrap().push(password.to_owned());
                    b"+OK\r\n".to_vec()
                }
                _ => b"+PONG\r\n".to_vec(),
            };
            socket.write_all(&answer)?;
        }
        Ok(())
    }
}

#[test]
fn configured_sentinels_stay_and_learned_ones_are_replaced() {
    let (mut given, gone, mut stays) = (Watcher::start(), Watcher::start(), Watcher::start());
    let mut sentinel = Sentinel::builder([given.target()], "m").unwrap();
    let mut told_by = || sentinel.find().map(|found| found.told_by.to_string());

    given.names(&[&gone, &stays]);
    assert_eq!(told_by().unwrap(), given.target());
    given.names(&[&stays]);
    assert_eq!(told_by().unwrap(), given.target());
    given.stop();
    // The one that answered is asked first the next time.
    let before = stays.asked();
    assert_eq!(told_by().unwrap(), stays.target());
    assert_eq!(told_by().unwrap(), stays.target());
    assert_eq!((gone.asked(), stays.asked()), (0, before + 2));

    stays.stop();
    let given = Watcher::at(given.port());
    assert_eq!(told_by().unwrap(), given.target());
    // It names no others now.
    drop(given);
    let Err(SentinelError::Silent { tried, .. }) = sentinel.find() else { panic!("somebody answered") };
    assert_eq!(tried.len(), 1, "{tried:?}");
}

/// The old primary continues, apart from the others, and no message reports the switch.
#[test]
fn a_switch_without_a_message_is_detected() {
    let (plan, watcher) = (Plan::default(), Watcher::start());
    let old = Node::apart(&plan, 'a', encoded(&["SET", "k", "1"]));
    let new = Node::apart(&plan, 'a', old.stream());
    new.write(&["SET", "k", "2"]);
    watcher.says(&old);
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let builder = Sentinel::builder([watcher.target()], "m").unwrap();
    let mut follower = builder.start(start).connect().unwrap();
    let mut values = Vec::new();
    let mut follow = |count| {
        eventually("the writes", || {
            if let Some(Event::Command(command)) = follower.next_timeout(Duration::from_millis(10)).unwrap() {
                values.push(String::from_utf8_lossy(command.args().nth(2).unwrap()).into_owned());
            }
            values.len() == count
        });
    };
    follow(1);
    watcher.says(&new);
    follow(2);
    assert_eq!((values, old.links(), new.links()), (vec!["1".to_owned(), "2".to_owned()], 1, 1));
}

#[test]
fn a_failed_connect_names_the_address_and_its_sentinel() {
    let (watcher, gone) = (Watcher::start(), Watcher::start());
    let (target, primary) = (watcher.target(), gone.target());
    watcher.inner.primary.store(gone.port(), Ordering::Release);
    drop(gone);
    let error = Sentinel::builder([&target], "m").unwrap().connect().unwrap_err().to_string();
    let start = format!("can't connect to m: {primary}, the address from the Sentinel {target}: ");
    assert!(error.starts_with(&start) && error.contains("refused"), "{error}");
}

#[test]
fn each_login_is_sent_only_where_it_belongs() {
    let (watcher, server) = (Watcher::start(), Watcher::start());
    watcher.inner.primary.store(server.port(), Ordering::Release);
    let builder = || Sentinel::builder([watcher.target()], "m").unwrap();
    drop(builder().password("of-the-servers").connect().unwrap());
    assert_eq!(*watcher.inner.passwords.lock().unwrap(), [""; 0]);
    assert_eq!(*server.inner.passwords.lock().unwrap(), ["OF-THE-SERVERS"]);
    drop(builder().sentinel_login(|| Ok(Login::password("of-the-sentinels"))).connect().unwrap());
    assert!(watcher.inner.passwords.lock().unwrap().iter().all(|password| password == "OF-THE-SENTINELS"));
    assert_eq!(server.inner.passwords.lock().unwrap().len(), 1);
}
