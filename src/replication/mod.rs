//! Replication, without a socket, a clock or an allocation.
mod backoff;
mod error;
mod event;
mod options;
mod position;
mod session;

pub use backoff::Backoff;
pub use error::{SessionError, Stage};
pub use event::{
    Attached, Database, Disconnected, Event, ForkReason, Forking, Gap, Idle, Method, Role, Server, ServerKind,
    SnapshotBegin, SnapshotEnd, StreamCommand, StreamPart, Why,
};
pub use options::{Ack, Credentials, Label, OnGap, Options, Start};
pub use position::{Lineage, Position, PositionError, ReplicationId};
pub use session::{Closed, Heartbeat, Progress, Session};
