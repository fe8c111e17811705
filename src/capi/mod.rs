//! redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
//!
//! Four things, from the bottom up; take the one that fits:
//!
//!   parser     RESP2 and RESP3 over bytes that you hold; and, for snapshots, rdb
//!   session    the replication protocol over your own socket and event loop
//!   follower   sockets, reconnection and waiting included: one blocking call per event
//!   cluster    a follower for each shard of a cluster, on threads of ours, which call you
//!
//! What holds for every function, unless its comment says otherwise:
//!
//! STATUS. Functions return an int: 0 (REDTAIL_OK) success; above 0 not an error but a different outcome, such as "needs more
//! bytes"; below 0 an error, of which redtail_..._message() gives the words. The numbers never change.
//!
//! HANDLES are opaque, made by _new and given back with _free. _new gives NULL only if there is no memory: a handle exists before
//! anything can fail, so that every failure has a message. After wrong options each call on the handle gives their error.
//!
//! POINTERS. NULL where a pointer is required gives REDTAIL_ERROR_ARGUMENT, and so do lengths no memory can have. _free(NULL) does
//! nothing. Pointers that are not aligned as their type is are treated as NULL. Out parameters come last and are written only together with a status of 0 or above that the comment names.
//!
//! TEXT AND BYTES. Text that you pass (addresses, positions, reasons) ends with NUL and is UTF-8; bytes are a pointer and a length.
//! What you pass is read during the call and not kept, but for what the parser is shown. What you receive as redtail_slice has no NUL
//! behind it. A slice that is there has a data pointer that is not NULL, even if it is empty.
//!
//! LIFETIMES. What you receive belongs to the handle. It lives until the next call on this handle that asks for the next thing
//! (_next, _next_timeout, _batch, _free; for a session also _space, _connected, _disconnected), unless a comment says otherwise. Messages
//! live until the next call on the handle.
//!
//! STRUCTS that you fill begin with struct_size: set it to sizeof the struct. In them 0 and NULL always mean the default. Later versions
//! add fields at the end: a library accepts the structs of older headers, and refuses those of newer ones with
//! REDTAIL_ERROR_ARGUMENT. Structs that we fill reach you as pointers to const; later versions add fields at the end and kinds of events,
//! which you should ignore. redtail_slice and redtail_position stay as they are.
//!
//! THREADS. A handle may be used by one thread at a time, whichever it is. Only redtail_handle, redtail_cluster and redtail_shard may be
//! used by several at once. Handles share nothing.
//!
//! FAULTS. A bug in this library does not unwind into your program: the call gives REDTAIL_ERROR_PANIC, the message names file and line,
//! and the handle gives that status from then on. Free it.
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
mod convert;
pub mod discovery;
pub mod encode;
pub mod error_kind;
pub mod event;
pub mod follower;
mod given_args;
pub mod handle;
pub mod item;
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
pub mod session;
pub mod shard;
mod structs;
mod text;
pub mod tls;
mod view;
