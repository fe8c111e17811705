//! The lag: asks the primary for its offset with INFO once per second, over a second connection.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use redtail::net::{Client, Reply, Timeouts};

use crate::background;
use crate::stats::tally::{Counters, Tally};
use crate::stats::ticker::INTERVAL;
use crate::target::address::Address;
use crate::target::introduction::introduce;
use crate::target::offset::{OffsetError, field, offset_of};
use crate::target::probe_error::TIMEOUT;
use crate::terminal::log;

/// The time between two attempts after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Asks the followed server for its offset each second.
pub(crate) fn watch_lag(tally: &Tally, address: Address) {
    start(tally, Asked { address, is_followed: true });
}

/// Asks the server that the input of `load` comes from.
pub(crate) fn watch_source(tally: &Tally, address: Address) {
    start(tally, Asked { address, is_followed: false });
}

/// The server that is asked.
struct Asked {
    address: Address,
    /// The watchers of the run see its address and run id.
    is_followed: bool,
}

fn start(tally: &Tally, asked: Asked) {
    tally.counters.is_asked.store(true, Ordering::Relaxed);
    let counters = tally.counters.clone();
    background::start("lag", move || watch(&asked, &counters));
}

/// Asks until the run ends, or the server denies it.
fn watch(server: &Asked, counters: &Counters) {
    let (mut client, mut last_reason) = (None, String::new());
    while !counters.is_over.load(Ordering::Relaxed) {
        if !counters.may_ask.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL / 10);
            continue;
        }
        let (asked, replid) = (Instant::now(), counters.replid());
        let offset = ask(&mut client, server, counters);
        if let Ok(offset) = offset {
            counters.primary_history.lock().unwrap_or_else(PoisonError::into_inner).note(asked, replid, offset);
        }
        let known = offset.as_ref().map_or(0, |offset| offset.saturating_add(1));
        counters.primary.store(known, Ordering::Relaxed);
        if offset.is_err() && server.is_followed {
            counters.change_about(|about| about.run_id = None);
        }
        match offset {
            Ok(_) => {
                last_reason.clear();
                thread::sleep(INTERVAL);
            }
            Err(OffsetError::Denied(why)) => {
                return log::say(format_args!("the lag is unknown: {why}; the server is not asked again"));
            }
            Err(OffsetError::Other(why)) => {
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
fn ask(client: &mut Option<Client>, server: &Asked, counters: &Counters) -> Result<u64, OffsetError> {
    let is_new = client.is_none();
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(server, counters)?),
    };
    let offset = offset_of(client, counters.replid());
    if is_new && offset.is_ok() {
        introduce(client, server.address.login.is_acl_user())?;
    }
    // After the first answer: a denial is not repeated.
    if server.is_followed && !matches!(offset, Err(OffsetError::Denied(_))) && counters.about().run_id.is_none() {
        let run_id = run_id(client);
        counters.change_about(|about| about.run_id = run_id);
    }
    offset
}

/// The id of the server's process.
fn run_id(client: &mut Client) -> Option<String> {
    match client.ask(&["INFO", "server"]) {
        Ok(Reply::Text(info)) => Some(field(&info, "run_id")?.to_owned()),
        _ => None,
    }
}

fn connect(server: &Asked, counters: &Counters) -> Result<Client, OffsetError> {
    let address = &server.address;
    let known = counters.about().address.filter(|_| counters.shard.is_some());
    let target = match known.and_then(|address| address.parse().ok()) {
        Some(target) => target,
        None => address.server().map_err(OffsetError::other)?,
    };
    if server.is_followed {
        // Through Sentinels only they know it.
        counters.change_about(|about| about.address = Some(target.to_string()));
    }
    let timeouts = Timeouts::all(TIMEOUT);
    let link = address.connect(&target, &timeouts).map_err(OffsetError::other)?;
    Ok(Client::new(&target, link, &address.login.read().map_err(OffsetError::other)?)?)
}
