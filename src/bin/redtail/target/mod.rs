//! The server to follow: address, credentials, TLS, Sentinels.

pub(crate) mod address;
pub(crate) mod claim;
mod command_forms;
pub(crate) mod command_specs;
pub(crate) mod credentials;
pub(crate) mod endpoint;
pub(crate) mod introduction;
pub(crate) mod node;
pub(crate) mod offset;
pub(crate) mod primaries;
pub(crate) mod probe_error;
pub(crate) mod redirect;
