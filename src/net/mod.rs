//! The blocking shell.

mod append_only;
mod builder;
mod feed;
mod follower;
mod handle;
mod owned;
mod reader;
pub mod recording;
mod ring;
mod snapshot;
mod socket;
mod talk;
mod taped;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use append_only::{
    AppendOnly, AppendOnlyError, AppendOnlyFile, FileEvent, FileKind, Listed, Manifest, ManifestError, Unfinished, What,
};
pub use builder::Builder;
pub use feed::ReadError;
pub use follower::{Error, Events, Follower, Login};
pub use handle::Handle;
pub use owned::{OwnedCommand, OwnedContent, OwnedEvent, OwnedItem, OwnedPart};
pub use reader::{CommandReader, FrameReader, PartsReader, Placed};
pub use recording::RecordingReader;
pub use ring::{Full, Ring};
pub use snapshot::SnapshotReader;
pub use socket::{Socket, Timeouts};
pub use talk::{Answer, Talk, TalkError};
pub use target::{Target, TargetError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsStream, Verify};
pub use transport::{Remote, Transport};
