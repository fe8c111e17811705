//! The connection to the target: commands are sent ahead of their replies, and each reply is read.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::mem::take;

use redtail::resp::{Frame, Kind};

use crate::args::Load;
use crate::failure::Failure;
use crate::load::destination::{Destination, lost, missing_database};
use crate::load::label::{Label, Sent};
use crate::load::progress::{ABORTED, Progress, with_hint};
use crate::load::same_server::{Source, check_history, check_target};
use crate::stats::Tally;
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::target::node::{Node, encoded};

/// In bytes. A buffer of this size is sent, and then the replies to the one before it are read.
const BUFFER: usize = 64 << 10;

pub(super) struct Connection {
    address: Address,
    node: Node,
    /// The databases that the target has, of those that were asked for.
    databases: BTreeSet<u32>,
    out: Vec<u8>,
    /// The commands without a reply, the oldest first.
    pending: VecDeque<Sent>,
    /// The last of them, which `out` contains.
    buffered: usize,
    /// The commands of an open transaction that the target has queued.
    queued: Vec<Label>,
    is_in_command: bool,
    is_cluster: bool,
    position_key: Vec<u8>,
    progress: Progress,
}

impl Connection {
    /// `tally`: shows the progress.
    pub(super) fn open(address: &Address, options: &Load, tally: Option<Tally>) -> Result<Self, Failure> {
        let target = address.server().map_err(|error| Failure::Message(error.to_string()))?;
        let mut node = Node::open(address, &target)?;
        if let Some(tally) = &tally {
            tally.set_server(node.server(), node.run_id());
        }
        let cluster = node.ask(&[b"CLUSTER", b"INFO"])?;
        Ok(Self {
            address: address.clone(),
            node,
            databases: BTreeSet::from([0]),
            out: Vec::with_capacity(2 * BUFFER),
            pending: VecDeque::new(),
            buffered: 0,
            queued: Vec::new(),
            is_in_command: false,
            is_cluster: cluster.error().is_none(),
            position_key: options.position_key.clone().into_bytes(),
            progress: Progress::start(options, tally),
        })
    }

    /// Sends the buffer, and reads the replies to everything before it.
    fn flush(&mut self) -> Result<(), Failure> {
        let before = self.pending.len().saturating_sub(self.buffered);
        let written = self.node.write(&self.out);
        self.out.clear();
        self.buffered = 0;
        if let Err(error) = written {
            // A server that refuses a client sends the reason before it closes.
            self.confirm(self.pending.len())?;
            return Err(self.lost(&error));
        }
        self.confirm(before)?;
        self.progress.report();
        Ok(())
    }

    /// Reads this number of replies; after a failure all that are missing, because one of them may confirm a position.
    fn confirm(&mut self, mut count: usize) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while count > 0 {
            let Some(sent) = self.pending.pop_front() else { break };
            let reply = match self.node.reply() {
                Ok(frame) => Outcome::of(&frame, self.queued.len()),
                Err(error) => {
                    self.pending.push_front(sent);
                    return outcome.and_then(|()| Err(self.lost(&error)));
                }
            };
            outcome = outcome.and(self.reply(sent, reply));
            count = if outcome.is_ok() { count - 1 } else { self.pending.len() };
        }
        outcome
    }

    fn reply(&mut self, sent: Sent, reply: Outcome) -> Result<(), Failure> {
        match reply {
            Outcome::Queued => {
                self.queued.push(sent.label);
                return Ok(());
            }
            Outcome::Refused(text) => {
                self.queued.clear();
                return self.refuse(&sent.label, &text);
            }
            Outcome::Executed(errors) => {
                let queued = take(&mut self.queued);
                let is_own = |&(at, _): &(usize, String)| queued.get(at).is_some_and(|label| label.start.is_none());
                if sent.stores.is_some() && !errors.iter().any(is_own) {
                    // The transaction was executed without the commands that it refused.
                    self.progress.is_at(sent.stores);
                }
                let mut errors = errors.into_iter().peekable();
                for (index, label) in queued.into_iter().enumerate() {
                    match errors.next_if(|(at, _)| *at == index) {
                        Some((_, text)) => self.refuse(&label, &text)?,
                        None => self.executed(&label),
                    }
                }
            }
            Outcome::Aborted if sent.label.is(b"EXEC") => {
                self.queued.clear();
                return self.refuse(&sent.label, ABORTED);
            }
            Outcome::Done | Outcome::Aborted => {
                if sent.label.is(b"DISCARD") || sent.label.is(b"RESET") {
                    self.queued.clear();
                }
            }
        }
        self.executed(&sent.label);
        if sent.stores.is_some() {
            self.progress.is_at(sent.stores);
        }
        Ok(())
    }

    fn executed(&mut self, label: &Label) {
        self.progress.count(label);
        if label.is(b"SELECT")
            && let Some(db) = std::str::from_utf8(&label.argument).ok().and_then(|db| db.parse().ok())
        {
            self.node.has_selected(db);
        }
    }

    /// Fails if another program has changed the stored position while there was no connection.
    fn check_position(&mut self) -> Result<(), Failure> {
        let Some(position) = self.progress.position() else { return Ok(()) };
        let db = self.node.db();
        self.node.select(0)?;
        let reply = self.node.ask(&[b"GET", &self.position_key])?;
        self.node.select(db)?;
        if let Some(text) = reply.error() {
            return Err(self.refused_get(text));
        }
        let stored = reply.text().unwrap_or("none");
        if stored == position.to_string() {
            return Ok(());
        }
        self.progress.is_at(stored.parse().ok());
        Err(Failure::Message(format!(
            "another program has replaced the stored position {position} by {stored}: nothing more is sent"
        )))
    }

    fn refuse(&mut self, label: &Label, text: &str) -> Result<(), Failure> {
        self.progress.refuse(&self.node.target, label, text)
    }

    fn refused_get(&self, text: &str) -> Failure {
        Failure::Message(format!("{} refused GET: {}", self.node.target, with_hint(text.into())))
    }

    fn lost(&self, error: &dyn Display) -> Failure {
        let unconfirmed = self.pending.iter().map(|sent| &sent.label).chain(&self.queued);
        let unconfirmed = unconfirmed.filter(|label| label.start.is_some()).count();
        lost(&self.node.target, error, unconfirmed)
    }
}

