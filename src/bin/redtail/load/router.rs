//! The primaries of a cluster as the target: each command goes to the node that serves the slot of its keys.
//!
//! Commands are sent in rounds. In a round each slot has at most one request: a command, or a transaction of all its
//! commands. A node that does not serve the slot therefore executes either all of them or none, and those that were
//! not executed are sent again, in order, before the next round.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display, Formatter};
use std::mem::{replace, take};
use std::thread::sleep;
use std::time::Duration;

use redtail::Limits;
use redtail::resp::{Command, CommandParser, Frame, Keys, Kind, Quoted, Status};
use redtail::topology::slot;

use crate::args::Load;
use crate::failure::Failure;
use crate::load::destination::{Destination, lost, missing_database};
use crate::load::label::{Label, Sent};
use crate::load::progress::{ABORTED, Progress};
use crate::load::same_server::{Source, check_history, check_target};
use crate::signals;
use crate::stats::Tally;
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::target::command_specs;
use crate::target::node::{Node, encoded};
use crate::target::primaries::Primaries;
use crate::target::redirect::Redirect;
use crate::terminal::log;

/// In bytes. A round of this size is sent, and all its replies are read.
const ROUND: usize = 1 << 20;

/// The time between two attempts at a command that no node executes now.
const PAUSE: Duration = Duration::from_millis(100);

/// Nodes that redirect to each other more often than this do not agree yet.
const REDIRECTS: u32 = 5;

pub(super) struct Router {
    primaries: Primaries,
    /// The databases that the target has, of those that were asked for.
    databases: BTreeSet<u32>,
    /// The bytes of the present command.
    bytes: Vec<u8>,
    /// An open transaction of the input: its MULTI, and its commands.
    transaction: Option<(Label, Group)>,
    /// The commands of the round by slot, in the order of their first commands.
    round: Vec<(u16, Vec<Group>)>,
    /// The index of each slot in it.
    slots: HashMap<u16, usize>,
    /// The bytes of the round.
    size: usize,
    /// The commands of the input that were sent and have no reply.
    unconfirmed: usize,
    has_split: bool,
    /// A signal ends the run while a command waits for the cluster. Standard input is read to its end.
    ends_at_signal: bool,
    progress: Progress,
}

/// Commands that a node executes as a whole: one command, or a transaction of the input.
type Group = Vec<Routed>;

#[derive(Debug)]
struct Routed {
    bytes: Vec<u8>,
    sent: Sent,
    goes: Goes,
    /// The commands of the input that are executed with this one, and are not sent: MULTI, EXEC, and a SELECT of the
    /// present database.
    with: Vec<Label>,
}

/// Where a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// To the node that serves this slot.
    Slot(u16),
    /// To all primaries.
    Everywhere,
    /// To any node, which may name another one: the keys are unknown.
    Anywhere,
    /// It selects this database.
    Database(u32),
}

/// What a node has done with a command or transaction.
enum Answer {
    /// Executed. The errors of the commands, by index, and the text of the reply to a single command.
    Executed(Vec<(usize, String)>, Option<Vec<u8>>),
    /// A transaction was not executed: a key under WATCH has changed.
    Aborted,
    /// Not executed. The index of the command with the error.
    Refused(usize, String),
}

impl Router {
    /// `tally`: shows the progress.
    pub(super) fn open(address: &Address, options: &Load, tally: Option<Tally>) -> Result<Self, Failure> {
        let primaries = Primaries::open(address)?;
        if !primaries.is_cluster() {
            return Err(Failure::Message(format!(
                "{} is no node of a cluster with slots: remove --cluster",
                address.endpoint
            )));
        }
        if let (Some(tally), Some(node)) = (&tally, primaries.nodes.first()) {
            tally.set_server(node.server(), node.run_id());
        }
        command_specs::ask_at(address.clone());
        Ok(Self {
            primaries,
            databases: BTreeSet::from([0]),
            bytes: Vec::new(),
            transaction: None,
            round: Vec::new(),
            slots: HashMap::new(),
            size: 0,
            unconfirmed: 0,
            has_split: false,
            ends_at_signal: !options.is_standard_input(),
            progress: Progress::start(options, tally),
        })
    }

