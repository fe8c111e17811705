//! `--db`, `--command`, `--key`: which commands and keys are printed.

mod decision;
mod deletion;
mod event_filter;
mod glob;
mod items;
mod narrow;
mod parts;
mod split;
mod warn_once;

pub(crate) use decision::Decision;
pub(crate) use deletion::{TargetCommand, deletion, trimmed};
pub(crate) use event_filter::EventFilter;
pub(crate) use glob::Glob;
pub(crate) use items::ItemFilter;
pub(crate) use narrow::Narrowed;
pub(crate) use parts::PartFilter;
