//! Converts the events of one lane into messages.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use redtail::rdb;
use redtail::topology::{Migration, Migrations};
use redtail::{Event, Gap, Position, StreamCommand};

use crate::args::{Args, TooLarge};
use crate::end::{End, Failure};
use crate::filter::Filter;
use crate::lane::Lane;
use crate::message::{self, Message, OVERHEAD};
use crate::metrics::{Metrics, Stream};
use crate::outbox::{Item, Outbox};
use crate::route::{Route, route};
use crate::snapshot::Snapshot;
use crate::value::Limit;

pub(crate) struct Settings {
    partitions: u16,
    too_large: TooLarge,
    transaction_limit: usize,
    filter: Filter,
    metrics: Arc<Metrics>,
    /// The broker's latest max_payload, in bytes.
    largest: Arc<AtomicUsize>,
}

impl Settings {
    pub(crate) fn of(args: &Args, largest: Arc<AtomicUsize>, metrics: Arc<Metrics>) -> Self {
        let (partitions, too_large) = (args.partitions, args.too_large);
        Self {
            partitions,
            too_large,
            transaction_limit: args.transaction_limit,
            filter: args.filter.clone(),
            metrics,
            largest,
        }
    }
}

pub(crate) struct Reader {
    lane: Lane,
    stream: Arc<Stream>,
    migrations: Migrations,
    settings: Arc<Settings>,
    outbox: Arc<Outbox>,
    end: Arc<End>,
    /// The messages of an open transaction, whose bodies lack their last fields.
    open: Vec<Message>,
    open_bytes: usize,
    /// The snapshot that arrives.
    snapshot: Option<Snapshot>,
    /// The last position put into the outbox.
    reached: Option<Position>,
    /// The stream has messages before the next one, or a message that says that it has none.
    has_begun: bool,
}

impl Reader {
    /// `resumes`: the lane has a saved position.
    pub(crate) fn new(lane: Lane, settings: Arc<Settings>, outbox: Arc<Outbox>, end: Arc<End>, resumes: bool) -> Self {
        Self {
            has_begun: resumes,
            stream: settings.metrics.stream(lane.name()),
            lane,
            migrations: Migrations::new(),
            settings,
            outbox,
            end,
            open: Vec::new(),
            open_bytes: 0,
            reached: None,
            snapshot: None,
        }
    }

