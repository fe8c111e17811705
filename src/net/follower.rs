//! The blocking follower.
#![allow(missing_docs, unused_variables, clippy::todo, unused)]
use std::io;
use std::time::Duration;

use crate::replication::*;

/// Follows a primary, one event at a time.
pub struct Follower {}
/// Chooses how.
pub struct Builder {}
/// Works from other threads, also while an event is borrowed or a read blocks.
#[derive(Clone)]
pub struct Handle {}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The first connection could not be made.
    #[error("can't connect to {target}: {source}")]
    Connect { target: String, source: io::Error },
    #[error("{0}")]
    Address(String),
}

impl Follower {
    /// `host:port` or `unix:PATH`.
    pub fn builder(target: impl Into<String>) -> Builder {
        todo!()
    }
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Error> {
        todo!()
    }
    /// `Event::Idle` when nothing came in time.
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Event<'_>>, Error> {
        todo!()
    }
    /// Whether a whole event may still lie in the buffer (no read needed).
    pub fn is_drained(&self) -> bool {
        todo!()
    }
    pub fn position(&self) -> Option<Position> {
        todo!()
    }
    pub fn commit(&mut self, offset: u64) {
        todo!()
    }
    pub fn handle(&self) -> Handle {
        todo!()
    }
}
impl Builder {
    pub fn options(self, options: Options) -> Self {
        todo!()
    }
    pub fn start(self, start: Start) -> Self {
        todo!()
    }
    pub fn on_gap(self, on_gap: OnGap) -> Self {
        todo!()
    }
    pub fn ack(self, ack: Ack) -> Self {
        todo!()
    }
    pub fn allow_probe(self, yes: bool) -> Self {
        todo!()
    }
    pub fn retry_first(self, yes: bool) -> Self {
        todo!()
    }
    pub fn control(self, yes: bool) -> Self {
        todo!()
    }
    pub fn parts(self, threshold: Option<u64>) -> Self {
        todo!()
    }
    pub fn label(self, label: Label) -> Self {
        todo!()
    }
    pub fn reconnect(self, backoff: Backoff) -> Self {
        todo!()
    }
    pub fn user(self, user: impl Into<String>) -> Self {
        todo!()
    }
    pub fn password(self, password: impl Into<Vec<u8>>) -> Self {
        todo!()
    }
    pub fn connect(self) -> Result<Follower, Error> {
        todo!()
    }
}
impl Handle {
    pub fn stop(&self) {
        todo!()
    }
    pub fn heartbeat(&self) -> io::Result<()> {
        todo!()
    }
}