    /// Sends a transaction of the input, in parts of one database.
    fn transaction(&mut self, begin: Label, group: Group, end: Label) -> Result<(), Failure> {
        let (mut part, mut with, mut db) = (Group::new(), vec![begin], self.primaries.db);
        for mut routed in group {
            match routed.goes {
                Goes::Database(selected) => {
                    with.push(routed.sent.label);
                    if selected != db {
                        self.part(take(&mut part))?;
                        self.settle()?;
                        self.primaries.select(selected)?;
                        db = selected;
                    }
                }
                _ => {
                    routed.with = take(&mut with);
                    part.push(routed);
                }
            }
        }
        with.push(end);
        match part.last_mut() {
            Some(last) => last.with.append(&mut with),
            None => with.iter().for_each(|label| self.progress.count(label)),
        }
        self.part(part)
    }

    /// Sends the commands of a transaction. One with keys of several slots is no transaction in the cluster.
    fn part(&mut self, mut group: Group) -> Result<(), Failure> {
        // The node of any slot publishes. SPUBLISH needs that of its channel.
        let is_free = |routed: &&mut Routed| routed.sent.label.is(b"PUBLISH");
        if let Some(routed) = group.iter().find(|routed| !routed.sent.label.is(b"PUBLISH")).or(group.first()) {
            let goes = routed.goes;
            group.iter_mut().filter(is_free).for_each(|routed| routed.goes = goes);
        }
        let Some(first) = group.first() else { return Ok(()) };
        if first.goes.slot().is_some() && group.iter().all(|routed| routed.goes == first.goes) {
            return self.route(group);
        }
        if group.len() > 1 && !replace(&mut self.has_split, true) {
            log::say(format_args!(
                "the transaction with byte {} of the input has keys of several slots: such transactions are applied \
                 command by command",
                first.sent.label.start.unwrap_or_default()
            ));
        }
        group.into_iter().try_for_each(|routed| self.route(vec![routed]))
    }

    /// Sends a group. Its commands go to the same node, or it is one command.
    fn route(&mut self, group: Group) -> Result<(), Failure> {
        let Some(first) = group.first() else { return Ok(()) };
        let slot = match first.goes {
            Goes::Slot(slot) => slot,
            Goes::Everywhere => {
                self.settle()?;
                return self.send_everywhere(first);
            }
            Goes::Anywhere => {
                self.settle()?;
                self.unconfirmed = first.of_input();
                let (index, answer) = self.execute(None, &[first], true)?;
                return self.answered(index, &[first], answer);
            }
            Goes::Database(db) => {
                self.settle()?;
                self.primaries.select(db)?;
                self.progress.count(&first.sent.label);
                return Ok(());
            }
        };
        self.size += group.iter().map(|routed| routed.bytes.len()).sum::<usize>();
        let index = *self.slots.entry(slot).or_insert(self.round.len());
        match self.round.get_mut(index) {
            Some((_, groups)) => groups.push(group),
            None => self.round.push((slot, vec![group])),
        }
        if self.size >= ROUND { self.settle() } else { Ok(()) }
    }

    /// Sends the commands of each slot to the node that served it last. Returns those that it has not executed.
    fn send_round(&mut self, round: Vec<(u16, Vec<Group>)>) -> Result<Vec<(u16, Vec<Group>)>, Failure> {
        let mut of_nodes: Vec<Vec<(u16, Vec<Group>)>> = Vec::new();
        let mut left = Vec::new();
        for (slot, groups) in round {
            let Some(index) = self.primaries.owner(slot) else {
                left.push((slot, groups));
                continue;
            };
            of_nodes.resize_with(of_nodes.len().max(index + 1), Vec::new);
            if let Some(slots) = of_nodes.get_mut(index) {
                slots.push((slot, groups));
            }
        }
        for (index, slots) in of_nodes.iter().enumerate().filter(|(_, slots)| !slots.is_empty()) {
            let mut bytes = Vec::new();
            slots.iter().for_each(|(_, groups)| request(&commands_of(groups), &mut bytes));
            self.write(index, &bytes)?;
        }
        // All replies are read after a failure, too: one of them may confirm a position.
        let mut outcome = Ok(());
        for (index, slots) in of_nodes.into_iter().enumerate() {
            for (slot, groups) in slots {
                let commands = commands_of(&groups);
                let answer = match self.answer(index, commands.len()) {
                    Ok(answer) => answer,
                    Err(failure) => {
                        outcome = outcome.and(Err(failure));
                        break;
                    }
                };
                match answer {
                    Answer::Refused(_, text) if commands.len() > 1 || self.redirect(index, &text).is_some() => {
                        left.push((slot, groups));
                    }
                    answer => {
                        let answered = self.answered(index, &commands, answer);
                        outcome = outcome.and(answered);
                    }
                }
            }
        }
        outcome.map(|()| left)
    }

