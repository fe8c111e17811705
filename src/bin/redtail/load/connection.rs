//! The connection to the target: commands are sent ahead of their replies, and each reply is read.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::io::Write;
use std::mem::take;

use redtail::io::FrameReader;
use redtail::net::{Client, Socket, Target, Timeouts};
use redtail::resp::{Frame, Kind, Quoted, encode_command, encoded_len};
use redtail::{Limits, Position};

use crate::args::{Load, OnError};
use crate::failure::Failure;
use crate::load::counts::Counts;
use crate::load::report::Report;
use crate::named::named;
use crate::stats::Tally;
use crate::target::address::Address;
use crate::target::introduction::introduce;
use crate::terminal::log;

/// In bytes. A buffer of this size is sent, and then the replies to the one before it are read.
const BUFFER: usize = 64 << 10;

/// Of the refused commands the first are named.
const NAMED: u64 = 10;

pub(super) struct Connection {
    address: Address,
    target: Target,
    /// The databases that the target has, of those that were asked for.
    databases: BTreeSet<u32>,
    replies: FrameReader<Socket>,
    out: Vec<u8>,
    /// The commands without a reply, the oldest first.
    pending: VecDeque<Sent>,
    /// The last of them, which `out` contains.
    buffered: usize,
    /// The commands of an open transaction that the target has queued.
    queued: Vec<Label>,
    counts: Counts,
    is_stopping: bool,
    is_cluster: bool,
    report: Option<Report>,
    failure: Option<Failure>,
}

/// A command that waits for its reply.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) label: Label,
    /// The target stores this once the command is confirmed.
    pub(super) stores: Option<Position>,
}

/// A command, for messages.
#[derive(Debug, Default)]
pub(super) struct Label {
    pub(super) name: Vec<u8>,
    /// The beginning of its first argument.
    pub(super) argument: Vec<u8>,
    /// The number of its first byte in the input. `None`: this program added the command.
    pub(super) start: Option<u64>,
    /// The size of the command in bytes.
    pub(super) bytes: u64,
}

impl Label {
    /// The bytes kept of a name and of an argument.
    const KEPT: usize = 64;

    fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Appends a piece of an argument.
    pub(super) fn keep(&mut self, index: usize, piece: &[u8]) {
        let to = match index {
            0 => &mut self.name,
            1 => &mut self.argument,
            _ => return,
        };
        let left = Self::KEPT.saturating_sub(to.len());
        to.extend_from_slice(piece.get(..left).unwrap_or(piece));
    }
}

impl Connection {
    /// `tally`: shows the progress.
    pub(super) fn open(address: &Address, options: &Load, tally: Option<Tally>) -> Result<Self, Failure> {
        let target = address.server().map_err(|error| Failure::Message(error.to_string()))?;
        let mut client = connect(address, &target)?;
        let failed = |error: &dyn Display| unreachable(&target, error);
        // Finds a missing password and a port of something else before anything is sent.
        if let Some(message) = client.ask(&["PING"]).map_err(|error| failed(&error))?.error() {
            return Err(failed(&message));
        }
        introduce(&mut client, address.login.is_acl_user()).map_err(|error| failed(&error))?;
        if let Some(tally) = &tally {
            tally.attached();
        }
        let cluster = client.ask(&["CLUSTER", "INFO"]).map_err(|error| failed(&error))?;
        let mut limits = Limits::default();
        // A reply has as many elements and bytes as the commands of the input make it.
        (limits.command, limits.bulk, limits.arguments) = (u64::MAX, u64::MAX, u64::MAX);
        Ok(Self {
            address: address.clone(),
            target,
            databases: BTreeSet::from([0]),
            replies: FrameReader::new(client.into_socket()).with_limits(limits),
            out: Vec::with_capacity(2 * BUFFER),
            pending: VecDeque::new(),
            buffered: 0,
            queued: Vec::new(),
            counts: Counts::default(),
            is_stopping: options.on_error == OnError::Stop,
            is_cluster: cluster.error().is_none(),
            report: tally.map(Report::start),
            failure: None,
        })
    }

