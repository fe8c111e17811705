//! Standard error, and the capabilities of the terminal.

pub(crate) mod capability;
pub(crate) mod color;
pub(crate) mod line_start;
pub(crate) mod log;
pub(crate) mod progress;
pub(crate) mod status;
