//! The bridge between real servers, which are killed.

mod random;
mod servers;
mod single;
mod soak;
mod stream;
mod writer;
