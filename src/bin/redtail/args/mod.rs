//! The command line.

mod arguments;
mod compare;
mod decode;
mod doctor;
mod fact;
mod filter;
mod follow;
mod load;
mod manual;
mod output;
mod parse;
mod record;
mod replay;
mod rules;
mod scheme;
mod server;
mod shell;
mod snapshot;
mod suggested;
mod tail;
#[cfg(feature = "tls")]
mod tls;
mod watch;

pub(crate) use arguments::{Arguments, Verb, wrong_usage};
pub(crate) use compare::Compare;
pub(crate) use decode::Decode;
pub(crate) use doctor::Doctor;
pub(crate) use fact::{ANY_FILE, BARE_RECORDING, COMMANDS, COMPRESSED, DIRECTORY, DUMP, Facts, RECORDING, either};
pub(crate) use filter::Filter;
pub(crate) use follow::{Follow, SnapshotTo};
pub(crate) use load::{Load, OnError};
pub(crate) use manual::{Completions, Man};
pub(crate) use output::{Output, OutputFormat};
pub(crate) use parse::survive;
pub(crate) use record::Record;
pub(crate) use replay::{Replay, Speed};
pub(crate) use scheme::Scheme;
pub(crate) use server::Server;
pub(crate) use shell::quoted;
#[cfg(feature = "tls")]
pub(crate) use tls::Tls;
pub(crate) use watch::Watch;
