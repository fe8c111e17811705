//! The thread that watches the Sentinels for a switch of the primary.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Client, ClientError, Handle, Reply, Target, Transport};
use crate::topology::access::Access;
use crate::topology::ending::Ending;
use crate::topology::sentinel::finder::Identify;
use crate::topology::sentinel::state::{State, lock};

/// How late the thread notices that its follower was stopped; and its pause after a Sentinel has closed the connection.
const TICK: Duration = Duration::from_secs(1);

/// How often a Sentinel is asked for the primary, besides its messages.
const INTERVAL: Duration = Duration::from_secs(5);

/// The thread. Dropping this ends it at once.
pub(super) struct Watch {
    ending: Arc<Ending>,
}

impl Watch {
    /// Starts the thread. It subscribes to one Sentinel after another for as long as the follower exists.
    pub(super) fn start(state: &Arc<Mutex<State>>, handle: &Handle) -> io::Result<Self> {
        let ending = Arc::<Ending>::default();
        let watcher = Watcher { shared: Arc::downgrade(state), handle: handle.clone(), ending: Arc::clone(&ending) };
        thread::Builder::new().name("redtail-sentinel".into()).spawn(move || watcher.run())?;
        Ok(Self { ending })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ending.end();
    }
}

struct Watcher {
    shared: Weak<Mutex<State>>,
    handle: Handle,
    ending: Arc<Ending>,
}

impl Watcher {
    /// `None`: the thread is to end.
    fn state(&self) -> Option<Arc<Mutex<State>>> {
        self.shared.upgrade().filter(|_| !self.handle.is_stopped() && !self.ending.has_ended())
    }

    fn run(&self) {
        let mut turn = 0_usize;
        while let Some(state) = self.state() {
            let (sentinel, access, name) = {
                let state = lock(&state);
                let sentinels = &state.finder.sentinels;
                let sentinel = sentinels.get(turn % sentinels.len().max(1)).cloned();
                (sentinel, state.sentinels.until(&self.ending), state.finder.name.clone())
            };
            drop(state);
            let Some(sentinel) = sentinel else { return };
            self.ending.scope(|| {
                if let Ok(client) = subscribe(&access, &sentinel) {
                    self.listen(client, &name);
                }
            });
            turn += 1;
            self.ending.pause(TICK);
        }
    }

    /// Reads messages until the Sentinel closes the connection or the follower ends.
    fn listen(&self, mut client: Client, name: &str) {
        let mut asked: Option<Instant> = None;
        while let Some(state) = self.state() {
            if asked.is_none_or(|asked| asked.elapsed() >= INTERVAL) {
                self.ending.scope(|| self.ask_again(&state));
                asked = Some(Instant::now());
            }
            drop(state);
            match client.listen() {
                Ok(message) => {
                    let Some(primary) = switched(&message, name) else { continue };
                    let Some(state) = self.state() else { return };
                    if lock(&state).linked.as_ref().is_some_and(|linked| *linked != primary) {
                        self.handle.reconnect();
                    }
                }
                Err(ClientError::TimedOut) => {}
                Err(_) => return,
            }
        }
    }

    /// Sentinels may have announced a switch before the subscription, or while its connection was still being made.
    fn ask_again(&self, shared: &Mutex<State>) {
        let (mut finder, access) = {
            let state = lock(shared);
            (state.finder.clone(), state.sentinels.until(&self.ending))
        };
        let before = finder.primary.clone();
        let found = finder.find(&access, Identify::No, || self.handle.is_stopped() || self.ending.has_ended());
        let state = lock(shared);
        // Unless the follower is connecting, or has connected meanwhile.
        if found.is_ok() && finder.primary != before && state.finder.primary == before && state.linked.is_some() {
            self.handle.reconnect();
        }
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

/// The new primary of a message about `name`. Its payload is `name old-ip old-port new-ip new-port`.
fn switched(message: &Reply, name: &str) -> Option<Target> {
    let [_, _, payload] = message.list() else { return None };
    let mut fields = payload.text()?.split(' ');
    let is_ours = fields.next() == Some(name);
    let [_, _, host, port] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    is_ours.then_some(Target::Tcp { host: host.into(), port: port.parse().ok()? })
}
