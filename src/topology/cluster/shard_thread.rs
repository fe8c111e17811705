//! The thread that follows a shard.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{Builder, Connector, Error, Follower, Socket, bare};
use crate::replication::{Event, Idle, Options};
use crate::topology::access::Access;
use crate::topology::cluster::link::{link, link_to_replica};
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::shared::{Message, Shared};
use crate::topology::error::each;
use crate::topology::random::take_any;

/// The configuration of the shards' followers.
#[derive(Clone)]
pub(super) struct ShardConfig {
    pub(super) access: Access,
    pub(super) options: Options,
    pub(super) buffer: usize,
    pub(super) prefer_replica: bool,
}

/// How long a shard delivers no event before its thread checks whether it is leaving.
const TICK: Duration = Duration::from_secs(1);

impl ShardConfig {
    fn builder(&self, shard: &Shard, shared: &Arc<Shared>) -> Builder<Connector<Socket>> {
        let (access, login) = (self.access.controlled_by(shard.handle()), self.access.login.clone());
        let (shared, shard) = (Arc::clone(shared), shard.clone());
        let (handle, name) = (shard.handle().clone(), shard.id().to_owned());
        let (mut is_first, prefer_replica) = (true, self.prefer_replica);
        let connect = move || {
            if !std::mem::take(&mut is_first) {
                shared.tell(Message::ConnectionLost);
            }
            if shard.is_leaving() {
                return Err(io::Error::other("the node has left the cluster"));
            }
            let member = shard.unlinked();
            let mut replicas: Vec<_> = member.replicas.iter().filter(|node| node.is_up && prefer_replica).collect();
            let mut tried = Vec::new();
            while let Some(replica) = take_any(&mut replicas) {
                match link_to_replica(&access, &member, replica, shard.position()) {
                    Ok(socket) => {
                        shard.set_linked(replica.id.clone());
                        return Ok(socket);
                    }
                    Err(error) => tried.push((replica.target.clone(), bare(&replica.target, &error))),
                }
            }
            let socket = link(&access, &member).map_err(|error| match tried.is_empty() {
                true => error,
                false => io::Error::new(error.kind(), format!("{error}; and its replicas: {}", each(&tried))),
            })?;
            shard.set_linked(member.primary.id);
            Ok(socket)
        };
        let builder = Follower::with_connector(connect).named(name).options(self.options).buffer(self.buffer);
        // Later attempts may find a node that the first one did not.
        builder.retry_first(true).handle(handle).login(move || login.ask())
    }

    /// Follows to the end, on the present thread.
    pub(super) fn run<H>(&self, shard: &Shard, mut handler: H, shared: &Arc<Shared>) -> Result<(), Error>
    where
        H: FnMut(&Shard, Event<'_>) -> ControlFlow<()>,
    {
        let mut follower = self.builder(shard, shared).connect_checked()?;
        let mut in_snapshot = false;
        let mut each = |event: Event<'_>| {
            match event {
                Event::SnapshotBegin(_) => {
                    in_snapshot = true;
                    shard.set_position(None);
                }
                Event::SnapshotEnd(_) => in_snapshot = false,
                _ => {}
            }
            let flow = handler(shard, event);
            (flow, in_snapshot)
        };
        loop {
            let Some(event) = follower.next_timeout(TICK)? else { return Ok(()) };
            // The connection delivers nothing more.
            let is_through = matches!(event, Event::Idle(_) | Event::Disconnected(_));
            let (mut flow, mut in_snapshot) = each(event);
            if is_through && shard.is_leaving() {
                // A last event with the end: PINGs after the last event count too, and a sink commits the last
                // position.
                let position = follower.position().filter(|_| !in_snapshot);
                shard.set_position(position);
                if flow.is_break() || each(Event::Idle(Idle { position })).0.is_break() {
                    shared.stop();
                }
                return Ok(());
            }
            loop {
                if let Some(position) = follower.position().filter(|_| !in_snapshot) {
                    shard.set_position(Some(position));
                }
                if flow.is_break() {
                    shared.stop();
                    return Ok(());
                }
                if follower.is_drained() {
                    break;
                }
                let more = follower.batch(|event| {
                    (flow, in_snapshot) = each(event);
                    flow
                })?;
                if !more {
                    return Ok(());
                }
            }
        }
    }
}
