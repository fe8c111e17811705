//! A follower in a thread of its own, and all its events.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redtail::net::{Builder, Source, Transport};
use redtail::{
    AttachMethod, Attached, Backoff, Disconnected, Error, Event, Follower, Forking, Gap, Handle, Position,
    ReplicationId, SnapshotBegin, SnapshotEnd, StreamCommand,
};

use crate::client::Command;
use crate::help::PATIENCE;
use crate::server::Server;

/// The follower of the scenarios: with control commands, to see every byte of the stream, and with short pauses.
pub(crate) fn follow(server: &Server) -> Builder {
    follow_port(server.port)
}

pub(crate) fn follow_port(port: u16) -> Builder {
    Follower::builder(format!("127.0.0.1:{port}")).control(true).reconnect(BACKOFF)
}

pub(crate) const BACKOFF: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));

/// An event that owns its data.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Forking(Forking),
    Attached(Attached),
    SnapshotBegin(SnapshotBegin),
    SnapshotEnd(SnapshotEnd),
    Command(Write),
    Multi(Write),
    Exec(Write),
    Control(Write),
    Gap(Gap),
    Disconnected(Disconnected),
}

#[derive(Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) offset: u64,
    pub(crate) db: Option<u32>,
    pub(crate) tx: Option<u64>,
    pub(crate) args: Command,
    pub(crate) raw: Vec<u8>,
    pub(crate) position: Option<Position>,
    pub(crate) history: Option<ReplicationId>,
}

impl Write {
    fn of(command: StreamCommand<'_>) -> Write {
        Write {
            offset: command.offset,
            db: command.db,
            tx: command.tx,
            args: command.args().map(<[u8]>::to_vec).collect(),
            raw: command.raw().to_vec(),
            position: command.position(),
            history: command.history(),
        }
    }

    /// Its arguments as text, with a space between them.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.args.join(&b' ')).into_owned()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.args[0].eq_ignore_ascii_case(name.as_bytes())
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().escape_debug().take(80).collect();
        write!(f, "{} [{:?}, {:?}] {text}", self.offset, self.db, self.tx)
    }
}

/// All events of a follower.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) told: Vec<Told>,
    /// The bytes of the last snapshot.
    pub(crate) snapshot: Vec<u8>,
    pub(crate) position: Option<Position>,
    pub(crate) end: Option<Result<(), Error>>,
}

impl Seen {
    pub(crate) fn add(&mut self, event: Event<'_>) {
        let told = match event {
            Event::Forking(forking) => Told::Forking(forking),
            Event::Attached(attached) => Told::Attached(attached),
            Event::SnapshotBegin(begin) => {
                self.snapshot.clear();
                Told::SnapshotBegin(begin)
            }
            Event::SnapshotBytes(bytes) => return self.snapshot.extend_from_slice(bytes),
            Event::SnapshotEnd(end) => {
                assert_eq!(end.bytes, self.snapshot.len() as u64, "bytes of the snapshot are missing");
                Told::SnapshotEnd(end)
            }
            Event::Command(command) => Told::Command(Write::of(command)),
            Event::Multi(command) => Told::Multi(Write::of(command)),
            Event::Exec(command) => Told::Exec(Write::of(command)),
            Event::Control(command) => Told::Control(Write::of(command)),
            Event::Gap(gap) => Told::Gap(gap),
            Event::Disconnected(disconnected) => Told::Disconnected(disconnected),
            Event::Idle(_) => return,
            other => panic!("an event that no scenario asked for: {other:?}"),
        };
        self.told.push(told);
    }

    pub(crate) fn attached(&self) -> Vec<Attached> {
        self.told.iter().filter_map(|told| if let Told::Attached(it) = told { Some(*it) } else { None }).collect()
    }

    pub(crate) fn gaps(&self) -> Vec<Gap> {
        self.told.iter().filter_map(|told| if let Told::Gap(it) = told { Some(*it) } else { None }).collect()
    }

    pub(crate) fn disconnected(&self) -> Vec<Disconnected> {
        self.told.iter().filter_map(|told| if let Told::Disconnected(it) = told { Some(*it) } else { None }).collect()
    }

    /// The stream in order, without the events made void by a reconnection.
    pub(crate) fn stream(&self) -> Vec<&Write> {
        let mut stream: Vec<&Write> = Vec::new();
        for told in &self.told {
            match told {
                Told::Command(write) | Told::Multi(write) | Told::Exec(write) | Told::Control(write) => {
                    stream.push(write);
                }
                Told::Disconnected(Disconnected { resume: Some(resume), .. }) => {
                    stream.retain(|write| write.offset <= resume.offset);
                }
                Told::Attached(Attached { method: AttachMethod::Rewound, offset, .. }) => {
                    stream.retain(|write| write.offset <= *offset);
                }
                _ => {}
            }
        }
        stream
    }

    /// The valid commands, without SELECT, PING, REPLCONF, MULTI and EXEC.
    pub(crate) fn writes(&self) -> Vec<&Write> {
        let mut stream = self.stream();
        stream.retain(|write| !["SELECT", "PING", "REPLCONF", "MULTI", "EXEC"].iter().any(|name| write.is(name)));
        stream
    }

