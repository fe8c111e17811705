//! The sans-I/O heart: shown unread bytes and the time, it answers with events, bytes to send, and when to be asked again.
use crate::replication::*;
/// See the module.
#[derive(Debug)]
pub struct Session {}

/// What [`Session::poll`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// An event: take it with [`Session::event`], from the same bytes; then drop [`Session::consumed`] bytes.
    Event,
    /// Nothing more in these bytes: drop [`Session::consumed`] bytes, send what is to be sent, read more, and poll again at the
    /// latest at [`Session::deadline_ms`].
    Space {
        /// The least number of further bytes that can complete anything: the buffer must have room for them.
        at_least: usize,
    },
    /// Drop the link, wait so many milliseconds, connect again, and call [`Session::connected`].
    Reconnect {
        /// Milliseconds to wait; 0: at once.
        after_ms: u64,
    },
    /// Over, for this reason; drop the link.
    Failed(SessionError),
    /// Over: the primary closed the connection and reconnection is off.
    Ended,
}
/// How a link ended, as the shell saw it.
#[derive(Debug, Clone, Copy)]
pub enum Closed<'a> {
    /// The other side closed it.
    ByPeer,
    /// It could not be made, or reading or writing failed: the system's words.
    Failed(&'a str),
}
#[allow(clippy::unused_self, unused_variables, missing_docs, clippy::todo, clippy::needless_pass_by_value)]
impl Session {
    /// Times are milliseconds of one clock that never runs backwards.
    pub fn new(options: Options) -> Self {
        todo!()
    }
    /// For recorded bytes: nothing is sent; begins with what follows PSYNC or SYNC. `offset`: the replication offset before the first stream byte where `+CONTINUE` does not tell it.
    pub fn recorded(options: Options, offset: Option<u64>) -> Self {
        todo!()
    }
    pub fn connected(&mut self, credentials: Credentials<'_>, now_ms: u64) {
        todo!()
    }
    pub fn closed(&mut self, how: Closed<'_>, now_ms: u64) {
        todo!()
    }
    /// A read was tried just now and nothing came.
    pub fn silent(&mut self, now_ms: u64) {
        todo!()
    }
    /// The time stamp for what has just been received (`received_ms` of events), e.g. milliseconds since 1970.
    pub fn stamp(&mut self, received_ms: u64) {
        todo!()
    }
    pub fn poll(&mut self, input: &[u8], now_ms: u64) -> Progress {
        todo!()
    }
    pub fn event<'a>(&'a self, input: &'a [u8]) -> Event<'a> {
        todo!()
    }
    pub fn consumed(&self) -> usize {
        todo!()
    }
    pub fn to_send(&self) -> &[u8] {
        todo!()
    }
    pub fn sent(&mut self, count: usize) {
        todo!()
    }
    pub fn deadline_ms(&self) -> u64 {
        todo!()
    }
    pub fn position(&self) -> Option<Position> {
        todo!()
    }
    /// The offset committed by the caller, for Ack::Applied.
    pub fn commit(&mut self, offset: u64) {
        todo!()
    }
    /// What an acknowledgement would say now: None where none may be sent (not attached).
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        todo!()
    }
}
/// What keeps the link alive at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// A bare newline, while a snapshot comes.
    Newline,
    /// `REPLCONF ACK` with this offset.
    Ack(u64),
}
