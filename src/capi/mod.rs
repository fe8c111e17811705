//! redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
//!
//! There are five interfaces. Choose one:
//!
//!   follower   connects, reconnects and resumes: one blocking call per event.
//!   cluster    a follower for each shard of a cluster, on threads of the library, with callbacks.
//!   session    the replication protocol over your own socket and event loop.
//!   parser     RESP2 and RESP3 (the protocol of commands and replies) over bytes that you hold.
//!   rdb        snapshots (RDB files) over bytes that you hold. A dump is the same for the payload of a RESTORE.
//!
//! These rules hold for every function, unless its comment says otherwise.
//!
//! STATUS. Functions return an int. 0 (REDTAIL_OK) is success. Numbers above 0 are other outcomes, such as "more
//! bytes are needed". Numbers below 0 are errors; redtail_..._message() describes them. The numbers never change.
//!
//! HANDLES are opaque. _new creates a handle and _free destroys it. _new returns NULL only if memory is exhausted.
//! If the options are invalid, every later call on the handle returns that error, and the handle has its message.
//!
//! POINTERS. NULL for a required pointer gives REDTAIL_ERROR_ARGUMENT, and so does a length that exceeds memory.
//! _free(NULL) does nothing. Misaligned pointers are rejected like NULL. Output parameters are last. They are
//! written only if the call returns a status for which the comment says so.
//!
//! CONST. A call with a const handle does not change the handle. All other calls may change it, at least its message.
//!
//! TEXT AND BYTES. Text that you pass (addresses, positions, reasons) is UTF-8 and ends with NUL. Bytes are a pointer
//! and a length. The library reads arguments during the call and does not keep the pointers, except for the input of
//! a parser or RDB decoder and the payload of a redtail_dump. A redtail_slice that you receive is not NUL-terminated.
//! Its data pointer is NULL only if the slice is absent, never for an empty slice.
//!
//! LIFETIMES. Data that you receive belongs to the handle. The data is valid until the next call that requests an item
//! or event from the handle, or frees the handle: _next, _next_timeout, _batch, _free; for a session also _space,
//! _connected, _disconnected. Comments name the exceptions. "Static" text is valid while the library is loaded.
//!
//! MESSAGES. A failure sets the message of the handle. Some events and items also set it; their comments say so. The
//! next call that requests an item or event removes the message: it is then "". The text that a _message function
//! returns is valid until the next call on the handle.
//!
//! STRUCTS that you fill begin with struct_size: set it to sizeof the struct. 0 and NULL always select the default.
//! Later versions add fields at the end. A library accepts structs of older headers. It rejects structs of newer
//! headers with REDTAIL_ERROR_ARGUMENT. Structs that the library fills are pointers to const. Later versions add fields
//! at their end, and new kinds of events and items: ignore unknown kinds. redtail_slice, redtail_position and
//! redtail_server never change.
//!
//! THREADS. Only one thread at a time may use a handle, but not always the same thread. Exceptions are redtail_handle,
//! redtail_cluster and redtail_shard, which several threads may use at once. Different handles share nothing.
//! "Any thread" marks functions that several threads may call at once.
//!
//! PROCESS. The library changes no signal handler, signal mask, locale, umask, directory or environment variable. A
//! lost connection raises no SIGPIPE. All descriptors are closed by exec. Threads of the library inherit the signal
//! mask of the thread that creates them. If your own threads are to handle signals, block signals before
//! redtail_cluster_follow.
//!
//! FORK. A forked child must not use the handles of its parent, because it shares the parent's connections: only exec
//! and _exit are safe. In a child the functions of redtail_handle and redtail_cluster return REDTAIL_ERROR_STATE, as do
//! _target, _slots and _position of a redtail_shard. _free of a follower, cluster or primary does nothing. A child may
//! create handles of its own.
//!
//! FAULTS. A bug in the library does not unwind into your program. The call returns REDTAIL_ERROR_PANIC, and the
//! message contains the file and line. From then on the handle always returns that status. Free it.
#![allow(
    unsafe_code,
    non_camel_case_types,
    clippy::missing_safety_doc,
    clippy::enum_variant_names,
    clippy::needless_doctest_main,
    rustdoc::broken_intra_doc_links,
    reason = "this is the C face: its names are the header's, and the header's comments say what each pointer may be"
)]

mod array;
pub mod basics;
mod boundary;
pub mod callbacks;
mod chosen_options;
pub mod cluster;
pub mod command_name;
pub mod command_specs;
mod convert;
pub mod decompress;
pub mod discovery;
pub mod dump;
pub mod encode;
pub mod error_kind;
pub mod event;
pub mod follower;
mod given_args;
pub mod handle;
pub mod item;
pub mod key_finder;
pub mod keys;
mod limits;
mod login;
pub mod migration;
mod names;
pub mod notice;
pub mod options;
pub mod parser;
pub mod position;
pub mod primary;
pub mod rdb;
pub mod rdb_item;
pub mod sentinel;
pub mod server;
pub mod session;
pub mod shard;
mod structs;
mod text;
pub mod tls;
pub mod tokens;
mod view;
pub mod wrapped;
