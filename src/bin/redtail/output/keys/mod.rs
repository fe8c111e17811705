//! Snapshots: one writer per format, fed with the items of a decoder.

pub(in crate::output) mod command;
pub(in crate::output) mod elements;
pub(in crate::output) mod emptying;
mod groups;
mod held_text;
pub(in crate::output) mod json;
mod key_facts;
mod loss;
mod non_keys;
mod object;
pub(in crate::output) mod resp;
pub(in crate::output) mod shared_names;
pub(in crate::output) mod text;
