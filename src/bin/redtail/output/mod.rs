//! Standard output: events as text, as JSON, or as commands that servers load.

mod argument;
mod client_form;
mod command_keys;
mod dialect;
mod filtered;
mod format_writer;
pub(crate) mod frame;
mod gather;
mod json;
mod json_argument;
mod keys;
mod migrations;
mod payload_command;
mod position_mark;
mod printer;
mod quoting;
mod resp;
mod restored;
mod stream_context;
mod text;
mod unwrapped;

pub(crate) use keys::shared_names::SharedNames;
pub(crate) use position_mark::{CAUGHT_UP, PositionMark, read_source_mark};
pub(crate) use printer::Printer;
