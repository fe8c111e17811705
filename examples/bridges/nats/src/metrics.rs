//! `--metrics`: the state of the bridge over HTTP, for Prometheus. Names are those of the tool where they mean the
//! same; those of the broker's side begin with `redtail_bridge_`.

#[path = "../../../../src/bin/redtail/stats/exposition.rs"]
mod exposition;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use exposition::{
    ATTACHED, ATTACHED_CHANGE, CHECKPOINT, COMMANDS, GAPS, IN_SNAPSHOT, KEYS, LAST_BYTE, LAST_WRITE, MISSED, OFFSET,
    PRINTED, RECONNECTS, Row, START, bind, counter, encode_run, encode_streams, gauge,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use redtail::Event;

use crate::end::Failure;

/// The state of the bridge.
#[derive(Debug)]
pub(crate) struct Metrics {
    start: Time,
    streams: Mutex<Vec<Weak<Stream>>>,
    pub(crate) confirmed: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) unconfirmed: AtomicU64,
    pub(crate) has_broker: AtomicBool,
    saved: Time,
    /// The past waits for room, in microseconds, and the present ones.
    blocked: AtomicU64,
    blocked_since: Mutex<Vec<Instant>>,
}

/// The state of one shard, or of the only server.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    shard: Option<String>,
    is_attached: AtomicBool,
    changed: Time,
    offset: AtomicU64,
    last_write: Time,
    last_byte: Time,
    commands: AtomicU64,
    keys: AtomicU64,
    printed: AtomicU64,
    gaps: AtomicU64,
    missed: AtomicU64,
    connections: AtomicU64,
    in_snapshot: AtomicBool,
}

/// Milliseconds since 1970; 0: never.
#[derive(Debug, Default)]
struct Time(AtomicU64);

impl Time {
    fn set(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.store(u64::try_from(now.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }

    fn seconds(&self) -> Option<f64> {
        let ms = self.0.load(Ordering::Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms).as_secs_f64())
    }
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let start = Time::default();
        start.set();
        Arc::new(Self {
            start,
            streams: Mutex::default(),
            confirmed: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            unconfirmed: AtomicU64::new(0),
            has_broker: AtomicBool::new(false),
            saved: Time::default(),
            blocked: AtomicU64::new(0),
            blocked_since: Mutex::default(),
        })
    }

    /// The metrics of a stream, until it is dropped.
    pub(crate) fn stream(&self, shard: Option<&str>) -> Arc<Stream> {
        let stream = Arc::new(Stream { shard: shard.map(str::to_owned), ..Stream::default() });
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&stream));
        stream
    }

    pub(crate) fn saved(&self) {
        self.saved.set();
    }

    /// A thread waits for room until the returned value is dropped.
    pub(crate) fn blocked(&self) -> Blocked<'_> {
        let since = Instant::now();
        self.blocked_since.lock().unwrap_or_else(PoisonError::into_inner).push(since);
        Blocked { metrics: self, since }
    }

    /// The longest present wait.
    fn blocked_now(&self) -> Duration {
        let since = self.blocked_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.iter().min().map(Instant::elapsed).unwrap_or_default()
    }

    /// Serves `/metrics` at the address until the process ends.
    pub(crate) fn serve(self: &Arc<Self>, address: &str) -> Result<(), Failure> {
        let failed = |error: &dyn fmt::Display| Failure::new(2, format!("--metrics {address}: {error}"));
        let (local, answer_all) = bind(address, Shared(Arc::clone(self))).map_err(|error| failed(&error))?;
        thread::Builder::new().name("metrics".into()).spawn(answer_all).map_err(|error| failed(&error))?;
        eprintln!("redtail-nats: metrics at http://{local}/metrics");
        Ok(())
    }
}

