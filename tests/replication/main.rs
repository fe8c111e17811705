//! The session, without a socket.

mod corpus;
mod handshake;
mod hostile;
mod loss;
mod shell;
