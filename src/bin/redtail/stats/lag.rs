//! The lag: asks the primary for its offset with INFO once per second, over a second connection.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use redtail::net::{Client, ClientError, Reply, Timeouts};

use crate::background;
use crate::stats::tally::{Counters, Tally};
use crate::stats::ticker::INTERVAL;
use crate::target::address::Address;
use crate::target::introduction::introduce;
use crate::target::probe_error::TIMEOUT;
use crate::terminal::log;

/// The time between two attempts after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Why the offset is unknown.
enum LagError {
    /// INFO is not allowed. Each attempt would add an entry to the server's ACL LOG.
    Denied(String),
    /// A temporary failure.
    Other(String),
}

impl From<ClientError> for LagError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(text) => Self::Denied(text),
            error => Self::Other(error.to_string()),
        }
    }
}

/// Asks the server for its offset each second.
pub(crate) fn watch_lag(tally: &Tally, address: Address) {
    tally.counters.is_asked.store(true, Ordering::Relaxed);
    let counters = tally.counters.clone();
    background::start("lag", move || watch(&address, &counters));
}

/// Asks until the run ends, or the server denies it.
fn watch(address: &Address, counters: &Counters) {
    let (mut client, mut last_reason) = (None, String::new());
    while !counters.is_over.load(Ordering::Relaxed) {
        if !counters.may_ask.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL / 10);
            continue;
        }
        let offset = ask(&mut client, address, counters);
        let known = offset.as_ref().map_or(0, |offset| offset.saturating_add(1));
        counters.primary.store(known, Ordering::Relaxed);
        if offset.is_err() {
            counters.change_about(|about| about.run_id = None);
        }
        match offset {
            Ok(_) => {
                last_reason.clear();
                thread::sleep(INTERVAL);
            }
            Err(LagError::Denied(why)) => {
                return log::say(format_args!("the lag is unknown: {why}; the server is not asked again"));
            }
            Err(LagError::Other(why)) => {
                if last_reason != why {
                    log::say(format_args!("the lag is unknown: {why}; the server is asked again"));
                    last_reason = why;
                }
                // With Sentinels, the server may have changed.
                client = None;
                thread::sleep(PAUSE);
            }
        }
    }
}

/// The offset of the followed history.
fn ask(client: &mut Option<Client>, address: &Address, counters: &Counters) -> Result<u64, LagError> {
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(address, counters)?),
    };
    let info = match client.ask(&["INFO", "replication"])? {
        Reply::Text(text) => text,
        answer if answer.is_denied() => return Err(LagError::Denied(answer.error().unwrap_or_default().to_owned())),
        Reply::Error(text) => return Err(LagError::Other(text)),
        _ => {
            return Err(LagError::Other(
                "the answer to INFO is no text: check for a proxy in front of the server".to_owned(),
            ));
        }
    };
    // After the first answer: a denial is not repeated.
    if counters.about().run_id.is_none() {
        introduce(client, address.login.is_acl_user())?;
        let run_id = run_id(client);
        counters.change_about(|about| about.run_id = run_id);
    }
    let field = |name: &str| field(&info, name);
    let ours = counters.replid().map(|replid| replid.to_string());
    let offset = field("master_repl_offset").filter(|_| field("master_replid") == ours.as_deref());
    let why = "INFO has no offset in the followed history; the server may have failed over";
    offset.and_then(|offset| offset.parse().ok()).ok_or_else(|| LagError::Other(why.to_owned()))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}

/// The id of the server's process.
fn run_id(client: &mut Client) -> Option<String> {
    match client.ask(&["INFO", "server"]) {
        Ok(Reply::Text(info)) => Some(field(&info, "run_id")?.to_owned()),
        _ => None,
    }
}

fn connect(address: &Address, counters: &Counters) -> Result<Client, LagError> {
    let other = |error: &dyn Display| LagError::Other(error.to_string());
    let known = counters.about().address.filter(|_| counters.shard.is_some());
    let target = match known.and_then(|address| address.parse().ok()) {
        Some(target) => target,
        None => address.server().map_err(|error| other(&error))?,
    };
    // Through Sentinels only they know it.
    counters.change_about(|about| about.address = Some(target.to_string()));
    let timeouts = Timeouts::all(TIMEOUT);
    let link = address.connect(&target, &timeouts).map_err(|error| other(&error))?;
    Ok(Client::new(link, &address.login.read().map_err(|error| other(&error))?)?)
}
