//! Which Sentinels are asked. (Sentinels that decide something are in the live tests.)

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redtail::net::CommandReader;
use redtail::topology::{Sentinel, SentinelError};

use crate::nodes::{Patient, encoded};

/// A Sentinel that says where `m` is, and which others there are.
struct Watcher {
    port: u16,
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Inner {
    others: Mutex<Vec<u16>>,
    asked: AtomicUsize,
    stopped: AtomicBool,
}

impl Watcher {
    fn start() -> Self {
        Self::at(0)
    }

    fn at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::<Inner>::default();
        let shared = inner.clone();
        let thread = thread::spawn(move || {
            for link in listener.incoming() {
                if shared.stopped.load(Ordering::Acquire) {
                    break;
                }
                shared.serve(&link.unwrap()).unwrap();
            }
        });
        Self { port, inner, thread: Some(thread) }
    }

    fn names(&self, others: &[&Watcher]) {
        *self.inner.others.lock().unwrap() = others.iter().map(|other| other.port).collect();
    }

    fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::Acquire)
    }

    fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.inner.stopped.store(true, Ordering::Release);
            drop(TcpStream::connect(("127.0.0.1", self.port)));
            thread.join().unwrap();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn serve(&self, link: &TcpStream) -> io::Result<()> {
        link.set_read_timeout(Some(Duration::from_millis(10)))?;
        let mut reader = CommandReader::stream(Patient { link, stopped: &self.stopped });
        while let Ok(Some(command)) = reader.next() {
            let words: Vec<_> = command.args().map(|arg| String::from_utf8_lossy(arg).to_uppercase()).collect();
            let answer = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "M"] => {
                    self.asked.fetch_add(1, Ordering::AcqRel);
                    encoded(&["127.0.0.1", "6379"])
                }
                ["SENTINEL", "SENTINELS", "M"] => {
                    let others = self.others.lock().unwrap();
                    let each = others.iter().map(|port| encoded(&["ip", "127.0.0.1", "port", &port.to_string()]));
                    [format!("*{}\r\n", others.len()).into_bytes(), each.collect::<Vec<_>>().concat()].concat()
                }
                _ => b"+PONG\r\n".to_vec(),
            };
            (&*link).write_all(&answer)?;
        }
        Ok(())
    }
}

#[test]
fn those_that_were_given_stay_and_of_others_those_that_were_named_last() {
    let (mut given, gone, mut stays) = (Watcher::start(), Watcher::start(), Watcher::start());
    let mut sentinel = Sentinel::new([given.target()], "m").unwrap();
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
    let given = Watcher::at(given.port);
    assert_eq!(told_by().unwrap(), given.target());
    // It names nobody now.
    drop(given);
    let Err(SentinelError::Silent { tried, .. }) = sentinel.find() else { panic!("somebody answered") };
    assert_eq!(tried.len(), 1, "{tried:?}");
}
