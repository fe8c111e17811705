//! Metrics over HTTP, for Prometheus. The tool and the bridge to NATS compile this file.

use std::borrow::Borrow;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tiny_http::{Header, Request, Response, Server};

const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Binds the address. Returns it with its port, and what serves `/metrics` there until the process ends.
pub(crate) fn bind(address: &str, metrics: impl Collector) -> io::Result<(SocketAddr, impl FnOnce() + Send + 'static)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
    let mut registry = Registry::with_prefix("redtail");
    registry.register_collector(Box::new(metrics));
    Ok((address, move || {
        for request in server.incoming_requests() {
            // A client that has ended needs no answer.
            let _ = answer(request, &registry);
        }
    }))
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

/// A metric, and its value if there is one.
pub(crate) type Row<T> = (Metric, fn(&T) -> Option<f64>);

/// Name, help and kind. The encoder adds `redtail_` before the name, and `_total` after that of a counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric(&'static str, &'static str, MetricType);

pub(crate) const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric(name, help, MetricType::Counter)
}

pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric(name, help, MetricType::Gauge)
}

// The metrics that every program has, so that one dashboard shows all.
pub(crate) const START: Metric = gauge("start_timestamp_seconds", "When the run has begun");
pub(crate) const CHECKPOINT: Metric = gauge("checkpoint_timestamp_seconds", "When the checkpoint was last saved");
pub(crate) const ATTACHED: Metric = gauge("attached", "1 while the server is followed, 0 while the connection is lost");
pub(crate) const ATTACHED_CHANGE: Metric =
    gauge("attached_change_timestamp_seconds", "When the connection was last made or lost");
pub(crate) const OFFSET: Metric = gauge("replication_offset_bytes", "The replication offset after the last event");
pub(crate) const LAST_WRITE: Metric = gauge("last_write_timestamp_seconds", "When the last write arrived");
pub(crate) const LAST_BYTE: Metric =
    gauge("last_byte_timestamp_seconds", "When the last byte of any kind arrived. Servers send a PING every 10 s");
pub(crate) const COMMANDS: Metric = counter("commands", "Commands of the stream");
pub(crate) const KEYS: Metric = counter("keys", "Keys of snapshots");
pub(crate) const PRINTED: Metric = counter("printed", "Commands and keys that no filter has dropped");
pub(crate) const GAPS: Metric = counter("gaps", "Gaps: the server no longer had the next part of the stream");
pub(crate) const MISSED: Metric =
    counter("missed_bytes", "Bytes of the stream that are missing in gaps, where that is known");
pub(crate) const RECONNECTS: Metric = counter("reconnects", "Connections after the first one");
pub(crate) const IN_SNAPSHOT: Metric = gauge("snapshot_active", "1 while a snapshot arrives");

/// Encodes the metrics of a run, and the version of the program.
pub(crate) fn encode_run<T>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &[Row<T>],
    run: &T,
    build: &'static str,
) -> fmt::Result {
    for (Metric(name, help, kind), value) in rows {
        let Some(value) = value(run) else { continue };
        number(encoder.encode_descriptor(name, help, None, *kind)?, *kind, value)?;
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    encoder.encode_descriptor("build", build, None, MetricType::Info)?.encode_info(&version)
}

/// Encodes the metrics of streams. In a cluster each has the label `shard`.
pub(crate) fn encode_streams<T>(
    encoder: &mut DescriptorEncoder<'_>,
    rows: &[Row<T>],
    streams: &[impl Borrow<T>],
    shard: fn(&T) -> Option<&str>,
) -> fmt::Result {
    for (Metric(name, help, kind), value) in rows {
        let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
        for stream in streams {
            let Some(value) = value(stream.borrow()) else { continue };
            number(metric.encode_family(&labels(shard(stream.borrow())))?, *kind, value)?;
        }
    }
    Ok(())
}

/// The labels of a stream.
pub(crate) fn labels(shard: Option<&str>) -> Vec<(&str, &str)> {
    shard.into_iter().map(|shard| ("shard", shard)).collect()
}

fn number(mut metric: MetricEncoder<'_>, kind: MetricType, value: f64) -> fmt::Result {
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}
