//! Checks of the stream at the end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, Context};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use redtail::topology::slot;
use serde_json::Value;

use crate::servers::Broker;

pub(crate) const PARTITIONS: u16 = 16;

fn with<T>(broker: &Broker, work: impl AsyncFnOnce(Context) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(broker.address()).await.expect("the broker");
        work(jetstream::new(client)).await
    })
}

/// Limits the stream to its present number of messages, or removes the limit.
pub(crate) fn close(broker: &Broker, is_closed: bool) {
    limit(broker, is_closed.then(|| count(broker)));
}

/// Limits the stream to this number of messages: the broker refuses more. Makes the stream if it does not exist.
pub(crate) fn limit(broker: &Broker, messages: Option<u64>) {
    with(broker, async |context| {
        let new = Config {
            name: "writes".into(),
            subjects: vec!["writes.*".into()],
            duplicate_window: Duration::from_secs(600),
            ..Config::default()
        };
        let stream = context.get_or_create_stream(new).await.expect("the stream");
        let mut config = stream.cached_info().config.clone();
        config.max_messages = messages.map_or(-1, |messages| i64::try_from(messages).expect("a number"));
        config.discard = DiscardPolicy::New;
        context.update_stream(config).await.expect("a changed stream");
    });
}

/// The number of messages; 0 without a stream.
pub(crate) fn count(broker: &Broker) -> u64 {
    with(broker, async |context| match context.get_stream("writes").await {
        Ok(stream) => stream.cached_info().state.messages,
        Err(_) => 0,
    })
}

/// Waits until this number of messages is there, or no more arrive. `begin` events are not counted: they are there
/// before the first write of a test.
pub(crate) fn wait(broker: &Broker, expected: u64) {
    let mut begins = 0;
    read_all(broker, |_, _, body| begins += u64::from(body["event"] == "begin"));
    with(broker, async |context| {
        let mut stream = context.get_stream("writes").await.expect("the stream");
        let (mut last, mut changed) = (0, Instant::now());
        loop {
            let count = stream.info().await.expect("its state").state.messages - begins;
            if count != last {
                (last, changed) = (count, Instant::now());
            }
            let quiet = if count >= expected { Duration::from_secs(3) } else { Duration::from_secs(60) };
            if changed.elapsed() > quiet {
                println!("{count} messages in the stream, {expected} expected");
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

/// Each message of the stream but `begin`: subject, id, body.
pub(crate) fn read(broker: &Broker, mut each: impl FnMut(&str, &str, Value)) {
    read_all(broker, |subject, id, body| {
        if body["event"] != "begin" {
            each(subject, id, body);
        }
    });
}

/// Each message of the stream: subject, id, body.
pub(crate) fn read_all(broker: &Broker, mut each: impl FnMut(&str, &str, Value)) {
    with(broker, async |context| {
        let stream = context.get_stream("writes").await.expect("the stream");
        let last = stream.cached_info().state.last_sequence;
        if last == 0 {
            return;
        }
        let config = pull::Config { ack_policy: AckPolicy::None, ..Default::default() };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let mut messages = consumer.stream().max_messages_per_batch(2000).messages().await.expect("messages");
        loop {
            let message = messages.next().await.expect("a message").expect("a message");
            let sequence = message.info().expect("its place").stream_sequence;
            let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")).expect("an id").as_str();
            each(&message.subject, id, serde_json::from_slice(&message.payload).expect("JSON"));
            if sequence == last {
                break;
            }
        }
    });
}

/// Checks that each change is there once, in order, and each transaction whole.
pub(crate) fn check(broker: &Broker, sequences: &[(String, u64)], expected: u64) {
    let mut seen = Seen::default();
    read(broker, |subject, id, body| seen.take(subject, id, &body));
    for (tag, count) in sequences {
        assert_eq!(seen.next.get(tag).copied().unwrap_or_default(), *count, "the changes of {tag}");
    }
    assert_eq!(seen.count, expected);
    assert_eq!(seen.flushed, 3 * u64::from(PARTITIONS));
    assert!(seen.transactions > 0 && seen.binary > 0);
    println!("{} messages, {} transactions, {} values that are no text", seen.count, seen.transactions, seen.binary);
}

#[derive(Default)]
struct Seen {
    count: u64,
    flushed: u64,
    transactions: u64,
    binary: u64,
    /// The next number of each tag.
    next: HashMap<String, u64>,
    /// The last offset of each shard in each partition.
    offsets: HashMap<(u16, String), u64>,
    /// Unfinished transactions: id, number of messages.
    open: HashMap<(u16, String), (u64, u64)>,
}

impl Seen {
    fn take(&mut self, subject: &str, id: &str, body: &Value) {
        self.count += 1;
        let partition: u16 = subject.strip_prefix("writes.").expect("a subject").parse().expect("a partition");
        let lane = (partition, body["shard"].as_str().expect("a shard").to_owned());
        let offset = body["offset"].as_u64().expect("an offset");
        let before = self.offsets.insert(lane.clone(), offset);
        assert!(before.is_none_or(|before| before < offset), "twice or out of order: {subject} {id}");
        let name = body["id"].as_str().expect("an id");
        if body["args"][0] == "FLUSHALL" {
            assert_eq!(id, format!("{name}@{partition}"));
            self.flushed += 1;
            return;
        }
        assert_eq!(id, name);
        self.transaction(lane, body);
        let key = body["args"][1].as_str().expect("a key");
        assert_eq!(slot(key.as_bytes()) % PARTITIONS, partition, "{key}");
        let value = match &body["args"][2] {
            Value::String(text) => text.clone().into_bytes(),
            coded => {
                self.binary += 1;
                BASE64_STANDARD.decode(coded["base64"].as_str().expect("base64")).expect("base64")
            }
        };
        let mut fields = value.splitn(3, |&byte| byte == b' ').map(String::from_utf8_lossy);
        let (tag, number) = (fields.next().expect("a tag"), fields.next().expect("a number"));
        let number: u64 = number.parse().expect("a number");
        let next = self.next.entry(tag.clone().into_owned()).or_default();
        assert_eq!(number, *next, "the changes of {tag} at {subject} {id}");
        *next += 1;
        let is_binary = value.ends_with(&[0xff, 0, b'"', b'\n']);
        assert_eq!(is_binary, number.is_multiple_of(8), "{value:?}");
    }

    /// No other message of the same shard is between those of one transaction.
    fn transaction(&mut self, lane: (u16, String), body: &Value) {
        let open = self.open.remove(&lane);
        if body["tx"] == false {
            assert_eq!(open, None, "a transaction is not whole before {body}");
            return;
        }
        let field = |name: &str| body[name].as_u64().expect("a number");
        let (id, at, of) = (field("tx_id"), field("tx_at"), field("tx_of"));
        assert_eq!(open.unwrap_or((id, 0)), (id, at - 1), "{body}");
        if at < of {
            self.open.insert(lane, (id, at));
        } else {
            self.transactions += 1;
        }
    }
}
