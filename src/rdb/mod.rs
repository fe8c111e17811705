//! The servers' snapshot format, as far as a follower needs it: the head.

mod head;

pub use head::Head;
