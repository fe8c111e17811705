//! The thread that watches the Sentinels for a switch of the primary.

use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Client, ClientError, Handle, Reply, Target, Transport};
use crate::topology::access::Access;
use crate::topology::sentinel::state::{State, lock};

/// How late the thread notices the end of its follower; and its pause after a Sentinel has closed the connection.
const TICK: Duration = Duration::from_secs(1);

/// How often a Sentinel is asked for the primary, besides its messages.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts the thread. It subscribes to one Sentinel after another for as long as the follower exists.
pub(super) fn watch(state: &Arc<Mutex<State>>, handle: &Handle) -> io::Result<JoinHandle<()>> {
    let (state, handle) = (Arc::downgrade(state), handle.clone());
    thread::Builder::new().name("redtail-sentinel".into()).spawn(move || run(&state, &handle))
}

fn run(shared: &Weak<Mutex<State>>, handle: &Handle) {
    let mut turn = 0_usize;
    while let Some(state) = shared.upgrade().filter(|_| !handle.is_stopped()) {
        let (sentinel, access, name) = {
            let state = lock(&state);
            let sentinels = &state.finder.sentinels;
            let sentinel = sentinels.get(turn % sentinels.len().max(1)).cloned();
            (sentinel, state.sentinels.clone(), state.finder.name.clone())
        };
        drop(state);
        let Some(sentinel) = sentinel else { return };
        if let Ok(client) = subscribe(&access, &sentinel) {
            listen(client, &name, shared, handle);
        }
        turn += 1;
        thread::sleep(TICK);
    }
}

fn subscribe(access: &Access, sentinel: &Target) -> io::Result<Client> {
    let mut client = access.client(sentinel)?;
    match client.ask(&["SUBSCRIBE", "+switch-master"])? {
        Reply::Error(text) => Err(io::Error::other(text)),
        _ => {
            client.socket().set_read_timeout(Some(TICK))?;
            Ok(client)
        }
    }
}

/// Reads messages until the Sentinel closes the connection or the follower ends.
fn listen(mut client: Client, name: &str, shared: &Weak<Mutex<State>>, handle: &Handle) {
    let mut asked: Option<Instant> = None;
    while let Some(state) = shared.upgrade().filter(|_| !handle.is_stopped()) {
        if asked.is_none_or(|asked| asked.elapsed() >= INTERVAL) {
            ask_again(&state, handle);
            asked = Some(Instant::now());
        }
        drop(state);
        match client.listen() {
            Ok(message) => {
                let Some(primary) = switched(&message, name) else { continue };
                let Some(state) = shared.upgrade() else { return };
                if lock(&state).linked.as_ref().is_some_and(|linked| *linked != primary) {
                    handle.reconnect();
                }
            }
            Err(ClientError::TimedOut) => {}
            Err(_) => return,
        }
    }
}

/// Sentinels may have announced a switch before the subscription, or while its connection was still being made.
fn ask_again(shared: &Mutex<State>, handle: &Handle) {
    let (mut finder, access) = {
        let state = lock(shared);
        (state.finder.clone(), state.sentinels.clone())
    };
    let before = finder.primary.clone();
    let found = finder.find(&access, || handle.is_stopped());
    let state = lock(shared);
    // Unless the follower is connecting, or has connected meanwhile.
    if found.is_ok() && finder.primary != before && state.finder.primary == before && state.linked.is_some() {
        handle.reconnect();
    }
}

/// The new primary of a message about `name`. Its payload is `name old-ip old-port new-ip new-port`.
fn switched(message: &Reply, name: &str) -> Option<Target> {
    let [_, _, payload] = message.list() else { return None };
    let mut fields = payload.text()?.split(' ');
    let is_ours = fields.next() == Some(name);
    let [_, _, host, port] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    is_ours.then_some(Target::Tcp { host: host.into(), port: port.parse().ok()? })
}