    /// The writes as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.writes().into_iter().map(Write::text).collect()
    }

    /// The write with this text.
    pub(crate) fn write(&self, text: &str) -> Option<&Write> {
        self.writes().into_iter().find(|write| write.text() == text)
    }

    /// The invariants of every scenario. No byte of the stream is missing between two events of one connection.
    /// Transactions are marked, and positions given, where they should be. A connection resumes where the one before
    /// it announced.
    pub(crate) fn check(&self) {
        let mut at = None;
        let mut open = None;
        let mut resume = None;
        for told in &self.told {
            match told {
                Told::Attached(attached) => {
                    if let (AttachMethod::Continued, Some(Position { offset, .. })) = (attached.method, resume) {
                        assert_eq!(attached.offset, offset, "a link goes on elsewhere than the one before it said");
                    }
                    at = Some(attached.offset);
                    assert_eq!(attached.history.is_some(), attached.method != AttachMethod::Sync);
                }
                Told::Disconnected(disconnected) => (at, open, resume) = (None, None, disconnected.resume),
                Told::Gap(_) => (at, open, resume) = (None, None, None),
                Told::Command(write) | Told::Multi(write) | Told::Exec(write) | Told::Control(write) => {
                    let before = at.expect("a command before the stream was attached");
                    assert_eq!(write.offset, before + write.raw.len() as u64, "bytes are missing before {write:?}");
                    at = Some(write.offset);
                    if matches!(told, Told::Multi(_)) {
                        assert_eq!(open, None, "MULTI inside a transaction");
                        open = Some(write.offset);
                    }
                    assert_eq!(write.tx, open, "{write:?}");
                    if matches!(told, Told::Exec(_)) {
                        assert!(open.is_some(), "EXEC without MULTI");
                        open = None;
                    }
                    let position =
                        write.position.map(|position| (position.offset, position.db, Some(position.history)));
                    let resumable = open.is_none() && write.history.is_some();
                    let expected = resumable.then_some((write.offset, write.db, write.history));
                    assert_eq!(position, expected, "{write:?}");
                }
                Told::Forking(_) | Told::SnapshotBegin(_) | Told::SnapshotEnd(_) => {}
            }
        }
    }
}

/// A running follower; stopped when dropped.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start<S>(builder: Builder<S>) -> Watch
    where
        S: Source<Transport: Send>,
    {
        Watch::over(builder.connect().expect("connect"))
    }

    /// Follows and waits until it is attached: no later write is missed.
    pub(crate) fn attached<S>(builder: Builder<S>) -> Watch
    where
        S: Source<Transport: Send>,
    {
        let watch = Watch::start(builder);
        watch.wait("attached", |seen| !seen.attached().is_empty());
        watch
    }

    pub(crate) fn over<T: Transport + Send + 'static>(mut follower: Follower<T>) -> Watch {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let handle = follower.handle();
        let shared = seen.clone();
        let thread = std::thread::spawn(move || {
            loop {
                let ended = match follower.next_timeout(Duration::from_millis(50)) {
                    Ok(Some(event)) => {
                        shared.lock().expect("no reader panicked").add(event);
                        None
                    }
                    Ok(None) => Some(Ok(())),
                    Err(error) => Some(Err(error)),
                };
                let mut seen = shared.lock().expect("no reader panicked");
                seen.position = follower.position();
                // For `Ack::Applied`: everything delivered is kept.
                if let Some(position) = seen.position {
                    follower.commit(position);
                }
                if ended.is_some() {
                    seen.end = ended;
                    return;
                }
            }
        });
        Watch { seen, handle, thread: Some(thread) }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the follower's thread panicked")
    }

    /// Waits until the events satisfy the condition.
    pub(crate) fn wait(&self, what: &str, mut condition: impl FnMut(&Seen) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen();
            if condition(&seen) {
                return;
            }
            let last = seen.told[seen.told.len().saturating_sub(5)..].to_vec();
            let ended = seen.end.as_ref().map(|end| format!("{end:?}"));
            drop(seen);
            assert!(ended.is_none(), "{what}: the follower ended: {ended:?}; told last: {last:?}");
            assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}; told last: {last:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it has reached this offset.
    pub(crate) fn reaches(&self, offset: u64) {
        self.wait(&format!("offset {offset}"), |seen| seen.position.is_some_and(|position| position.offset >= offset));
    }

    pub(crate) fn position(&self) -> Position {
        self.seen().position.expect("a position")
    }

    /// Stops it; it must not have failed before. Its events are checked.
    pub(crate) fn stop(mut self) -> Seen {
        self.handle.stop();
        let seen = self.join();
        assert!(matches!(seen.end, Some(Ok(()))), "{:?}", seen.end);
        seen
    }

    /// Waits for the error that ends it.
    pub(crate) fn fails(mut self) -> (Seen, Error) {
        let end = Instant::now() + PATIENCE;
        while self.seen().end.is_none() {
            assert!(Instant::now() < end, "it does not end; told: {:?}", self.seen().told);
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut seen = self.join();
        let error = seen.end.take().expect("it has ended").expect_err("an error ends it");
        (seen, error)
    }

    fn join(&mut self) -> Seen {
        self.thread.take().expect("joined once").join().expect("the follower's thread panicked");
        let seen = std::mem::take(&mut *self.seen());
        seen.check();
        seen
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
