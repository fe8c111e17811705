//! The blocking follower against servers of our own making, over loopback.

mod hostile;
mod peer;
mod shell;
