//! The room `resp`: the parsers against a naive oracle, against recordings, and at every cut.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "resp/display.rs"]
mod display;
#[path = "resp/exhaustive.rs"]
mod exhaustive;
#[path = "resp/feed.rs"]
mod feed;
#[path = "resp/glob.rs"]
mod glob;
#[path = "resp/keys.rs"]
mod keys;
#[path = "resp/limits.rs"]
mod limits;
#[path = "resp/oracle.rs"]
mod oracle;
#[path = "resp/parts.rs"]
mod parts;
#[path = "resp/pitfalls.rs"]
mod pitfalls;
#[path = "resp/properties.rs"]
mod properties;
#[path = "resp/recordings.rs"]
mod recordings;
#[path = "resp/resume.rs"]
mod resume;
#[path = "resp/samples.rs"]
mod samples;
#[path = "resp/templates.rs"]
mod templates;
#[path = "resp/tokens.rs"]
mod tokens;
