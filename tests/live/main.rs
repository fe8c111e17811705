//! Tests against real servers. They need `tests/servers`, and are ignored by default: `tests/run` runs all of them.

#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "what the operator's hour uses"))]

#[macro_use]
#[path = "../help/options.rs"]
mod options;
#[path = "../help/cargo.rs"]
mod cargo;
#[path = "../help/contract.rs"]
mod contract;
#[path = "../help/refusing.rs"]
mod refusing;

mod append_only;
mod checkpoint;
mod client;
mod client_form;
mod cluster;
mod commands;
mod commits;
mod compare;
mod copy;
mod dialect;
mod doctor;
#[cfg(unix)]
mod documented;
mod drift;
mod failover;
mod filters;
mod first_write;
mod follow;
mod harness;
mod help;
mod liveness;
mod load;
mod load_cluster;
mod load_guards;
mod memory;
mod migrate;
mod million;
mod moving;
#[cfg(target_os = "linux")]
mod operator;
mod presence;
mod promotion;
mod proxy;
mod quiet;
mod rebuild;
mod record;
mod refusals;
mod replies;
mod restart;
mod resume;
mod save;
mod sentinel;
mod server;
mod silence;
mod snapshots;
mod starts;
mod state;
mod stats;
mod stream;
mod tail;
mod target;
mod templates;
#[cfg(feature = "tls")]
mod tls;
mod tool;
mod watching;
mod workload;
