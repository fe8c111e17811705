//! The snapshot decoder against an oracle without limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

mod build;
mod corpus;
mod dump;
mod encodings;
mod expectations;
mod hostile;
mod oracle;
mod run;
#[cfg(feature = "cli")]
mod tool;
mod whole;
