//! Publishes the contents of the outbox, in order, and reports to each lane the position that the broker has
//! confirmed.
//!
//! Any failure ends the connection, a missing or a negative reply too. Then all unconfirmed messages are sent again,
//! from the first, over a new one. The broker drops the ones it has, and the order is kept: no connection stores the
//! second of two messages without having sent the first.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use tokio::runtime::{self, Runtime};

use crate::args::Args;
use crate::broker::{Connection, Trouble};
use crate::end::{End, Failure};
use crate::message::Message;
use crate::metrics::Metrics;
use crate::outbox::{Item, Outbox};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Publisher {
    args: Args,
    outbox: Arc<Outbox>,
    end: Arc<End>,
    /// The broker's max_payload.
    largest: Arc<AtomicUsize>,
    /// Taken from the outbox and unconfirmed, oldest first.
    unconfirmed: VecDeque<Item>,
    metrics: Arc<Metrics>,
}

type Answer = <PublishAckFuture as IntoFuture>::IntoFuture;

impl Publisher {
    /// Connects once and checks the stream, to report errors at once. It waits for an absent broker only if there is a
    /// saved position: a bridge has run before.
    pub(crate) fn connect(
        args: &Args,
        outbox: Arc<Outbox>,
        end: Arc<End>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let is_first = !args.checkpoint.exists();
        let mut is_told = false;
        let largest = loop {
            let outcome = runtime()?.block_on(async {
                let connection = Connection::make(args).await?;
                connection.stream(args, is_first).await?;
                Ok(connection.max_payload)
            });
            match outcome {
                Ok(largest) => break largest,
                Err(Trouble::Lasting(failure)) => return Err(failure),
                Err(Trouble::Passing(words)) if is_first => return Err(Failure::new(1, words)),
                Err(Trouble::Passing(words)) => {
                    if !std::mem::replace(&mut is_told, true) {
                        eprintln!("redtail-nats: {words}; waiting for the broker");
                    }
                    if end.wait(SHORTEST_PAUSE) {
                        return Err(Failure::new(1, "ended before the broker was reachable"));
                    }
                }
            }
        };
        let largest = Arc::new(AtomicUsize::new(largest));
        Ok(Self { args: args.clone(), outbox, end, largest, unconfirmed: VecDeque::new(), metrics })
    }

