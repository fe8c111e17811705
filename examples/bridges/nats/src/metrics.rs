//! `--metrics`: the state of the bridge over HTTP, for Prometheus. Names are those of the tool where they mean the
//! same; those of the broker's side begin with `redtail_bridge_`.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use redtail::Event;
use tiny_http::{Header, Request, Response, Server};

use crate::end::Failure;

const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";

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
        let listener = TcpListener::bind(address).map_err(|error| failed(&error))?;
        let local = listener.local_addr().map_err(|error| failed(&error))?;
        let server = Server::from_listener(listener, None).map_err(|error| failed(&error))?;
        let mut registry = Registry::with_prefix("redtail");
        registry.register_collector(Box::new(Shared(Arc::clone(self))));
        let answer_all = move || {
            for request in server.incoming_requests() {
                // A client that has ended needs no answer.
                let _ = answer(request, &registry);
            }
        };
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

fn answer(request: Request, registry: &Registry) -> io::Result<()> {
    if request.url() != "/metrics" {
        return request.respond(Response::from_string("see /metrics\n").with_status_code(404));
    }
    let mut text = String::new();
    if encode(&mut text, registry).is_err() {
        return request.respond(Response::empty(500));
    }
    let response = Response::from_string(text);
    match CONTENT_TYPE.parse::<Header>() {
        Ok(header) => request.respond(response.with_header(header)),
        Err(()) => request.respond(response),
    }
}

#[derive(Debug)]
struct Shared(Arc<Metrics>);

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, kind, value) in OF_BRIDGE {
            let Some(value) = value(&self.0) else { continue };
            number(encoder.encode_descriptor(name, help, None, *kind)?, *kind, value)?;
        }
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        encoder.encode_descriptor("build", "The version of the bridge", None, MetricType::Info)?.encode_info(&build)?;
        let mut streams = self.0.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        let streams: Vec<_> = streams.iter().filter_map(Weak::upgrade).collect();
        for (name, help, kind, value) in OF_STREAM {
            let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
            for stream in &streams {
                let Some(value) = value(stream) else { continue };
                let labels: Vec<_> = stream.shard.iter().map(|shard| ("shard", shard.as_str())).collect();
                number(metric.encode_family(&labels)?, *kind, value)?;
            }
        }
        Ok(())
    }
}

fn number(mut metric: MetricEncoder<'_>, kind: MetricType, value: f64) -> fmt::Result {
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}

type Row<T> = (&'static str, &'static str, MetricType, fn(&T) -> Option<f64>);

const COUNTER: MetricType = MetricType::Counter;
const GAUGE: MetricType = MetricType::Gauge;

fn of(number: &AtomicU64) -> Option<f64> {
    Some(number.load(Ordering::Relaxed) as f64)
}

fn flag(flag: &AtomicBool) -> Option<f64> {
    Some(f64::from(u8::from(flag.load(Ordering::Relaxed))))
}

/// The encoder adds `redtail_` before the name, and `_total` behind that of a counter.
const OF_BRIDGE: &[Row<Metrics>] = &[
    ("start_timestamp_seconds", "When the run has begun", GAUGE, |it| it.start.seconds()),
    ("checkpoint_timestamp_seconds", "When the checkpoint was last saved", GAUGE, |it| it.saved.seconds()),
    ("output_blocked_seconds", "Time spent waiting for the broker, because the queue is full", COUNTER, |it| {
        Some((Duration::from_micros(it.blocked.load(Ordering::Relaxed)) + it.blocked_now()).as_secs_f64())
    }),
    ("output_blocked_now_seconds", "How long the queue has been full; 0 if it is not", GAUGE, |it| {
        Some(it.blocked_now().as_secs_f64())
    }),
    ("bridge_confirmed_messages", "Messages that the broker has confirmed", COUNTER, |it| of(&it.confirmed)),
    ("bridge_repeated_messages", "Confirmed messages that the broker already had", COUNTER, |it| of(&it.repeated)),
    ("bridge_unconfirmed_messages", "Messages sent to the broker and not confirmed", GAUGE, |it| of(&it.unconfirmed)),
    ("bridge_broker_connected", "1 while the broker is connected", GAUGE, |it| flag(&it.has_broker)),
];

/// In a cluster each has the label `shard`.
const OF_STREAM: &[Row<Stream>] = &[
    ("attached", "1 while the server is followed, 0 while the connection is lost", GAUGE, |it| flag(&it.is_attached)),
    ("attached_change_timestamp_seconds", "When the connection was last made or lost", GAUGE, |it| {
        it.changed.seconds()
    }),
    ("replication_offset_bytes", "The replication offset after the last event", GAUGE, |it| of(&it.offset)),
    ("last_write_timestamp_seconds", "When the last write arrived", GAUGE, |it| it.last_write.seconds()),
    (
        "last_byte_timestamp_seconds",
        "When the last byte of any kind arrived. Servers send a PING every 10 s",
        GAUGE,
        |it| it.last_byte.seconds(),
    ),
    ("commands", "Commands of the stream", COUNTER, |it| of(&it.commands)),
    ("keys", "Keys of snapshots", COUNTER, |it| of(&it.keys)),
    ("printed", "Commands and keys that no filter has dropped", COUNTER, |it| of(&it.printed)),
    ("gaps", "Gaps: the server no longer had the next part of the stream", COUNTER, |it| of(&it.gaps)),
    ("missed_bytes", "Bytes of the stream that are missing in gaps, where that is known", COUNTER, |it| of(&it.missed)),
    ("reconnects", "Connections after the first one", COUNTER, |it| {
        Some(it.connections.load(Ordering::Relaxed).saturating_sub(1) as f64)
    }),
    ("snapshot_active", "1 while a snapshot arrives", GAUGE, |it| flag(&it.in_snapshot)),
];
