//! The target of a load: a server, or a cluster.

use std::fmt::Display;

use redtail::Position;
use redtail::net::Target;

use crate::failure::Failure;
use crate::load::label::{Label, Sent};
use crate::load::progress::Progress;
use crate::load::same_server::Source;
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::target::node::{connect, encoded, unreachable};

pub(super) trait Destination {
    /// Fails if the target is a replica or the source, or if another process has the claim.
    fn begin(&mut self, source: Option<&Source>, claim: &Claim) -> Result<(), Failure>;

    /// Fails if the target has this history of the source.
    fn check_history(&mut self, replid: &str) -> Result<(), Failure>;

    /// The processes that have the data, for the stored position. Empty if the position and the writes before it are
    /// kept or lost together, or if the processes are unknown.
    fn processes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Fails if another process than these, which were stored with a position, has a part of the data now.
    fn check_processes(&self, _known: &[&str], _remedy: &str) -> Result<(), Failure> {
        Ok(())
    }

    /// Fails unless the target has this database, which the command at byte `start` of the input selects.
    fn check_database(&mut self, db: u32, start: u64) -> Result<(), Failure>;

    /// Sends bytes of a command.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure>;

    /// A command is complete.
    fn sent(&mut self, sent: Sent) -> Result<(), Failure>;

    /// Sends everything, and reads all replies.
    fn settle(&mut self) -> Result<(), Failure>;

    /// Sends a question, and returns the text of its reply after all others; `None` for null.
    fn ask(&mut self, args: &[&[u8]]) -> Result<Option<Vec<u8>>, Failure>;

    /// The input is silent, and everything is settled: a server may close a connection that is not used.
    fn keep_alive(&mut self) -> Result<(), Failure>;

    /// Whether commands between two positions may be one transaction.
    fn may_group(&self) -> bool;

    /// The number of commands in a transaction of the input that has no end yet.
    fn unfinished(&self) -> usize;

    fn progress(&mut self) -> &mut Progress;

    /// Sends a command of this program.
    fn own(&mut self, args: &[&[u8]], stores: Option<Position>) -> Result<(), Failure> {
        self.bytes(&encoded(args))?;
        self.sent(Sent { label: Label::own(args), stores })
    }
}

/// Selects the database over a connection of its own. Returns the failure of a target that lacks it.
///
/// After a refused SELECT, the commands after it would be applied to another database. A transaction refuses only at
/// its end.
pub(super) fn missing_database(
    address: &Address,
    target: &Target,
    db: u32,
    start: u64,
) -> Result<Option<Failure>, Failure> {
    let reply = connect(address, target)?.ask(&["SELECT", &db.to_string()]);
    let reply = reply.map_err(|error| unreachable(target, &error))?;
    Ok(reply
        .error()
        .map(|text| Failure::Message(format!("{target} refused SELECT {db} (byte {start} of the input): {text}"))))
}

/// `unconfirmed`: the number of commands that were sent.
pub(super) fn lost(target: &Target, error: &dyn Display, unconfirmed: usize) -> Failure {
    Failure::Message(format!(
        "lost the connection to {target}: {error}; {unconfirmed} of the commands sent have no reply"
    ))
}