    /// Fails unless the target has this database, which the command at byte `start` of the input selects. After a
    /// refused SELECT, the commands behind it would be applied to another database. A transaction refuses only at its
    /// end, so that another connection asks.
    pub(super) fn check_database(&mut self, db: u32, start: u64) -> Result<(), Failure> {
        if self.databases.contains(&db) {
            return Ok(());
        }
        let failed = |error: &dyn Display| unreachable(&self.target, error);
        let mut client = connect(&self.address, &self.target)?;
        let reply = client.ask(&["SELECT", &db.to_string()]).map_err(|error| failed(&error))?;
        if let Some(text) = reply.error() {
            let message = format!("{} refused SELECT {db} (byte {start} of the input): {text}", self.target);
            self.settle()?;
            return Err(Failure::Message(message));
        }
        self.databases.insert(db);
        Ok(())
    }

    /// Sends a command of this program.
    pub(super) fn own(&mut self, args: &[&[u8]], stores: Option<Position>) -> Result<(), Failure> {
        let start = self.out.len();
        self.out.resize(start + encoded_len(args), 0);
        // The buffer has exactly the required size.
        let _ = encode_command(self.out.get_mut(start..).unwrap_or_default(), args);
        let mut label = Label::default();
        args.iter().take(2).enumerate().for_each(|(index, arg)| label.keep(index, arg));
        self.sent(Sent { label, stores })
    }

    /// Sends bytes of a command.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.extend_from_slice(bytes);
        if self.out.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// A command is complete.
    pub(super) fn sent(&mut self, sent: Sent) -> Result<(), Failure> {
        self.pending.push_back(sent);
        self.buffered += 1;
        if self.out.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Sends the buffer, and reads the replies to everything before it.
    fn flush(&mut self) -> Result<(), Failure> {
        let before = self.pending.len().saturating_sub(self.buffered);
        let written = self.replies.source_mut().write_all(&self.out);
        self.out.clear();
        self.buffered = 0;
        if let Err(error) = written {
            // A server that refuses a client sends the reason before it closes.
            self.confirm(self.pending.len())?;
            return Err(self.lost(&error));
        }
        self.confirm(before)?;
        self.report();
        Ok(())
    }

    /// Sends the buffer, and reads all replies.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.confirm(self.pending.len())?;
        self.report();
        Ok(())
    }

    /// Sends a question, and returns the text of its reply after all others; `None` for null.
    pub(super) fn ask(&mut self, args: &[&[u8]]) -> Result<Option<Vec<u8>>, Failure> {
        self.settle()?;
        self.own(args, None)?;
        self.pending.pop_back();
        self.flush()?;
        let (text, is_error) = match self.replies.next_frame() {
            Ok(Some(frame)) => (frame.as_bytes().map(<[u8]>::to_vec), frame.is_error()),
            Ok(None) => return Err(self.closed()),
            Err(error) => return Err(self.lost(&error)),
        };
        if is_error {
            let text = text.unwrap_or_default();
            return Err(Failure::Message(format!("{} refused GET: {}", self.target, String::from_utf8_lossy(&text))));
        }
        Ok(text)
    }

