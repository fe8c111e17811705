//! `--metrics`: the state of the run over HTTP, for Prometheus.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::background;
use crate::stats::exposition::{
    ATTACHED, ATTACHED_CHANGE, CHECKPOINT, COMMANDS, GAPS, IN_SNAPSHOT, KEYS, LAST_BYTE, LAST_WRITE, MISSED, OFFSET,
    PRINTED, RECONNECTS, Row, START, bind, counter, encode_run, encode_streams, gauge, labels,
};
use crate::stats::report::{Report, Stream};

/// Serves `/metrics` at the address until the process ends. Returns the address with its port.
pub(super) fn serve(address: &str) -> io::Result<SocketAddr> {
    let (address, answer_all) = bind(address, Metrics)?;
    background::start("metrics", answer_all);
    Ok(address)
}

#[derive(Debug)]
struct Metrics;

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = Report::now();
        encode_run(&mut encoder, OF_RUN, &report, "The version of redtail")?;
        encode_streams(&mut encoder, OF_STREAM, &report.streams, shard)?;
        let help = "The followed server, or the target of load. The labels that are not known are empty";
        let mut info = encoder.encode_descriptor("server", help, None, MetricType::Info)?;
        for stream in &report.streams {
            let replid = stream.replid.map(|replid| replid.to_string());
            let about = &stream.about;
            let known = [&about.address, &about.server, &about.run_id, &replid];
            let names = ["address", "server", "run_id", "replid"];
            let values = known.map(|value| value.as_deref().unwrap_or_default());
            info.encode_family(&labels(shard(stream)))?
                .encode_info(&names.into_iter().zip(values).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn shard(stream: &Stream) -> Option<&str> {
    stream.shard.as_deref()
}

/// The metrics of the run.
const OF_RUN: &[Row<Report>] = &[
    (START, |run| Some(at(run.age))),
    (
        counter("output_blocked_seconds", "Time spent in writes of the output, for which its reader or disk decides"),
        |run| Some(run.waited.as_secs_f64()),
    ),
    (gauge("output_blocked_now_seconds", "How long the present write of the output has taken; 0 without one"), |run| {
        Some(run.waiting.as_secs_f64())
    }),
    (CHECKPOINT, |run| run.checkpoint.map(at)),
];

/// The metrics of each stream.
const OF_STREAM: &[Row<Stream>] = &[
    (ATTACHED, |it| Some(f64::from(u8::from(it.is_attached)))),
    (ATTACHED_CHANGE, |it| it.since.map(at)),
    (OFFSET, |it| Some(it.offset as f64)),
    (gauge("lag_bytes", "How far the server is ahead. Missing where it can't be asked (INFO)"), |it| {
        it.lag.map(|lag| lag.bytes as f64)
    }),
    (
        gauge(
            "lag_seconds",
            "The time since the server had nothing that is missing here. At least this time, if the run began behind",
        ),
        |it| it.lag.and_then(|lag| lag.time).map(|time| time.as_secs_f64()),
    ),
    (LAST_WRITE, |it| it.last_write.map(at)),
    (LAST_BYTE, |it| it.last_byte.map(at)),
    (counter("events", "Commands, parts of commands, and items of snapshots"), |it| Some(it.events as f64)),
    (COMMANDS, |it| Some(it.commands as f64)),
    (KEYS, |it| Some(it.keys as f64)),
    (PRINTED, |it| Some(it.printed as f64)),
    (counter("refused", "Commands that the target of load has refused"), |it| Some(it.refused as f64)),
    (counter("received_bytes", "Bytes of the stream and of snapshots"), |it| Some(it.bytes as f64)),
    (GAPS, |it| Some(it.gaps as f64)),
    (MISSED, |it| Some(it.missed as f64)),
    (RECONNECTS, |it| Some(it.reconnects as f64)),
    (IN_SNAPSHOT, |it| Some(f64::from(u8::from(it.in_snapshot)))),
    (gauge("snapshot_bytes", "Bytes of the present snapshot"), |it| it.in_snapshot.then_some(it.snapshot_bytes as f64)),
    (gauge("snapshot_length_bytes", "The length of the present snapshot, if the server has announced it"), |it| {
        it.snapshot_length.filter(|_| it.in_snapshot).map(|length| length as f64)
    }),
];

/// The Unix time of this age, in seconds.
fn at(age: Duration) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(age).as_secs_f64()
}
