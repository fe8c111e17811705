//! `--db`, `--command`, `--key`: which commands and keys are printed.

mod decision;
mod event_filter;
mod glob;
mod items;
mod parts;
mod warn_once;

pub(crate) use decision::Decision;
pub(crate) use event_filter::EventFilter;
pub(crate) use items::ItemFilter;
pub(crate) use parts::PartFilter;
