//! The lag: asks the primary for its offset with INFO once per second, over a second connection.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use redtail::net::{Client, ClientError, Reply, Timeouts};

use crate::stats::tally::Counters;
use crate::stats::ticker::INTERVAL;
use crate::target::address::Address;
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

/// Asks until the run ends, or the server denies it.
pub(super) fn watch(address: &Address, counters: &Counters) {
    let (mut client, mut last_reason) = (None, String::new());
    while !counters.is_over.load(Ordering::Relaxed) {
        if !counters.may_ask.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL / 10);
            continue;
        }
        let offset = ask(&mut client, address, counters);
        let known = offset.as_ref().map_or(0, |offset| offset.saturating_add(1));
        counters.primary.store(known, Ordering::Relaxed);
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
        None => client.insert(connect(address)?),
    };
    let info = match client.ask(&["INFO", "replication"])? {
        Reply::Text(text) => text,
        answer if answer.is_denied() => return Err(LagError::Denied(answer.error().unwrap_or_default().to_owned())),
        Reply::Error(text) => return Err(LagError::Other(text)),
        _ => return Err(LagError::Other("the answer to INFO is no text".to_owned())),
    };
    let field = |name: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'));
    let ours = counters.replid().map(|replid| replid.to_string());
    let offset = field("master_repl_offset").filter(|_| field("master_replid") == ours.as_deref());
    let why = "INFO has no offset in the followed history; the server may have failed over";
    offset.and_then(|offset| offset.parse().ok()).ok_or_else(|| LagError::Other(why.to_owned()))
}

fn connect(address: &Address) -> Result<Client, LagError> {
    let other = |error: &dyn Display| LagError::Other(error.to_string());
    let target = address.server().map_err(|error| other(&error))?;
    let timeouts = Timeouts::all(TIMEOUT);
    let link = address.connect(&target, &timeouts).map_err(|error| other(&error))?;
    Ok(Client::new(link, &address.login.read().map_err(|error| other(&error))?)?)
}