    /// Sends a command or transaction, and follows redirections. `waits`: until a node executes it. Returns the index
    /// of the node that has, or that refuses it for another reason.
    fn execute(&mut self, slot: Option<u16>, commands: &[&Routed], waits: bool) -> Result<(usize, Answer), Failure> {
        self.primaries.keep_up()?;
        // Any node names the one that serves the slot, or says that there is none.
        let mut owner = slot.and_then(|slot| self.primaries.owner(slot)).unwrap_or(0);
        let (mut asked, mut redirects, mut has_waited) = (None, 0, false);
        loop {
            let index = asked.unwrap_or(owner);
            let mut bytes = Vec::new();
            if asked.is_some() {
                bytes.extend_from_slice(&encoded(&[b"ASKING"]));
            }
            request(commands, &mut bytes);
            self.write(index, &bytes)?;
            if asked.take().is_some() {
                self.reply(index)?;
            }
            let answer = self.answer(index, commands.len())?;
            let Answer::Refused(_, text) = &answer else { return Ok((index, answer)) };
            let Some(redirect) = self.redirect(index, text) else { return Ok((index, answer)) };
            redirects += 1;
            match redirect {
                Redirect::Moved(slot, target) => owner = self.primaries.moved(slot, &target)?,
                Redirect::Ask(target) if redirects <= REDIRECTS => asked = Some(self.primaries.at(&target)?),
                Redirect::Ask(_) | Redirect::Wait => redirects = REDIRECTS + 1,
            }
            if redirects > REDIRECTS {
                if !waits {
                    return Ok((index, answer));
                }
                let Some(routed) = commands.first() else { return Ok((index, answer)) };
                if self.ends_at_signal && signals::is_stopped() {
                    return Err(Failure::Message(format!(
                        "ended by a signal before the cluster executes {routed}: {text}"
                    )));
                }
                if !replace(&mut has_waited, true) {
                    let target = self.target(index);
                    log::say(format_args!("waits until the cluster executes {routed}: {target}: {text}"));
                }
                redirects = 0;
                sleep(PAUSE);
                self.primaries.keep_up()?;
                owner = slot.and_then(|slot| self.primaries.owner(slot)).unwrap_or(0);
            }
        }
    }

    /// Sends a command to all primaries, one after another, unless one of them would refuse it. The first refusal that
    /// ends the run ends this too.
    fn send_everywhere(&mut self, routed: &Routed) -> Result<(), Failure> {
        self.primaries.refresh()?;
        self.unconfirmed = routed.of_input();
        for index in 0..self.primaries.nodes.len() {
            if let Some(text) = self.refusal(index, routed)? {
                return self.answered(index, &[routed], Answer::Refused(0, text));
            }
        }
        let (mut confirmed, mut refused) = (Vec::new(), None);
        for index in 0..self.primaries.nodes.len() {
            match self.write(index, &routed.bytes).and_then(|()| self.answer(index, 1)) {
                Ok(Answer::Refused(at, text)) if self.progress.ends_at(&text) => {
                    let text = text + &self.confirmed_by(&confirmed);
                    return self.answered(index, &[routed], Answer::Refused(at, text));
                }
                Ok(Answer::Refused(at, text)) => refused = refused.or(Some((index, Answer::Refused(at, text)))),
                Ok(_) => {
                    confirmed.push(index);
                    self.progress.empties_partly();
                }
                Err(Failure::Message(text)) => return Err(Failure::Message(text + &self.confirmed_by(&confirmed))),
                Err(failure) => return Err(failure),
            }
        }
        let (index, answer) = refused.unwrap_or((0, Answer::Executed(Vec::new(), None)));
        self.answered(index, &[routed], answer)
    }

