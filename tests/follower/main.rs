//! The blocking follower against servers of our own making, over loopback.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

#[macro_use]
#[path = "../help/options.rs"]
mod options;

#[path = "../help/refusing.rs"]
mod refusing;

mod hostile;
mod peer;
mod shell;
