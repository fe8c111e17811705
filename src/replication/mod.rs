//! Replication, without a socket, a clock, a thread or an allocation.
//!
//! A shell with a socket of any kind drives the [`Session`]. [`Follower`](crate::Follower) is the shell for blocking
//! code.
//!
//! | purpose | items |
//! | --- | --- |
//! | the engine | [`Session`], [`Progress`], [`Closed`], [`Heartbeat`], [`Credentials`] |
//! | options | [`Options`], [`Start`], [`OnGap`], [`Ack`], [`SnapshotForm`], [`ReplicaLabel`], [`Backoff`] |
//! | events | [`Event`], [`StreamCommand`], [`StreamPart`], [`Attached`], [`AttachMethod`], [`SnapshotBegin`], [`SnapshotEnd`], [`Gap`], [`Disconnected`], [`DisconnectReason`], [`Forking`], [`ForkReason`], [`Idle`], [`Wrapped`] |
//! | positions | [`Position`], [`ReplicationId`], [`Lineage`], [`PositionError`], [`PsyncRequest`], [`OnFull`] |
//! | the keys of a command | [`Touches`], [`Touch`], [`TouchedKeys`], [`Databases`], [`Database`] |
//! | servers | [`Server`], [`Product`], [`Version`], [`Role`], [`ServerError`] |
//! | errors | [`SessionError`], [`SessionStage`], [`Recovery`] |

mod backoff;
mod commits;
mod databases;
mod error;
mod event;
pub(crate) mod info;
mod millis;
mod options;
mod position;
mod psync_request;
mod reply;
#[cfg(feature = "serde")]
mod serialize;
mod server;
mod session;
mod touches;
mod wrapped;

pub use backoff::Backoff;
pub(crate) use commits::Commits;
pub use error::{Recovery, SessionError, SessionStage};
pub use event::{
    AttachMethod, Attached, Database, DisconnectReason, Disconnected, Event, ForkReason, Forking, Gap, Idle, Role,
    SnapshotBegin, SnapshotEnd, StreamCommand, StreamPart,
};
pub(crate) use millis::millis;
pub use options::{Ack, Credentials, OnGap, Options, ReplicaLabel, SnapshotForm, Start};
pub use position::{Lineage, Position, PositionError, ReplicationId};
pub use psync_request::{OnFull, PsyncRequest};
pub use server::{Product, Server, ServerError, Version};
pub use session::{Closed, Heartbeat, Progress, Session};
pub use touches::{Databases, Touch, TouchedKeys, Touches};
pub use wrapped::Wrapped;
