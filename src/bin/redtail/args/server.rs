//! Which server, and who we are to it.

use std::path::PathBuf;

use clap::Args;

/// What every verb that talks to a server asks for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// host:port, redis://[user:password@]host[:port] or unix:PATH
    ///
    /// Everyone on this machine can see a password on a command line: better give it with --password-file, or in the environment
    /// as REDTAIL_PASSWORD or REDISCLI_AUTH.
    pub(crate) target: String,

    /// The ACL user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// A file with the password (a newline at its end does not count)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: super::tls::Tls,
}
