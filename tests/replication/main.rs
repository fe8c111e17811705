//! The session, without a socket.

mod corpus;
mod deadlines;
mod handshake;
mod hostile;
mod loss;
mod shell;
