//! `--metrics`: the state of the run over HTTP, for Prometheus.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tiny_http::{Header, Request, Response, Server};

use crate::background;
use crate::stats::report::{Report, Stream};

const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` at the address until the process ends. Returns the address with its port.
pub(super) fn serve(address: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
    let mut registry = Registry::with_prefix("redtail");
    registry.register_collector(Box::new(Metrics));
    background::start("metrics", move || {
        for request in server.incoming_requests() {
            // A client that has ended needs no answer.
            let _ = answer(request, &registry);
        }
    });
    Ok(address)
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
struct Metrics;

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = Report::now();
        for (name, help, kind, value) in OF_RUN {
            let Some(value) = value(&report) else { continue };
            number(encoder.encode_descriptor(name, help, None, *kind)?, *kind, value)?;
        }
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        let help = "The version of redtail";
        encoder.encode_descriptor("build", help, None, MetricType::Info)?.encode_info(&build)?;
        for (name, help, kind, value) in OF_STREAM {
            let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
            for stream in &report.streams {
                let Some(value) = value(stream) else { continue };
                number(metric.encode_family(&labels(stream))?, *kind, value)?;
            }
        }
        let help = "The followed server, or the target of load. The labels that are not known are empty";
        let mut info = encoder.encode_descriptor("server", help, None, MetricType::Info)?;
        for stream in &report.streams {
            let replid = stream.replid.map(|replid| replid.to_string());
            let about = &stream.about;
            let known = [&about.address, &about.server, &about.run_id, &replid];
            let names = ["address", "server", "run_id", "replid"];
            let values = known.map(|value| value.as_deref().unwrap_or_default());
            info.encode_family(&labels(stream))?.encode_info(&names.into_iter().zip(values).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn labels(stream: &Stream) -> Vec<(&str, &str)> {
    stream.shard.iter().map(|shard| ("shard", shard.as_str())).collect()
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

/// The metrics of the run. The encoder adds `redtail_` before the name, and `_total` behind that of a counter.
const OF_RUN: &[Row<Report>] = &[
    ("start_timestamp_seconds", "When the run has begun", GAUGE, |run| Some(at(run.age))),
    (
        "output_blocked_seconds",
        "Time spent in writes of the output, for which its reader or disk decides",
        COUNTER,
        |run| Some(run.waited.as_secs_f64()),
    ),
    ("output_blocked_now_seconds", "How long the present write of the output has taken; 0 without one", GAUGE, |run| {
        Some(run.waiting.as_secs_f64())
    }),
    ("checkpoint_timestamp_seconds", "When the checkpoint was last saved", GAUGE, |run| run.checkpoint.map(at)),
];

/// The metrics of each stream. In a cluster each has the label `shard`.
const OF_STREAM: &[Row<Stream>] = &[
    ("attached", "1 while the server is followed, 0 while the connection is lost", GAUGE, |it| {
        Some(f64::from(u8::from(it.is_attached)))
    }),
    ("attached_change_timestamp_seconds", "When the connection was last made or lost", GAUGE, |it| it.since.map(at)),
    ("replication_offset_bytes", "The replication offset after the last event", GAUGE, |it| Some(it.offset as f64)),
    ("lag_bytes", "How far the server is ahead. Missing where it can't be asked (INFO)", GAUGE, |it| {
        it.lag.map(|lag| lag.bytes as f64)
    }),
    (
        "lag_seconds",
        "The time since the server had nothing that is missing here. At least this time, if the run began behind",
        GAUGE,
        |it| it.lag.and_then(|lag| lag.time).map(|time| time.as_secs_f64()),
    ),
    ("last_write_timestamp_seconds", "When the last write arrived", GAUGE, |it| it.last_write.map(at)),
    (
        "last_byte_timestamp_seconds",
        "When the last byte of any kind arrived. Servers send a PING every 10 s",
        GAUGE,
        |it| it.last_byte.map(at),
    ),
    ("events", "Commands, parts of commands, and items of snapshots", COUNTER, |it| Some(it.events as f64)),
    ("commands", "Commands of the stream", COUNTER, |it| Some(it.commands as f64)),
    ("keys", "Keys of snapshots", COUNTER, |it| Some(it.keys as f64)),
    ("printed", "Commands and keys that no filter has dropped", COUNTER, |it| Some(it.printed as f64)),
    ("refused", "Commands that the target of load has refused", COUNTER, |it| Some(it.refused as f64)),
    ("received_bytes", "Bytes of the stream and of snapshots", COUNTER, |it| Some(it.bytes as f64)),
    ("gaps", "Gaps: the server no longer had the next part of the stream", COUNTER, |it| Some(it.gaps as f64)),
    ("missed_bytes", "Bytes of the stream that are missing in gaps, where that is known", COUNTER, |it| {
        Some(it.missed as f64)
    }),
    ("reconnects", "Connections after the first one", COUNTER, |it| Some(it.reconnects as f64)),
    ("snapshot_active", "1 while a snapshot arrives", GAUGE, |it| Some(f64::from(u8::from(it.in_snapshot)))),
    ("snapshot_bytes", "Bytes of the present snapshot", GAUGE, |it| it.in_snapshot.then_some(it.snapshot_bytes as f64)),
    ("snapshot_length_bytes", "The length of the present snapshot, if the server has announced it", GAUGE, |it| {
        it.snapshot_length.filter(|_| it.in_snapshot).map(|length| length as f64)
    }),
];

/// The Unix time of this age, in seconds.
fn at(age: Duration) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(age).as_secs_f64()
}