/// Ends a wait for room when it is dropped.
pub(crate) struct Blocked<'a> {
    metrics: &'a Metrics,
    since: Instant,
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let mut all = self.metrics.blocked_since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|since| *since == self.since) {
            all.swap_remove(at);
        }
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or_default();
        self.metrics.blocked.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Stream {
    pub(crate) fn event(&self, event: &Event<'_>) {
        let is_news = offset_of(event).is_some_and(|offset| self.offset.swap(offset, Ordering::Relaxed) != offset);
        if is_news || !matches!(event, Event::Idle(_) | Event::Disconnected(_)) {
            self.last_byte.set();
        }
        match event {
            Event::Attached(_) => {
                self.is_attached.store(true, Ordering::Relaxed);
                self.changed.set();
                self.connections.fetch_add(1, Ordering::Relaxed);
            }
            Event::Disconnected(_) => {
                self.is_attached.store(false, Ordering::Relaxed);
                self.changed.set();
                self.in_snapshot.store(false, Ordering::Relaxed);
            }
            Event::SnapshotBegin(_) => self.in_snapshot.store(true, Ordering::Relaxed),
            Event::SnapshotEnd(_) => self.in_snapshot.store(false, Ordering::Relaxed),
            Event::SnapshotItem(redtail::rdb::Item::Key(_)) => {
                self.keys.fetch_add(1, Ordering::Relaxed);
            }
            Event::Command(command) => {
                self.commands.fetch_add(1, Ordering::Relaxed);
                if command.is_write() != Some(false) {
                    self.last_write.set();
                }
            }
            Event::Gap(gap) => {
                self.gaps.fetch_add(1, Ordering::Relaxed);
                self.missed.fetch_add(gap.missed.unwrap_or_default(), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// A command or key that no filter has dropped.
    pub(crate) fn passed(&self) {
        self.printed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The replication offset after the event.
fn offset_of(event: &Event<'_>) -> Option<u64> {
    let position = match event {
        Event::Command(it) | Event::Multi(it) | Event::Exec(it) | Event::Control(it) => return Some(it.offset),
        Event::Attached(it) => it.position,
        Event::SnapshotEnd(it) => it.position,
        Event::Idle(it) => it.position,
        Event::Gap(it) => Some(it.to),
        _ => None,
    };
    position.map(|position| position.offset)
}

#[derive(Debug)]
struct Shared(Arc<Metrics>);

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_run(&mut encoder, OF_BRIDGE, &*self.0, "The version of the bridge")?;
        let mut streams = self.0.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        let streams: Vec<_> = streams.iter().filter_map(Weak::upgrade).collect();
        encode_streams(&mut encoder, OF_STREAM, &streams, |stream: &Stream| stream.shard.as_deref())
    }
}

fn of(number: &AtomicU64) -> Option<f64> {
    Some(number.load(Ordering::Relaxed) as f64)
}

fn flag(flag: &AtomicBool) -> Option<f64> {
    Some(f64::from(u8::from(flag.load(Ordering::Relaxed))))
}

const OF_BRIDGE: &[Row<Metrics>] = &[
    (START, |it| it.start.seconds()),
    (CHECKPOINT, |it| it.saved.seconds()),
    (counter("output_blocked_seconds", "Time spent waiting for the broker, because the queue is full"), |it| {
        Some((Duration::from_micros(it.blocked.load(Ordering::Relaxed)) + it.blocked_now()).as_secs_f64())
    }),
    (gauge("output_blocked_now_seconds", "How long the queue has been full; 0 if it is not"), |it| {
        Some(it.blocked_now().as_secs_f64())
    }),
    (counter("bridge_confirmed_messages", "Messages that the broker has confirmed"), |it| of(&it.confirmed)),
    (counter("bridge_repeated_messages", "Confirmed messages that the broker already had"), |it| of(&it.repeated)),
    (gauge("bridge_unconfirmed_messages", "Messages sent to the broker and not confirmed"), |it| of(&it.unconfirmed)),
    (gauge("bridge_broker_connected", "1 while the broker is connected"), |it| flag(&it.has_broker)),
];

const OF_STREAM: &[Row<Stream>] = &[
    (ATTACHED, |it| flag(&it.is_attached)),
    (ATTACHED_CHANGE, |it| it.changed.seconds()),
    (OFFSET, |it| of(&it.offset)),
    (LAST_WRITE, |it| it.last_write.seconds()),
    (LAST_BYTE, |it| it.last_byte.seconds()),
    (COMMANDS, |it| of(&it.commands)),
    (KEYS, |it| of(&it.keys)),
    (PRINTED, |it| of(&it.printed)),
    (GAPS, |it| of(&it.gaps)),
    (MISSED, |it| of(&it.missed)),
    (RECONNECTS, |it| Some(it.connections.load(Ordering::Relaxed).saturating_sub(1) as f64)),
    (IN_SNAPSHOT, |it| flag(&it.in_snapshot)),
];
