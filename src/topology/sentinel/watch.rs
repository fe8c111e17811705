//! The thread that watches the Sentinels for a switch of the primary.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Client, ClientErrorKind, Handle, Reply, Target, Transport};
use crate::topology::access::Access;
use crate::topology::ending::Ending;
use crate::topology::sentinel::error::SentinelError;
use crate::topology::sentinel::finder::Identify;
use crate::topology::sentinel::state::{State, lock};
use crate::topology::sentinel::warnings::Warnings;

/// How late the thread notices that its follower was stopped; and its pause after a Sentinel has closed the connection.
const TICK: Duration = Duration::from_secs(1);

/// How often a Sentinel is asked for the primary, besides its messages.
const INTERVAL: Duration = Duration::from_secs(5);

/// The thread. Dropping this ends it at once.
pub(super) struct Watch {
    ending: Arc<Ending>,
    warnings: Warnings,
}

impl Watch {
    /// Starts the thread. It subscribes to one Sentinel after another for as long as the follower exists.
    pub(super) fn start(state: &Arc<Mutex<State>>, handle: &Handle, warnings: &Warnings) -> io::Result<Self> {
        let ending = Arc::<Ending>::default();
        let mut watcher = Watcher {
            shared: Arc::downgrade(state),
            handle: handle.clone(),
            ending: Arc::clone(&ending),
            warnings: warnings.clone(),
            denied: Vec::new(),
            asked: None,
            is_blind: false,
        };
        thread::Builder::new().name("redtail-sentinel".into()).spawn(move || watcher.run())?;
        Ok(Self { ending, warnings: warnings.clone() })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ending.end();
        self.warnings.end();
    }
}

struct Watcher {
    shared: Weak<Mutex<State>>,
    handle: Handle,
    ending: Arc<Ending>,
    warnings: Warnings,
    /// The Sentinels that deny SUBSCRIBE. It is not repeated, because each denial is logged.
    denied: Vec<Target>,
    /// When the Sentinels were asked last.
    asked: Option<Instant>,
    /// No Sentinel answered then.
    is_blind: bool,
}

impl Watcher {
    /// `None`: the thread is to end.
    fn state(&self) -> Option<Arc<Mutex<State>>> {
        self.shared.upgrade().filter(|_| !self.handle.is_stopped() && !self.ending.has_ended())
    }

    fn run(&mut self) {
        let mut turn = 0_usize;
        while let Some(state) = self.state() {
            let (sentinel, access, name) = {
                let state = lock(&state);
                let sentinels = &state.finder.sentinels;
                self.denied.retain(|one| sentinels.contains(one));
                let willing: Vec<_> = sentinels.iter().filter(|one| !self.denied.contains(one)).collect();
                let sentinel = willing.get(turn % willing.len().max(1)).map(|&one| one.clone());
                (sentinel, state.sentinels.until(&self.ending), state.finder.name.clone())
            };
            drop(state);
            if let Some(sentinel) = sentinel {
                let ending = Arc::clone(&self.ending);
                ending.scope(|| match subscribe(&access, &sentinel) {
                    Ok(Subscription::Client(client)) => self.listen(*client, &name),
                    Ok(Subscription::Denied(reason)) => {
                        self.denied.push(sentinel.clone());
                        self.warnings.warn(&SentinelError::NotSubscribed { name, target: sentinel, reason });
                    }
                    // The next one may accept it. If none does, none answers the question below either.
                    Err(_) => {}
                });
                turn += 1;
            }
            self.ask_if_due();
            self.ending.pause(TICK);
        }
    }

    /// Reads messages until the Sentinel closes the connection or the follower ends.
    fn listen(&mut self, mut client: Client, name: &str) {
        // A switch may have been announced before the subscription.
        self.asked = None;
        while self.state().is_some() {
            self.ask_if_due();
            match client.listen() {
                Ok(message) => {
                    let Some(primary) = switched(&message, name) else { continue };
                    let Some(state) = self.state() else { return };
                    if lock(&state).linked.as_ref().is_some_and(|linked| *linked != primary) {
                        self.handle.reconnect();
                    }
                }
                Err(error) if matches!(error.kind, ClientErrorKind::TimedOut) => {}
                Err(_) => return,
            }
        }
    }

    fn ask_if_due(&mut self) {
        let Some(state) = self.state() else { return };
        if self.asked.is_none_or(|asked| asked.elapsed() >= INTERVAL) {
            let ending = Arc::clone(&self.ending);
            ending.scope(|| self.ask_again(&state));
            self.asked = Some(Instant::now());
        }
    }

    /// Sentinels may have announced a switch before the subscription, or while its connection was still being made.
    fn ask_again(&mut self, shared: &Mutex<State>) {
        let (mut finder, access) = {
            let state = lock(shared);
            (state.finder.clone(), state.sentinels.until(&self.ending))
        };
        let before = finder.primary.clone();
        let found = finder.find(&access, Identify::No, || self.handle.is_stopped() || self.ending.has_ended());
        if let Err(error) = found {
            // The end of the follower interrupts the search, too.
            if !self.handle.is_stopped() && !self.ending.has_ended() && !std::mem::replace(&mut self.is_blind, true) {
                self.warnings.warn(&error);
            }
            return;
        }
        self.is_blind = false;
        let state = lock(shared);
        // Unless the follower is connecting, or has connected meanwhile.
        if finder.primary != before && state.finder.primary == before && state.linked.is_some() {
            self.handle.reconnect();
        }
    }
}

enum Subscription {
    Client(Box<Client>),
    /// The message of a Sentinel that denies SUBSCRIBE to this user.
    Denied(String),
}

fn subscribe(access: &Access, sentinel: &Target) -> io::Result<Subscription> {
    let mut client = access.client(sentinel)?;
    match client.ask(&["SUBSCRIBE", "+switch-master"])? {
        reply if reply.is_denied() => Ok(Subscription::Denied(reply.error().unwrap_or_default().to_owned())),
        Reply::Error(text) => Err(io::Error::other(text)),
        _ => {
            client.socket().set_read_timeout(Some(TICK))?;
            Ok(Subscription::Client(Box::new(client)))
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