    /// Breaks when the bridge ends.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self.stream.event(event);
        match event {
            Event::Command(command) => self.command(command),
            Event::Exec(exec) => {
                self.commit_transaction()?;
                self.reach(exec.position())
            }
            // Commands after the MULTI are delivered again, or never.
            Event::Disconnected(_) => {
                self.void();
                self.snapshot = None;
                ControlFlow::Continue(())
            }
            Event::Gap(gap) => {
                self.void();
                self.migrations.clear();
                self.gap(gap)
            }
            Event::Attached(attached) => {
                self.void();
                self.begin(attached.position)?;
                self.reach(attached.position)
            }
            Event::SnapshotBegin(begin) => {
                let Settings { partitions, too_large, .. } = *self.settings;
                let limit = Limit { largest: self.largest(), too_large };
                self.snapshot = Some(Snapshot::begin(begin, self.lane.name(), partitions, limit));
                self.push_snapshot()
            }
            Event::SnapshotItem(item) => self.item(item),
            Event::SnapshotEnd(end) => {
                if let Some(snapshot) = &mut self.snapshot {
                    snapshot.end();
                    self.push_snapshot()?;
                }
                self.snapshot = None;
                self.has_begun = true;
                self.reach(end.position)
            }
            Event::Idle(idle) => self.reach(idle.position),
            _ => ControlFlow::Continue(()),
        }
    }

    fn item(&mut self, item: &rdb::Item<'_>) -> ControlFlow<()> {
        let Some(snapshot) = &mut self.snapshot else { return ControlFlow::Continue(()) };
        match snapshot.item(item, &self.settings.filter) {
            Ok(is_published) => {
                if is_published {
                    self.stream.passed();
                }
                self.push_snapshot()
            }
            Err(error) => {
                self.end.fail(Failure::new(1, error.to_string()));
                ControlFlow::Break(())
            }
        }
    }

    fn push_snapshot(&mut self) -> ControlFlow<()> {
        for message in self.snapshot.as_mut().map(Snapshot::take).unwrap_or_default() {
            self.push(message)?;
        }
        ControlFlow::Continue(())
    }

    /// The largest body of a message. A partition number has up to five digits and a comma.
    fn largest(&self) -> usize {
        let max_payload = self.settings.largest.load(Ordering::Relaxed);
        max_payload.saturating_sub(OVERHEAD + 6 * usize::from(self.settings.partitions))
    }

    /// At a start without a saved position.
    fn begin(&mut self, position: Option<Position>) -> ControlFlow<()> {
        let Some(position) = position.filter(|_| !self.has_begun) else { return ControlFlow::Continue(()) };
        self.has_begun = true;
        for message in Message::begin(self.lane.name(), position, self.settings.partitions) {
            self.push(message)?;
        }
        ControlFlow::Continue(())
    }

    fn command(&mut self, command: &StreamCommand<'_>) -> ControlFlow<()> {
        let mut migrations = std::mem::take(&mut self.migrations);
        let messages = self.messages(command, migrations.next(command).as_ref());
        self.migrations = migrations;
        match messages {
            Ok(messages) => {
                for message in messages {
                    if command.tx.is_some() {
                        self.hold(message)?;
                    } else {
                        self.push(message)?;
                    }
                }
                self.reach(command.position())
            }
            Err(failure) => {
                self.end.fail(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn messages(
        &self,
        command: &StreamCommand<'_>,
        migration: Option<&Migration<'_>>,
    ) -> Result<Vec<Message>, Failure> {
        if !self.settings.filter.passes(command) {
            return Ok(Vec::new());
        }
        self.stream.passed();
        let partitions = match route(&command.command(), self.settings.partitions) {
            Route::Nowhere => return Ok(Vec::new()),
            Route::Some(partitions) => partitions,
            Route::All => (0..self.settings.partitions).collect(),
        };
        let Some(history) = command.history() else {
            return Err(Failure::new(1, "the server's events have no ids: repetitions could not be recognised"));
        };
        let id = format!("{history}:{}", command.offset);
        let mut body = self.body(command, &id, migration).map_err(|error| Failure::new(1, error.to_string()))?;
        message::copies(&mut body, &partitions);
        if command.tx.is_none() {
            body.push(b'}');
        }
        Ok(Message::copies(partitions, &id, &Bytes::from(body)).collect())
    }

    fn body(&self, command: &StreamCommand<'_>, id: &str, migration: Option<&Migration<'_>>) -> io::Result<Vec<u8>> {
        let max_payload = self.settings.largest.load(Ordering::Relaxed);
        let largest = self.largest();
        if let Some(body) = message::body(command, id, self.lane.name(), migration, largest)? {
            return Ok(body);
        }
        let name = String::from_utf8_lossy(command.args().next().unwrap_or_default()).into_owned();
        let words =
            format!("the {name} with id {id} is larger than a message may be (max_payload is {max_payload} bytes)");
        match self.settings.too_large {
            TooLarge::Stop => Err(io::Error::other(format!(
                "{words}. Make max_payload of the broker larger, or let long values be left out (--too-large omit); nothing is lost, it goes \
                 on there"
            ))),
            TooLarge::Omit => {
                eprintln!("redtail-nats: {words}: published without its long arguments");
                message::shortened(command, id, self.lane.name(), migration, largest)
            }
        }
    }

    fn hold(&mut self, message: Message) -> ControlFlow<()> {
        self.open_bytes += message.size();
        self.open.push(message);
        let limit = self.settings.transaction_limit;
        if self.open_bytes <= limit {
            return ControlFlow::Continue(());
        }
        let words = format!("a transaction exceeds --transaction-limit ({limit} bytes); nothing is lost");
        self.end.fail(Failure::new(1, words));
        ControlFlow::Break(())
    }

    fn commit_transaction(&mut self) -> ControlFlow<()> {
        let messages = std::mem::take(&mut self.open);
        self.open_bytes = 0;
        let mut counts: HashMap<u16, (usize, usize)> = HashMap::new();
        for message in &messages {
            counts.entry(message.partition).or_default().1 += 1;
        }
        for mut message in messages {
            if let Some((at, of)) = counts.get_mut(&message.partition) {
                *at += 1;
                message.number(*at, *of);
            }
            self.push(message)?;
        }
        ControlFlow::Continue(())
    }

    fn void(&mut self) {
        self.open.clear();
        self.open_bytes = 0;
    }

    fn gap(&mut self, gap: &Gap) -> ControlFlow<()> {
        eprintln!("redtail-nats: history lost, a gap is published: {gap}");
        self.has_begun = true;
        for message in Message::gap(self.lane.name(), gap.from, Some(gap.to), gap.missed, self.settings.partitions) {
            self.push(message)?;
        }
        ControlFlow::Continue(())
    }

    fn push(&self, message: Message) -> ControlFlow<()> {
        self.outbox.push(Item::Message(message), || self.lane.beat())
    }

    fn reach(&mut self, position: Option<Position>) -> ControlFlow<()> {
        let Some(position) = position.filter(|_| position != self.reached) else { return ControlFlow::Continue(()) };
        self.reached = Some(position);
        self.outbox.push(Item::Reached(self.lane.clone(), position), || self.lane.beat())
    }
}
