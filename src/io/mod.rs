//! Bytes from any source, without sockets: the receive buffer, readers over [`Read`](std::io::Read), append-only files,
//! recordings, checkpoints and snapshots in files.
//!
//! | purpose | items |
//! | --- | --- |
//! | a session for event loops and asynchronous code | [`BufferedSession`], [`Step`], [`ReceiveBuffer`], [`SpaceError`], [`BufferFull`] |
//! | RESP from any source | [`FrameReader`], [`CommandReader`], [`RequestReader`], [`PartsReader`], [`Spanned`], [`ReadError`] |
//! | snapshots | [`SnapshotReader`], [`TemplateBuffer`], [`SnapshotFile`], [`SnapshotFileError`] |
//! | append-only files | [`AppendOnly`], [`AppendOnlyFile`], [`FileEvent`], [`FileKind`], [`Unfinished`], [`UnfinishedKind`], [`Manifest`], [`Listed`], [`AppendOnlyError`], [`ManifestError`] |
//! | saved positions | [`Checkpoint`], [`CheckpointFile`], [`CheckpointPosition`], [`Saved`], [`CheckpointError`] |
//! | recordings | [`RecordingReader`], [`recording`] |
//! | compressed files | [`DecompressReader`], [`MAX_WINDOW`], [`CompressionError`], [`CompressionErrorKind`] |

mod append_only;
mod atomic_file;
mod buffered_reader;
mod buffered_session;
mod checkpoint;
mod compression;
mod random;
mod readers;
mod receive_buffer;
pub mod recording;
mod snapshot_file;
mod snapshot_reader;
mod template_buffer;

pub use append_only::{
    AppendOnly, AppendOnlyError, AppendOnlyFile, FileEvent, FileKind, Listed, Manifest, ManifestError, Unfinished,
    UnfinishedKind,
};
pub use buffered_reader::ReadError;
pub use buffered_session::{BufferedSession, SpaceError, Step};
pub(crate) use checkpoint::sealed;
pub use checkpoint::{Checkpoint, CheckpointError, CheckpointFile, CheckpointPosition, Saved};
pub use compression::{CompressionError, CompressionErrorKind, DecompressReader, MAX_WINDOW};
pub(crate) use random::random;
pub use readers::{CommandReader, FrameReader, PartsReader, RequestReader, Spanned};
pub use receive_buffer::{BufferFull, ReceiveBuffer};
pub use recording::RecordingReader;
pub use snapshot_file::{SnapshotFile, SnapshotFileError};
pub use snapshot_reader::SnapshotReader;
pub use template_buffer::TemplateBuffer;
