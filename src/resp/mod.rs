//! RESP2 and RESP3.
// Interim shapes until the parser lands.
use core::fmt;
#[derive(Debug, Clone, Copy)]
/// c
pub struct Command<'a>(pub &'a [u8]);
impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
#[derive(Debug, Clone, Copy)]
/// p
pub enum Part<'a> {
    /// x
    Piece(&'a [u8]),
}
