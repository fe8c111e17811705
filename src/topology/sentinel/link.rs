//! Connections to the server that the Sentinels name.

use std::io;
use std::sync::{Arc, Mutex};

use crate::net::{Ask, Handle, Reply, Socket};
use crate::topology::access::Access;
use crate::topology::sentinel::error::{SentinelError, ServerError};
use crate::topology::sentinel::finder::{FoundServer, PrimaryFinder};
use crate::topology::sentinel::state::{State, lock};
use crate::topology::sentinel::watch::watch;

/// A connector that asks the Sentinels each time. The first connection starts the thread that watches them.
pub(super) fn connector(finder: PrimaryFinder, sentinels: Access, servers: Access, handle: Handle) -> Box<Ask<Socket>> {
    let state = Arc::new(Mutex::new(State { finder, sentinels, servers, linked: None, is_watched: false }));
    Box::new(move || connect(&state, &handle))
}

fn connect(shared: &Arc<Mutex<State>>, handle: &Handle) -> io::Result<Socket> {
    let mut guard = lock(shared);
    let state = &mut *guard;
    state.linked = None;
    let found = state.finder.find(&state.sentinels, || handle.is_stopped())?;
    let socket = link(state, &found)?;
    state.linked = Some(found.target);
    if !state.is_watched {
        // Without the thread a failover is noticed later, but noticed.
        state.is_watched = watch(shared, handle).is_ok();
    }
    Ok(socket)
}

/// Connects, and asks the server for its role. A server that denies the question is believed.
fn link(state: &State, found: &FoundServer) -> io::Result<Socket> {
    let ask = || {
        let mut client = state.servers.client(&found.target)?;
        let role = client.ask(&["ROLE"])?;
        Ok((client, role))
    };
    let (client, role) =
        ask().map_err(|source| ServerError { target: found.target.clone(), told_by: found.told_by.clone(), source })?;
    let is_replica = role.list().first().and_then(Reply::text) == Some("slave");
    if is_replica && !found.is_replica {
        let (name, target) = (state.finder.name.clone(), found.target.clone());
        return Err(SentinelError::NotPrimary { name, target }.into());
    }
    Ok(client.into_socket())
}
