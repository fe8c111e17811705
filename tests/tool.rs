//! The command-line tool, run as a person runs it. No server is needed.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_imports, reason = "what the tests for Linux and Unix use")
)]

#[macro_use]
#[path = "help/playback.rs"]
mod playback;

#[path = "tool/append_only.rs"]
mod append_only;
#[path = "tool/caught_up.rs"]
mod caught_up;
#[path = "tool/checkpoint.rs"]
mod checkpoint;
#[path = "tool/cluster.rs"]
mod cluster;
#[path = "tool/command_keys.rs"]
mod command_keys;
#[path = "tool/compare.rs"]
mod compare;
#[path = "tool/compressed.rs"]
mod compressed;
#[path = "help/contract.rs"]
mod contract;
#[path = "tool/corpus.rs"]
mod corpus;
#[path = "tool/decode.rs"]
mod decode;
#[path = "tool/dialect.rs"]
mod dialect;
#[path = "tool/doctor.rs"]
mod doctor;
#[path = "tool/doctor_cluster.rs"]
mod doctor_cluster;
#[path = "tool/doctor_remedies.rs"]
mod doctor_remedies;
#[path = "tool/doctor_sentinels.rs"]
mod doctor_sentinels;
#[path = "tool/filters.rs"]
mod filters;
#[path = "help/folder.rs"]
mod folder;
#[path = "help/listening.rs"]
mod listening;
#[path = "tool/load.rs"]
mod load;
#[path = "tool/manual.rs"]
mod manual;
#[path = "tool/memory.rs"]
mod memory;
#[path = "help/nodes.rs"]
mod nodes;
#[path = "tool/record.rs"]
mod record;
#[path = "help/refusing.rs"]
mod refusing;
#[path = "tool/replay.rs"]
mod replay;
#[path = "tool/restored.rs"]
mod restored;
#[path = "tool/rreplay.rs"]
mod rreplay;
#[path = "tool/run.rs"]
mod run;
#[path = "tool/save.rs"]
mod save;
#[path = "tool/schema.rs"]
mod schema;
#[cfg(feature = "tls")]
#[path = "tool/sentinel_tls.rs"]
mod sentinel_tls;
#[path = "tool/signals.rs"]
mod signals;
#[path = "tool/snapshots.rs"]
mod snapshots;
#[path = "tool/stats.rs"]
mod stats;
#[path = "tool/tail.rs"]
mod tail;
#[path = "tool/target_filters.rs"]
mod target_filters;
#[path = "tool/usage.rs"]
mod usage;
#[path = "tool/watching.rs"]
mod watching;