    pub(crate) fn largest(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.largest)
    }

    /// Runs until the outbox is closed.
    pub(crate) fn run(mut self) {
        let (mut pause, mut away_since) = (SHORTEST_PAUSE, None);
        while !self.outbox.is_closed() {
            let confirmed = self.confirmed();
            let outcome = self.epoch(&mut away_since);
            self.metrics.has_broker.store(false, Ordering::Relaxed);
            self.metrics.unconfirmed.store(0, Ordering::Relaxed);
            match outcome {
                Ok(()) => break,
                Err(Trouble::Lasting(failure)) => {
                    self.end.fail(failure);
                    break;
                }
                Err(Trouble::Passing(words)) => {
                    if away_since.is_none() {
                        eprintln!("redtail-nats: {words}; {} messages wait for the broker", self.unconfirmed.len());
                        away_since = Some(Instant::now());
                    }
                    pause = if self.confirmed() > confirmed { SHORTEST_PAUSE } else { (2 * pause).min(LONGEST_PAUSE) };
                    thread::sleep(pause);
                }
            }
        }
        eprintln!(
            "redtail-nats: {} messages confirmed; the broker already had {} of them",
            self.confirmed(),
            self.metrics.repeated.load(Ordering::Relaxed)
        );
        // Nobody may wait for room any more.
        self.outbox.close();
    }

    fn confirmed(&self) -> u64 {
        self.metrics.confirmed.load(Ordering::Relaxed)
    }

    /// One connection, from its beginning to its end. Everything that belongs to it ends with its runtime.
    fn epoch(&mut self, away_since: &mut Option<Instant>) -> Result<(), Trouble> {
        let runtime = runtime().map_err(Trouble::Lasting)?;
        runtime.block_on(async {
            let connection = Connection::make(&self.args).await?;
            connection.stream(&self.args, false).await?;
            self.largest.store(connection.max_payload, Ordering::Relaxed);
            if let Some(since) = away_since.take() {
                let away = since.elapsed();
                eprintln!("redtail-nats: the broker is back after {:.1} s", away.as_secs_f32());
                if away > self.args.window {
                    let count = self.unconfirmed.len().min(usize::from(self.args.in_flight));
                    eprintln!(
                        "redtail-nats: the outage exceeded --window: up to {count} messages may be in the stream twice"
                    );
                }
            }
            self.metrics.has_broker.store(true, Ordering::Relaxed);
            self.publish(&connection).await
        })
    }

    async fn publish(&mut self, connection: &Connection) -> Result<(), Trouble> {
        let most = usize::from(self.args.in_flight);
        // Waits for the first unconfirmed message; positions among them have no reply.
        let mut answers: VecDeque<Option<Answer>> = VecDeque::new();
        loop {
            while answers.len() < self.unconfirmed.len() && answers.len() < most {
                let answer = self.send(connection, answers.len()).await?;
                answers.push_back(answer);
            }
            while answers.len() < most
                && let Some(item) = self.outbox.take()
            {
                self.unconfirmed.push_back(item);
                let answer = self.send(connection, self.unconfirmed.len() - 1).await?;
                answers.push_back(answer);
            }
            let mut has_room = false;
            while let Some(None) = answers.front() {
                answers.pop_front();
                self.confirm();
                has_room = true;
            }
            if self.outbox.is_closed() {
                return Ok(());
            }
            if has_room {
                // There may be more messages from the outbox, but the connection gets its turn too.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                () = connection.lost() => return Err(Trouble::Passing("the connection to the broker was lost".into())),
                answer = next(&mut answers) => {
                    let answer = answer.map_err(|error| {
                        Trouble::Passing(format!("the broker did not take a message: {}", with_cause(&error)))
                    })?;
                    self.metrics.repeated.fetch_add(u64::from(answer.duplicate), Ordering::Relaxed);
                    if answer.stream != self.args.stream {
                        let words = format!("{} is answered by the stream {}", self.args.prefix(), answer.stream);
                        return Err(Trouble::Lasting(Failure::new(2, words)));
                    }
                    answers.pop_front();
                    self.metrics.confirmed.fetch_add(1, Ordering::Relaxed);
                    self.metrics.unconfirmed.fetch_sub(1, Ordering::Relaxed);
                    self.confirm();
                }
                () = self.outbox.filled(), if answers.len() < most => {}
            }
        }
    }

    /// Sends the unconfirmed entry at this index, if it is a message.
    async fn send(&self, connection: &Connection, at: usize) -> Result<Option<Answer>, Trouble> {
        let Some(Item::Message(Message { partition, id, body })) = self.unconfirmed.get(at) else { return Ok(None) };
        let subject = format!("{}.{partition}", self.args.prefix());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id.as_str());
        let sent = connection.jetstream.publish_with_headers(subject, headers, body.clone()).await;
        let answer = sent.map_err(|error| match error.kind() {
            // It fitted when it was made.
            PublishErrorKind::MaxPayloadExceeded => {
                let words = format!("the broker's max_payload has become smaller: {id} does not fit; nothing is lost");
                Trouble::Lasting(Failure::new(1, words))
            }
            _ => Trouble::Passing(format!("can't publish: {}", with_cause(&error))),
        })?;
        self.metrics.unconfirmed.fetch_add(1, Ordering::Relaxed);
        Ok(Some(answer.into_future()))
    }

    /// The first unconfirmed message is confirmed.
    fn confirm(&mut self) {
        let Some(item) = self.unconfirmed.pop_front() else { return };
        self.outbox.release(item.size());
        match item {
            Item::Message(_) => {}
            Item::Reached(lane, position) => lane.commit(position),
            Item::Flag(flag) => flag.store(true, Ordering::Release),
        }
    }
}

/// The reply to the first message; pending without end if none is expected.
async fn next(answers: &mut VecDeque<Option<Answer>>) -> <Answer as Future>::Output {
    match answers.front_mut() {
        Some(Some(answer)) => answer.await,
        _ => std::future::pending().await,
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let built = runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(1, format!("can't start the broker client: {error}")))
}
