//! Requests to Sentinels. (The live tests have Sentinels that decide a failover.)

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use redtail::Handle;
use redtail::io::CommandReader;
use redtail::net::Login;
use redtail::topology::{Sentinel, SentinelError};
use redtail::{Event, Start};

#[cfg(target_os = "linux")]
use crate::full::Full;
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
    /// The reply to SENTINEL MASTER.
    run: Mutex<Vec<u8>>,
    runs_asked: AtomicUsize,
    /// Subscriptions that get a reply without end, and those of them that were closed.
    never_ends: AtomicBool,
    subscribed: AtomicUsize,
    closed: AtomicUsize,
    is_replica: AtomicBool,
    denies: AtomicBool,
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
                ["SENTINEL", "MASTER", "M"] => {
                    self.runs_asked.fetch_add(1, Ordering::AcqRel);
                    let run = self.run.lock().unwrap().clone();
                    if run.is_empty() { b"-ERR No such master with that name\r\n".to_vec() } else { run }
                }
                ["SUBSCRIBE", _] if self.denies.load(Ordering::Acquire) => {
                    self.subscribed.fetch_add(1, Ordering::AcqRel);
                    b"-NOPERM this user has no permissions to run the 'subscribe' command\r\n".to_vec()
                }
                ["SUBSCRIBE", _] if self.never_ends.load(Ordering::Acquire) => {
                    self.subscribed.fetch_add(1, Ordering::AcqRel);
                    let mut reply = socket.write_all(b"$100000000\r\n");
                    while reply.is_ok() && !matches!((&mut &*socket).read(&mut [0]), Ok(0)) {
                        reply = socket.write_all(b"x");
                    }
                    self.closed.fetch_add(1, Ordering::AcqRel);
                    return reply;
                }
                ["ROLE"] if self.is_replica.load(Ordering::Acquire) => encoded(&["slave", "127.0.0.1", "1"]),
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

/// One Sentinel does not know the name, and another one does not answer: both are in the message.
#[test]
fn an_unknown_name_does_not_hide_why_others_are_silent() {
    let (knows_no_x, mut gone) = (Watcher::start(), Watcher::start());
    let refusing = gone.target();
    gone.stop();
    let error = Sentinel::builder([knows_no_x.target(), refusing.clone()], "x").unwrap().find().unwrap_err();
    let SentinelError::UnknownName { name, tried } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), tried.len(), tried[0].0.to_string()), ("x", 1, refusing.clone()));
    let message = error.to_string();
    let shown = format!("lists those they know (and no answer of {refusing}: ");
    assert!(message.contains(&shown) && message.to_lowercase().contains("refused"), "{message}");
}

/// The old primary continues, apart from the others, and no message reports the switch.
#[test]
fn a_switch_without_a_message_is_detected() {
    let warnings = switch_without_a_message(&Watcher::start());
    assert_eq!(warnings, Vec::<String>::new());
}

/// The same where SUBSCRIBE is denied: it is reported and not repeated, and the Sentinel is asked.
#[test]
fn a_denied_subscription_is_reported_and_a_switch_is_detected() {
    let watcher = Watcher::start();
    watcher.inner.denies.store(true, Ordering::Release);
    let warnings = switch_without_a_message(&watcher);
    let message = format!(
        "the Sentinel {} denies SUBSCRIBE: NOPERM this user has no permissions to run the 'subscribe' command. The \
         Sentinels are asked for the primary m every 5 s instead. To learn of a failover at once, run ACL SETUSER USER \
         +subscribe &+switch-master on that Sentinel and connect again",
        watcher.target()
    );
    assert_eq!((warnings, watcher.inner.subscribed.load(Ordering::Acquire)), (vec![message], 1));
}

/// Sentinels that do not answer are reported once, while the follower continues.
#[test]
fn silent_sentinels_are_reported_once() {
    let (mut watcher, warnings) = (Watcher::start(), Arc::<Mutex<Vec<String>>>::default());
    let node = Node::apart(&Plan::default(), 'a', encoded(&["SET", "k", "1"]));
    watcher.says(&node);
    watcher.inner.denies.store(true, Ordering::Release);
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let heard = Arc::clone(&warnings);
    let builder = Sentinel::builder([watcher.target()], "m").unwrap();
    let builder = builder.start(start).on_warning(move |warning| heard.lock().unwrap().push(warning.to_string()));
    let follower = builder.connect().unwrap();
    eventually("SUBSCRIBE is denied", || !warnings.lock().unwrap().is_empty());
    watcher.stop();
    eventually("the silence is reported", || warnings.lock().unwrap().len() > 1);
    assert!(warnings.lock().unwrap()[1].starts_with("no Sentinel tells where m is: "), "{warnings:?}");
    drop(follower);
    assert_eq!(warnings.lock().unwrap().len(), 2);
}

/// The warnings of a follower that finds the new primary.
fn switch_without_a_message(watcher: &Watcher) -> Vec<String> {
    let plan = Plan::default();
    let old = Node::apart(&plan, 'a', encoded(&["SET", "k", "1"]));
    let new = Node::apart(&plan, 'a', old.stream());
    new.write(&["SET", "k", "2"]);
    watcher.says(&old);
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let builder = Sentinel::builder([watcher.target()], "m").unwrap();
    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&warnings);
    let builder = builder.on_warning(move |warning| heard.lock().unwrap().push(warning.to_string()));
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
    drop(follower);
    warnings.lock().unwrap().clone()
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