    fn confirm(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let Some(sent) = self.pending.pop_front() else { break };
            let reply = match self.replies.next_frame() {
                Ok(Some(frame)) => Outcome::of(&frame, self.queued.len()),
                Ok(None) => {
                    self.pending.push_front(sent);
                    return Err(self.closed());
                }
                Err(error) => {
                    self.pending.push_front(sent);
                    return Err(self.lost(&error));
                }
            };
            self.reply(sent, reply)?;
        }
        Ok(())
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
                    self.counts.position = sent.stores;
                }
                let mut errors = errors.into_iter().peekable();
                for (index, label) in queued.into_iter().enumerate() {
                    match errors.next_if(|(at, _)| *at == index) {
                        Some((_, text)) => self.refuse(&label, &text)?,
                        None => self.count(&label),
                    }
                }
            }
            Outcome::Aborted if sent.label.is(b"EXEC") => {
                self.queued.clear();
                return self.refuse(&sent.label, "null reply: a key under WATCH has changed");
            }
            Outcome::Done | Outcome::Aborted => {
                if sent.label.is(b"DISCARD") || sent.label.is(b"RESET") {
                    self.queued.clear();
                }
            }
        }
        self.count(&sent.label);
        if sent.stores.is_some() {
            self.counts.position = sent.stores;
        }
        Ok(())
    }

    fn count(&mut self, label: &Label) {
        if label.start.is_some() {
            self.counts.confirmed += 1;
            self.counts.bytes += label.bytes;
        }
    }

    fn refuse(&mut self, label: &Label, text: &str) -> Result<(), Failure> {
        let (target, name) = (&self.target, String::from_utf8_lossy(&label.name));
        let Some(start) = label.start else {
            return Err(Failure::Message(format!("{target} refused {name}, which stores the position: {text}")));
        };
        let argument = Quoted(&label.argument);
        let message = format!("{target} refused {name} {argument} (byte {start} of the input): {text}");
        self.counts.refused += 1;
        if self.is_stopping {
            return Err(Failure::Message(format!(
                "{message}; the commands behind it that were sent already may be applied. --on-error continue counts \
                 refused commands instead"
            )));
        }
        if refuses_all(text) {
            return Err(Failure::Message(message));
        }
        match self.counts.refused {
            ..=NAMED => log::say(message),
            _ if self.counts.refused == NAMED + 1 => log::say("further refused commands are only counted"),
            _ => {}
        }
        Ok(())
    }

    fn closed(&self) -> Failure {
        self.lost(&"the server closed it")
    }

    fn lost(&self, error: &dyn Display) -> Failure {
        let unconfirmed = self.pending.iter().map(|sent| &sent.label).chain(&self.queued);
        let unconfirmed = unconfirmed.filter(|label| label.start.is_some()).count();
        Failure::Message(format!(
            "lost the connection to {}: {error}; {unconfirmed} of the commands sent have no reply",
            self.target
        ))
    }

    /// Keeps a failure that happens inside of a read of the input.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn report(&mut self) {
        if let Some(report) = &mut self.report {
            report.update(&self.counts);
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(report) = &mut self.report {
            report.finish(&self.counts);
        }
    }

    /// The position that the target stores.
    pub(super) fn position(&self) -> Option<Position> {
        self.counts.position
    }

    /// The target stores this position already, or none any more.
    pub(super) fn is_at(&mut self, position: Option<Position>) {
        self.counts.position = position;
    }

    /// Whether a refused command ends the run.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Whether the target is a node of a cluster, where a transaction has the keys of one slot.
    pub(super) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    pub(super) fn refused(&self) -> u64 {
        self.counts.refused
    }
}

fn connect(address: &Address, target: &Target) -> Result<Client, Failure> {
    // A deletion of all keys takes the target as long as it takes. Keepalive finds a dead target.
    let mut timeouts = Timeouts::default();
    (timeouts.read, timeouts.write) = (None, None);
    let socket = address.connect(target, &timeouts).map_err(|error| unreachable(target, &error))?;
    let login = address.login.read().map_err(|error| Failure::Message(error.to_string()))?;
    Client::new(socket, &login).map_err(|error| unreachable(target, &error))
}

fn unreachable(target: &Target, error: &dyn Display) -> Failure {
    Failure::Message(format!("can't connect to {}", named(&target.to_string(), error)))
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

/// Whether an error is about the server or the user, so that it is the same for all commands.
fn refuses_all(text: &str) -> bool {
    const CODES: [&str; 11] = [
        "BUSY",
        "CLUSTERDOWN",
        "EXECABORT",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
    ];
    CODES.contains(&text.split(' ').next().unwrap_or_default())
}