impl Destination for Connection {
    fn begin(&mut self, source: Option<&Source>, claim: &Claim) -> Result<(), Failure> {
        check_target(&mut self.node, source)?;
        self.node.claim(claim)
    }

    fn check_history(&mut self, replid: &str) -> Result<(), Failure> {
        self.settle()?;
        check_history(&mut self.node, replid)
    }

    fn check_database(&mut self, db: u32, start: u64) -> Result<(), Failure> {
        if self.databases.contains(&db) {
            return Ok(());
        }
        if let Some(failure) = missing_database(&self.address, &self.node.target, db, start)? {
            self.settle()?;
            return Err(failure);
        }
        self.databases.insert(db);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.is_in_command = true;
        self.out.extend_from_slice(bytes);
        if self.out.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn sent(&mut self, sent: Sent) -> Result<(), Failure> {
        self.is_in_command = false;
        self.pending.push_back(sent);
        self.buffered += 1;
        if self.out.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.confirm(self.pending.len())?;
        self.progress.report();
        Ok(())
    }

    fn ask(&mut self, args: &[&[u8]]) -> Result<Option<Vec<u8>>, Failure> {
        self.settle()?;
        self.node.write(&encoded(args)).map_err(|error| self.lost(&error))?;
        let (text, is_error) = match self.node.reply() {
            Ok(frame) => (frame.as_bytes().map(<[u8]>::to_vec), frame.is_error()),
            Err(error) => return Err(self.lost(&error)),
        };
        if is_error {
            return Err(self.refused_get(&String::from_utf8_lossy(&text.unwrap_or_default())));
        }
        Ok(text)
    }

    fn keep_alive(&mut self) -> Result<(), Failure> {
        // Inside of a command or transaction a PING would be a part of it.
        if self.is_in_command || !self.queued.is_empty() {
            return Ok(());
        }
        if self.node.keep_alive(&self.address)? { self.check_position() } else { Ok(()) }
    }

    fn may_group(&self) -> bool {
        // In a cluster, a transaction has the keys of one slot.
        self.progress.is_stopping() && !self.is_cluster
    }

    fn unfinished(&self) -> usize {
        self.queued.len()
    }

    fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

/// What a reply says.
enum Outcome {
    Done,
    Queued,
    /// A null, which EXEC returns if the transaction was not executed.
    Aborted,
    Refused(String),
    /// The reply to EXEC: the errors in it, by index.
    Executed(Vec<(usize, String)>),
}

impl Outcome {
    /// `queued`: the number of commands in the open transaction.
    fn of(frame: &Frame<'_>, queued: usize) -> Self {
        let text = |frame: &Frame<'_>| String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned();
        match frame.kind() {
            _ if frame.is_error() => Self::Refused(text(frame)),
            Kind::SimpleString if frame.as_bytes() == Some(b"QUEUED") => Self::Queued,
            Kind::Array if queued > 0 && !frame.is_null() => {
                let errors = frame.items().enumerate().filter(|(_, item)| item.is_error());
                Self::Executed(errors.map(|(index, item)| (index, text(&item))).collect())
            }
            _ if frame.is_null() => Self::Aborted,
            _ => Self::Done,
        }
    }
}
