//! The blocking follower against servers of our own making, over loopback.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

#[macro_use]
#[path = "../help/options.rs"]
mod options;

#[cfg(target_os = "linux")]
#[path = "../help/full.rs"]
mod full;
#[path = "../help/refusing.rs"]
mod refusing;

mod hostile;
mod peer;
mod shell;
