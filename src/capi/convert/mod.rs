//! Values of the library as values of the header.

pub(super) mod event;
mod rdb_item;
pub(super) mod status;
