//! `examples/cache.rs`: after each change the cache soon has the server's value again, and never an older one.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::client::command;
use crate::help::eventually;
use crate::programs::{Running, example};
use crate::server::{Kind, Server};

impl Running {
    /// Where a value is from, and the value as the program prints it.
    fn ask(&mut self, key: &str) -> (String, String) {
        self.say(key);
        let line = self.line();
        let (source, value) = line.split_once(": ").unwrap();
        (source.to_owned(), value.to_owned())
    }

    fn has_cached(&mut self, key: &str, value: &str) {
        eventually("the cache has the value", || self.ask(key) == ("cache".to_owned(), value.to_owned()));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_cache_has_the_values_of_the_server() {
    for kind in [Kind::Redis70, Kind::Valkey91] {
        let server = Server::start(kind);
        let mut cache = Running::start(&example("cache"), &[&server.address()]);
        let mut client = server.client();
        let (text, null) = (|value: &str| format!("Text(\"{value}\")"), "Null".to_owned());
        let set_both = [&["MULTI"][..], &["SET", "k", "3"], &["SET", "j", "4"], &["EXEC"]];
        let script = "redis.call('SET', KEYS[1], '6') redis.call('DEL', KEYS[2])";
        let changes: [(&[&[&str]], String, String); 10] = [
            (&[&["SET", "k", "1"], &["SET", "j", "1"]], text("1"), text("1")),
            (&[&["APPEND", "k", "2"]], text("12"), text("1")),
            (&set_both, text("3"), text("4")),
            (&[&["RENAME", "j", "k"]], text("4"), null.clone()),
            (&[&["COPY", "k", "j"]], text("4"), text("4")),
            (&[&["DEL", "k"]], null.clone(), text("4")),
            (&[&["EVAL", script, "2", "k", "j"]], text("6"), null.clone()),
            (&[&["SET", "j", "7", "PX", "50"]], text("6"), null.clone()),
            (&[&["SWAPDB", "0", "1"]], null.clone(), null.clone()),
            (&[&["SWAPDB", "0", "1"]], text("6"), null.clone()),
        ];
        for (commands, k, j) in &changes {
            let commands: Vec<_> = commands.iter().map(|args| command(args)).collect();
            assert!(client.pipeline(&commands).iter().all(|reply| !reply.is_error()), "{commands:?}");
            cache.has_cached("k", k);
            cache.has_cached("j", j);
        }
        // A key of another database has the same name.
        client.pipeline(&[command(&["SELECT", "1"]), command(&["SET", "k", "other"]), command(&["SELECT", "0"])]);
        client.call(&["SET", "j", "8"]);
        cache.has_cached("j", &text("8"));
        assert_eq!(cache.ask("k"), ("cache".to_owned(), text("6")), "{kind:?}");
        // While the server is not followed, nothing is known.
        server.drop_replicas();
        eventually("the cache is empty", || cache.ask("k") == ("server".to_owned(), text("6")));
        cache.has_cached("k", &text("6"));
    }
}

/// A proxy that delivers no reply of the second connection while its lock is held: the first one follows.
fn holding_proxy(server: &Server) -> (u16, Arc<Mutex<()>>) {
    let (listener, server) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.address());
    let (port, held) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(())));
    let lock = Arc::clone(&held);
    thread::spawn(move || {
        for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
            let server = TcpStream::connect(&server).unwrap();
            let (mut to_server, mut from_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from_client, &mut to_server));
            let lock = Arc::clone(&lock);
            thread::spawn(move || deliver(server, client, (number == 1).then_some(lock)));
        }
    });
    (port, held)
}

fn deliver(mut server: TcpStream, mut client: TcpStream, lock: Option<Arc<Mutex<()>>>) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = server.read(&mut bytes)?;
        let _free = lock.as_ref().map(|lock| lock.lock());
        client.write_all(&bytes[..count])?;
    }
}

/// If the cache kept the value that it reads, it would have the old one for good.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_cache_has_no_value_that_changed_while_it_was_read() {
    let server = Server::start(Kind::Redis70);
    let (port, lock) = holding_proxy(&server);
    let mut cache = Running::start(&example("cache"), &[&format!("127.0.0.1:{port}")]);
    server.call(&["SET", "k", "1"]);
    cache.has_cached("k", "Text(\"1\")");
    server.call(&["SET", "n", "1"]);
    let replies = || server.info("commandstats")["cmdstat_get"].split(',').next().map(str::to_owned);
    let (before, held) = (replies(), lock.lock().unwrap());
    cache.say("n");
    eventually("the server has replied", || replies() != before);
    server.call(&["SET", "n", "2"]);
    // The change overtakes the reply. Nothing shows that the cache has seen it, so this can only miss a defect.
    thread::sleep(Duration::from_millis(300));
    drop(held);
    assert_eq!(cache.line(), "server: Text(\"1\")");
    // Changes are seen in their order.
    server.call(&["SET", "k", "3"]);
    cache.has_cached("k", "Text(\"3\")");
    assert_eq!(cache.ask("n").1, "Text(\"2\")");
}
