//! The command-line tool, run as a person runs it. No server is needed.
#![cfg(feature = "cli")]

#[path = "tool/corpus.rs"]
mod corpus;
#[path = "tool/decode.rs"]
mod decode;
#[path = "tool/run.rs"]
mod run;
#[path = "tool/tail.rs"]
mod tail;
#[path = "tool/usage.rs"]
mod usage;