    /// The error with which the node would refuse the command now: a transaction checks a command that it queues.
    /// `None` also if the node can't be asked.
    fn refusal(&mut self, index: usize, routed: &Routed) -> Result<Option<String>, Failure> {
        // Without DISCARD, the transaction could not be left.
        self.write(index, &encoded(&[b"DISCARD"]))?;
        if self.reply(index)?.error.is_some_and(|text| !text.contains("without MULTI")) {
            return Ok(None);
        }
        self.write(index, &encoded(&[b"MULTI"]))?;
        if self.reply(index)?.error.is_some() {
            return Ok(None);
        }
        self.write(index, &[&routed.bytes[..], &encoded(&[b"DISCARD"])].concat())?;
        let refused = self.reply(index)?.error;
        if let Some(text) = self.reply(index)?.error {
            let target = self.target(index);
            return Err(Failure::Message(format!(
                "{target} refused DISCARD: {text}; no node has executed the command before it"
            )));
        }
        // A full server queues nothing, and executes what frees memory.
        Ok(refused.filter(|text| !text.starts_with("OOM ")))
    }

    /// The nodes that have executed a command for all nodes, and the others; nothing if none has.
    fn confirmed_by(&self, nodes: &[usize]) -> String {
        if nodes.is_empty() {
            return String::new();
        }
        let targets = self.primaries.nodes.iter().map(|node| node.target.to_string()).enumerate();
        let (confirmed, rest): (Vec<_>, Vec<_>) = targets.partition(|(index, _)| nodes.contains(index));
        let names = |of: Vec<(usize, String)>| of.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
        format!(
            "; confirmed by {}, and not by {}: fix the cause, and start again, which sends it to all of them",
            names(confirmed),
            names(rest)
        )
    }

    /// Counts commands that a node has executed or refused.
    fn answered(&mut self, index: usize, commands: &[&Routed], answer: Answer) -> Result<(), Failure> {
        let count: usize = commands.iter().map(|routed| routed.of_input()).sum();
        self.unconfirmed = self.unconfirmed.saturating_sub(count);
        let target = self.target(index);
        let errors = match answer {
            Answer::Executed(errors, _) => errors,
            Answer::Aborted => {
                let mut with = commands.iter().flat_map(|routed| &routed.with).filter(|label| label.is(b"EXEC"));
                let Some(label) = with.next_back() else { return Ok(()) };
                return self.progress.refuse(&target, label, ABORTED);
            }
            Answer::Refused(at, text) => {
                let Some(routed) = commands.get(at) else { return Ok(()) };
                self.progress.refuse(&target, &routed.sent.label, &text)?;
                return match commands {
                    [_] => Ok(()),
                    _ => Err(Failure::Message(format!("{target} refused the transaction with this command"))),
                };
            }
        };
        let mut errors = errors.into_iter().peekable();
        for (at, Routed { sent, with, .. }) in commands.iter().enumerate() {
            with.iter().for_each(|label| self.progress.count(label));
            if let Some((_, text)) = errors.next_if(|(of, _)| *of == at) {
                self.progress.refuse(&target, &sent.label, &text)?;
                continue;
            }
            self.progress.count(&sent.label);
            if sent.stores.is_some() {
                self.progress.is_at(sent.stores);
            }
        }
        Ok(())
    }

    /// Reads the replies to a [`request`].
    fn answer(&mut self, index: usize, count: usize) -> Result<Answer, Failure> {
        let first = self.reply(index)?;
        if count == 1 {
            return Ok(match first.error {
                Some(text) => Answer::Refused(0, text),
                None => Answer::Executed(Vec::new(), first.text),
            });
        }
        if let Some(text) = first.error {
            return Err(Failure::Message(format!(
                "{} refused MULTI: {text}; the commands after it may be applied",
                self.target(index)
            )));
        }
        let mut refused = None;
        for at in 0..count {
            let error = self.reply(index)?.error;
            refused = refused.or(error.map(|text| (at, text)));
        }
        let last = self.reply(index)?;
        Ok(match (refused, last.error) {
            (Some((at, text)), _) => Answer::Refused(at, text),
            (None, Some(text)) => Answer::Refused(count - 1, text),
            (None, None) if last.is_null => Answer::Aborted,
            (None, None) => Answer::Executed(last.errors, None),
        })
    }

    fn reply(&mut self, index: usize) -> Result<Reply, Failure> {
        let Some(node) = self.primaries.nodes.get_mut(index) else { return Ok(Reply::default()) };
        match node.reply() {
            Ok(frame) => Ok(Reply::of(&frame)),
            Err(error) => Err(lost(&node.target, &error, self.unconfirmed)),
        }
    }

    fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failure> {
        let Some(node) = self.primaries.nodes.get_mut(index) else { return Ok(()) };
        node.write(bytes).map_err(|error| lost(&node.target, &error, self.unconfirmed))
    }

    fn target(&self, index: usize) -> String {
        self.primaries.nodes.get(index).map_or_else(String::new, |node| node.target.to_string())
    }

    fn redirect(&self, index: usize, text: &str) -> Option<Redirect> {
        Redirect::read(text, &self.primaries.nodes.get(index)?.target)
    }
}

impl Destination for Router {
    fn begin(&mut self, source: Option<&Source>, claim: &Claim) -> Result<(), Failure> {
        self.primaries.nodes.iter_mut().try_for_each(|node| check_target(node, source))?;
        self.primaries.claim(claim)
    }

    fn check_history(&mut self, replid: &str) -> Result<(), Failure> {
        self.settle()?;
        self.primaries.nodes.iter_mut().try_for_each(|node| check_history(node, replid))
    }

    fn processes(&self) -> Vec<String> {
        self.primaries.nodes.iter().map(process).collect::<Option<_>>().unwrap_or_default()
    }

    fn check_processes(&self, known: &[&str], remedy: &str) -> Result<(), Failure> {
        let is_known = |node: &Node| process(node).is_none_or(|process| known.contains(&process.as_str()));
        match self.primaries.nodes.iter().find(|node| !known.is_empty() && !is_known(node)) {
            None => Ok(()),
            Some(node) => Err(Failure::Message(format!(
                "{} has started, or joined the cluster, since the position was stored: it may lack writes. Begin again \
                 with redtail tail --from snapshot --empty-target. If it has lost nothing: {remedy}",
                node.target
            ))),
        }
    }

    fn check_database(&mut self, db: u32, start: u64) -> Result<(), Failure> {
        if self.databases.contains(&db) {
            return Ok(());
        }
        let Some(target) = self.primaries.nodes.first().map(|node| node.target.clone()) else { return Ok(()) };
        if let Some(failure) = missing_database(&self.primaries.address, &target, db, start)? {
            self.settle()?;
            return Err(failure);
        }
        self.databases.insert(db);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sent(&mut self, sent: Sent) -> Result<(), Failure> {
        let bytes = take(&mut self.bytes);
        match (&sent.label, self.transaction.take()) {
            (label, _) if label.is(b"MULTI") => {
                self.transaction = Some((sent.label, Group::new()));
                return Ok(());
            }
            (label, Some((begin, group))) if label.is(b"EXEC") => return self.transaction(begin, group, sent.label),
            (label, Some((begin, _))) if label.is(b"DISCARD") => {
                [begin, sent.label].iter().for_each(|label| self.progress.count(label));
                return Ok(());
            }
            (label, None) if label.is(b"EXEC") || label.is(b"DISCARD") => return Ok(()),
            (_, transaction) => self.transaction = transaction,
        }
        if sent.stores.is_some() {
            // Everything before a position is confirmed before the position is stored.
            self.settle()?;
        }
        let goes = Goes::of(&bytes);
        let routed = Routed { bytes, sent, goes, with: Vec::new() };
        match &mut self.transaction {
            Some((_, group)) => {
                group.push(routed);
                Ok(())
            }
            None => self.route(vec![routed]),
        }
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.primaries.keep_up()?;
        self.slots.clear();
        self.size = 0;
        let round = take(&mut self.round);
        self.unconfirmed = round.iter().flat_map(|(_, groups)| groups).flatten().map(Routed::of_input).sum();
        for (slot, groups) in self.send_round(round)? {
            for group in groups {
                let commands: Vec<&Routed> = group.iter().collect();
                let (index, answer) = self.execute(Some(slot), &commands, true)?;
                self.answered(index, &commands, answer)?;
            }
        }
        self.progress.report();
        Ok(())
    }

    fn ask(&mut self, args: &[&[u8]]) -> Result<Option<Vec<u8>>, Failure> {
        self.settle()?;
        let bytes = encoded(args);
        let goes = Goes::of(&bytes);
        let routed = Routed { bytes, sent: Sent { label: Label::own(args), stores: None }, goes, with: Vec::new() };
        match self.execute(goes.slot(), &[&routed], false)? {
            (_, Answer::Executed(_, text)) => Ok(text),
            (index, Answer::Refused(_, text)) => {
                Err(Failure::Message(format!("{} refused GET: {text}", self.target(index))))
            }
            (_, Answer::Aborted) => Ok(None),
        }
    }

    fn keep_alive(&mut self) -> Result<(), Failure> {
        self.primaries.keep_up()
    }

    fn may_group(&self) -> bool {
        // A position and the writes before it have slots of their own.
        false
    }

    fn unfinished(&self) -> usize {
        self.transaction.as_ref().map_or(0, |(_, group)| group.len())
    }

    fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

impl Routed {
    /// The number of commands of the input that its reply confirms.
    fn of_input(&self) -> usize {
        self.with.len() + usize::from(self.sent.label.start.is_some())
    }
}

impl Display for Routed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Label { name, argument, .. } = &self.sent.label;
        write!(f, "{} {}", String::from_utf8_lossy(name), Quoted(argument))?;
        match self.goes {
            Goes::Slot(slot) => write!(f, " (slot {slot})"),
            _ => Ok(()),
        }
    }
}

