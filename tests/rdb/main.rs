//! The snapshot decoder, against an oracle that knows no bounds.

#![allow(clippy::unwrap_used)]

mod build;
mod corpus;
mod encodings;
mod hostile;
mod oracle;
mod run;
#[cfg(feature = "cli")]
mod tool;
mod whole;
