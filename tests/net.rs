//! The room `net`: buffer, links, readers.
#![cfg(feature = "std")]
#![allow(non_snake_case, reason = "names of tests read area__behaviour")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

#[macro_use]
#[path = "help/playback.rs"]
mod playback;

#[macro_use]
#[path = "help/options.rs"]
mod options;

#[path = "net/append_only.rs"]
mod append_only;
#[path = "net/buffered_session.rs"]
mod buffered_session;
#[path = "net/checkpoint.rs"]
mod checkpoint;
#[path = "net/compressed.rs"]
mod compressed;
#[path = "net/databases.rs"]
mod databases;
#[path = "help/folder.rs"]
mod folder;
#[path = "net/readers.rs"]
mod readers;
#[path = "net/receive_buffer.rs"]
mod receive_buffer;
#[path = "net/recorded.rs"]
mod recorded;
#[path = "net/recording/mod.rs"]
mod recording;
#[path = "help/refusing.rs"]
mod refusing;
#[path = "net/replay.rs"]
mod replay;
#[path = "net/snapshot_file.rs"]
mod snapshot_file;
#[path = "net/talk.rs"]
mod talk;
#[path = "net/transport.rs"]
mod transport;

impl folder::Folder {
    /// The path of a file in it.
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}
