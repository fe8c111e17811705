//! Connections to the server that the Sentinels name.

use std::io;
use std::sync::{Arc, Mutex};

use crate::net::{Ask, Handle, Reply, Socket};
use crate::topology::access::Access;
use crate::topology::sentinel::error::{SentinelError, ServerError};
use crate::topology::sentinel::finder::{FoundServer, Identify, PrimaryFinder};
use crate::topology::sentinel::state::{State, lock};
use crate::topology::sentinel::warnings::Warnings;
use crate::topology::sentinel::watch::Watch;

/// A connector that asks the Sentinels each time. The first connection starts the thread that watches them.
pub(super) fn connector(
    finder: PrimaryFinder,
    sentinels: Access,
    servers: Access,
    handle: Handle,
    warnings: Warnings,
) -> Box<Ask<Socket>> {
    let (sentinels, servers) = (sentinels.controlled_by(&handle), servers.controlled_by(&handle));
    let state = Arc::new(Mutex::new(State { finder, sentinels, servers, linked: None, may_ask_info: true }));
    let mut watch = None;
    Box::new(move || connect(&state, &handle, &mut watch, &warnings))
}

fn connect(
    shared: &Arc<Mutex<State>>,
    handle: &Handle,
    watch: &mut Option<Watch>,
    warnings: &Warnings,
) -> io::Result<Socket> {
    let mut guard = lock(shared);
    let state = &mut *guard;
    state.linked = None;
    let found = state.finder.find(&state.sentinels, Identify::Yes, || handle.is_stopped())?;
    let socket = link(state, &found)?;
    state.linked = Some(found.target);
    let name = state.finder.name.clone();
    drop(guard);
    if watch.is_none() {
        match Watch::start(shared, handle, warnings) {
            Ok(started) => *watch = Some(started),
            // A failover is noticed later, but noticed.
            Err(error) => warnings.warn(&SentinelError::NotWatched { name, reason: error.to_string() }),
        }
    }
    Ok(socket)
}

/// Connects, and asks the server for its role and its run id. A server that denies a question is believed.
fn link(state: &mut State, found: &FoundServer) -> io::Result<Socket> {
    let access = state.servers.clone();
    let ask = |may_ask_info: &mut bool| {
        let mut client = access.client(&found.target)?;
        let role = client.ask(&["ROLE"])?;
        let info = match *may_ask_info && found.run.is_some() {
            true => client.ask(&["INFO", "server"])?,
            false => Reply::Null,
        };
        *may_ask_info &= !info.is_denied();
        Ok((client, role, info))
    };
    let FoundServer { target, told_by, .. } = found;
    let (client, role, info) = ask(&mut state.may_ask_info).map_err(|source| ServerError {
        target: target.clone(),
        told_by: told_by.clone(),
        source,
    })?;
    let is_replica = role.list().first().and_then(Reply::text) == Some("slave");
    let (name, target, told_by) = (state.finder.name.clone(), target.clone(), told_by.clone());
    if is_replica && !found.is_replica {
        return Err(SentinelError::NotPrimary { name, target, told_by }.into());
    }
    match found.run.as_ref().and_then(|run| Some((run, run.contradicted_by(&info)?))) {
        Some((run, actual)) => {
            Err(SentinelError::OtherServer { name, target, told_by, run_id: actual, expected: run.id.clone() }.into())
        }
        None => Ok(client.into_socket()),
    }
}