/// A Sentinel that knows its primary by an address that leads elsewhere from here.
#[test]
fn another_server_at_the_address_of_the_primary_is_refused() {
    let (watcher, node) = (Watcher::start(), Node::apart(&Plan::default(), 'a', encoded(&["SET", "k", "1"])));
    watcher.says(&node);
    let monitors = |id: &str, age: &str| {
        *watcher.inner.run.lock().unwrap() = encoded(&["name", "m", "runid", id, "info-refresh", age]);
    };
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let connect = || {
        let links = node.links();
        let mut follower = Sentinel::builder([watcher.target()], "m").unwrap().start(start).connect()?;
        eventually("it is followed", || {
            follower.next_timeout(Duration::from_millis(10)).unwrap();
            node.links() > links
        });
        Ok::<_, redtail::Error>(())
    };
    let (this, that) = ("1".repeat(40), "2".repeat(40));
    let runs = |uptime: u64| node.informs(&format!("run_id:{this}\r\nuptime_in_seconds:{uptime}\r\n"));
    monitors(&this, "9000");
    runs(100);
    connect().unwrap();
    monitors(&that, "9000");
    let error = connect().unwrap_err();
    let (target, told_by) = (format!("127.0.0.1:{}", node.port), watcher.target());
    let text = format!(
        "can't connect to m: {target}, the address from the Sentinel {told_by}, is another server: run id {this}, not {that}"
    );
    assert!(error.to_string().starts_with(&text), "{error}");
    assert_eq!(node.links(), 1);
    // It was restarted after the Sentinel asked it.
    runs(5);
    connect().unwrap();
    // A Sentinel before its first reply; one that denies the question.
    runs(100);
    monitors("", "9000");
    connect().unwrap();
    *watcher.inner.run.lock().unwrap() = b"-NOPERM this user has no permissions\r\n".to_vec();
    connect().unwrap();
    assert_eq!(watcher.inner.runs_asked.load(Ordering::Acquire), 5);
}

#[test]
fn a_refused_replica_names_the_address_and_its_sentinel() {
    let (watcher, other) = (Watcher::start(), Watcher::start());
    watcher.inner.primary.store(other.port(), Ordering::Release);
    other.inner.is_replica.store(true, Ordering::Release);
    let error = Sentinel::builder([watcher.target()], "m").unwrap().connect().unwrap_err().to_string();
    let (target, told_by) = (other.target(), watcher.target());
    assert_eq!(
        error,
        format!(
            "can't connect to m: {target}, the address from the Sentinel {told_by}, is a replica and not the primary of m"
        )
    );
}

/// The thread waits for the end of a reply, which may take a minute.
#[test]
fn the_thread_of_a_dropped_follower_ends() {
    let (watcher, node) = (Watcher::start(), Node::apart(&Plan::default(), 'a', encoded(&["SET", "k", "1"])));
    watcher.says(&node);
    watcher.inner.never_ends.store(true, Ordering::Release);
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let follower = Sentinel::builder([watcher.target()], "m").unwrap().start(start).connect().unwrap();
    eventually("the thread has subscribed", || watcher.inner.subscribed.load(Ordering::Acquire) == 1);
    drop(follower);
    // Half of the time after which it gives up.
    let end = Instant::now() + Duration::from_secs(30);
    while watcher.inner.closed.load(Ordering::Acquire) == 0 {
        assert!(Instant::now() < end, "the connection of the thread is still open");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Longer than a test may take.
#[cfg(target_os = "linux")]
const LONG: Duration = Duration::from_secs(3600);

/// The follower connects to a server that never accepts. The thread of another follower subscribes there.
#[cfg(target_os = "linux")]
#[test]
fn an_attempt_to_connect_ends_with_the_follower() {
    let (watcher, full) = (Watcher::start(), Full::new());
    watcher.inner.primary.store(full.address.port(), Ordering::Release);
    let handle = Handle::new();
    let builder = Sentinel::builder([watcher.target()], "m").unwrap().connect_timeout(LONG).handle(handle.clone());
    let connecting = std::thread::spawn(move || builder.connect().map(drop));
    eventually("it tries to connect", || full.has_attempt());
    handle.stop();
    connecting.join().unwrap().unwrap_err();

    let node = Node::apart(&Plan::default(), 'a', encoded(&["SET", "k", "1"]));
    watcher.says(&node);
    *watcher.inner.others.lock().unwrap() = vec![full.address.port()];
    watcher.inner.never_ends.store(true, Ordering::Release);
    let start = Start::At(format!("{}:0:0", "a".repeat(40)).parse().unwrap());
    let builder = Sentinel::builder([watcher.target()], "m").unwrap().connect_timeout(LONG);
    let follower = builder.start(start).connect().unwrap();
    eventually("the thread has subscribed", || watcher.inner.subscribed.load(Ordering::Acquire) == 1);
    // It subscribes to the other one next.
    drop(watcher);
    eventually("the thread tries to connect", || full.has_attempt());
    drop(follower);
    eventually("the attempt has ended", || !full.has_attempt());
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
