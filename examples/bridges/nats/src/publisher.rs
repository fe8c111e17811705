//! Publishes what is in the outbox, in order, and tells each lane how far the broker has confirmed.
//!
//! A connection is lost at the first thing that goes wrong: a missing or a negative answer too. Then all that is not confirmed is sent
//! again from the first on, over a new one. The broker drops what it has, and the order stays: of two messages the second is never stored
//! by a connection that has not sent the first.

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
use crate::outbox::{Item, Outbox};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Publisher {
    args: Args,
    outbox: Arc<Outbox>,
    end: Arc<End>,
    /// The broker's max_payload.
    largest: Arc<AtomicUsize>,
    /// Taken from the outbox and not confirmed, oldest first.
    unconfirmed: VecDeque<Item>,
    confirmed: u64,
    repeated: u64,
}

type Answer = <PublishAckFuture as IntoFuture>::IntoFuture;

impl Publisher {
    /// Connects once and sees to the stream, so that what is wrong shows at once. Only where there is a saved place, and so a bridge that was at
    /// work before, a broker that is away is waited for.
    pub(crate) fn connect(args: &Args, outbox: Arc<Outbox>, end: Arc<End>) -> Result<Self, Failure> {
        let is_first = !args.state.exists();
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
                        eprintln!("redtail-nats: {words}; waits for it");
                    }
                    if end.wait(SHORTEST_PAUSE) {
                        return Err(Failure::new(1, "ended before the broker was there"));
                    }
                }
            }
        };
        let largest = Arc::new(AtomicUsize::new(largest));
        Ok(Self { args: args.clone(), outbox, end, largest, unconfirmed: VecDeque::new(), confirmed: 0, repeated: 0 })
    }

    pub(crate) fn largest(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.largest)
    }

    /// Until the outbox is closed.
    pub(crate) fn run(mut self) {
        let (mut pause, mut away_since) = (SHORTEST_PAUSE, None);
        while !self.outbox.is_closed() {
            let confirmed = self.confirmed;
            match self.epoch(&mut away_since) {
                Ok(()) => break,
                Err(Trouble::Lasting(failure)) => {
                    self.end.fail(failure);
                    break;
                }
                Err(Trouble::Passing(words)) => {
                    if away_since.is_none() {
                        eprintln!("redtail-nats: {words}; {} messages wait for it", self.unconfirmed.len());
                        away_since = Some(Instant::now());
                    }
                    pause = if self.confirmed > confirmed { SHORTEST_PAUSE } else { (2 * pause).min(LONGEST_PAUSE) };
                    thread::sleep(pause);
                }
            }
        }
        eprintln!(
            "redtail-nats: {} messages confirmed, of which the broker had {} already",
            self.confirmed, self.repeated
        );
        // Nobody is to wait for room any more.
        self.outbox.close();
    }

    /// One connection, from its beginning to its end. All that belongs to it ends with its runtime.
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
                        "redtail-nats: that is longer than --window: up to {count} messages may be in the stream twice"
                    );
                }
            }
            self.publish(&connection).await
        })
    }

    async fn publish(&mut self, connection: &Connection) -> Result<(), Trouble> {
        let most = usize::from(self.args.in_flight);
        // For the first of the unconfirmed; places among them have none.
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
                // There may be more of what was put in before; but the connection is to have its turn, too.
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
                    self.repeated += u64::from(answer.duplicate);
                    if answer.stream != self.args.stream {
                        let words = format!("{} is answered by the stream {}", self.args.prefix(), answer.stream);
                        return Err(Trouble::Lasting(Failure::new(2, words)));
                    }
                    answers.pop_front();
                    self.confirmed += 1;
                    self.confirm();
                }
                () = self.outbox.filled(), if answers.len() < most => {}
            }
        }
    }

    /// Sends that one of the unconfirmed, if it is a message.
    async fn send(&self, connection: &Connection, at: usize) -> Result<Option<Answer>, Trouble> {
        let Some(Item::Message(Message { partition, id, body })) = self.unconfirmed.get(at) else { return Ok(None) };
        let subject = format!("{}.{partition}", self.args.prefix());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id.as_str());
        let sent = connection.jetstream.publish_with_headers(subject, headers, body.clone()).await;
        let answer = sent.map_err(|error| match error.kind() {
            // It fitted when it was made.
            PublishErrorKind::MaxPayloadExceeded => {
                let words = format!("max_payload of the broker has become smaller: {id} does not fit; nothing is lost");
                Trouble::Lasting(Failure::new(1, words))
            }
            _ => Trouble::Passing(format!("can't publish: {}", with_cause(&error))),
        })?;
        Ok(Some(answer.into_future()))
    }

    /// The first of the unconfirmed is with the broker.
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

/// The answer to the first; for ever, where none is waited for.
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
    built.map_err(|error| Failure::new(1, format!("can't begin to talk to the broker: {error}")))
}