impl Goes {
    fn of(bytes: &[u8]) -> Self {
        let mut limits = Limits::default();
        (limits.command, limits.bulk, limits.arguments) = (u64::MAX, u64::MAX, u64::MAX);
        let mut parser = CommandParser::stream().with_limits(limits);
        let mut rest = bytes;
        match parser.next(&mut rest) {
            Ok(Status::Complete(command)) => Self::of_command(&command),
            _ => Self::Anywhere,
        }
    }

    fn of_command(command: &Command<'_>) -> Self {
        let text = |index| command.arg(index).and_then(|arg| std::str::from_utf8(arg).ok());
        if command.is(b"SELECT") {
            return text(1).and_then(|db| db.parse().ok()).map_or(Self::Anywhere, Self::Database);
        }
        if (command.is(b"PUBLISH") || command.is(b"SPUBLISH"))
            && let Some(channel) = command.arg(1)
        {
            return Self::Slot(slot(channel));
        }
        // A server refuses a command with keys of several slots.
        match command.keys() {
            Keys::Some(mut keys) => keys.next().map_or(Self::Everywhere, |(_, key)| Self::Slot(slot(key))),
            Keys::None | Keys::All => Self::Everywhere,
            Keys::Unknown => match command_specs::keys_of(command) {
                Some(found) => found.keys.first().map_or(Self::Everywhere, |&(_, key, _)| Self::Slot(slot(key))),
                None => Self::Anywhere,
            },
        }
    }

    fn slot(self) -> Option<u16> {
        match self {
            Self::Slot(slot) => Some(slot),
            _ => None,
        }
    }
}

/// The beginning of the id of a node's process: as many digits as tell the nodes of a cluster apart.
fn process(node: &Node) -> Option<String> {
    node.run_id().map(|id| id.chars().take(12).collect())
}

fn commands_of(groups: &[Group]) -> Vec<&Routed> {
    groups.iter().flatten().collect()
}

/// Appends a command, or a transaction of several.
fn request(commands: &[&Routed], bytes: &mut Vec<u8>) {
    let is_transaction = commands.len() > 1;
    if is_transaction {
        bytes.extend_from_slice(&encoded(&[b"MULTI"]));
    }
    commands.iter().for_each(|routed| bytes.extend_from_slice(&routed.bytes));
    if is_transaction {
        bytes.extend_from_slice(&encoded(&[b"EXEC"]));
    }
}

/// The parts of a reply that matter.
#[derive(Debug, Default)]
struct Reply {
    error: Option<String>,
    text: Option<Vec<u8>>,
    is_null: bool,
    /// The errors in an array, by index.
    errors: Vec<(usize, String)>,
}

impl Reply {
    fn of(frame: &Frame<'_>) -> Self {
        let text = |frame: &Frame<'_>| String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned();
        if frame.is_error() {
            return Self { error: Some(text(frame)), ..Self::default() };
        }
        let errors = match frame.kind() {
            Kind::Array => frame
                .items()
                .enumerate()
                .filter(|(_, item)| item.is_error())
                .map(|(at, item)| (at, text(&item)))
                .collect(),
            _ => Vec::new(),
        };
        Self { error: None, text: frame.as_bytes().map(<[u8]>::to_vec), is_null: frame.is_null(), errors }
    }
}
