//! The server, and the credentials for it.

use std::path::PathBuf;

use clap::Args;

/// The options of every verb that connects to a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// host:port, redis://[user:password@]host[:port], unix:PATH, or redis+sentinel://host[:port],host[:port]/name
    ///
    /// With redis+sentinel:// the Sentinels are asked for the primary of that name before each connect. The run then
    /// continues at the new primary after a failover. User and password are for the servers, not for the Sentinels.
    ///
    /// Everyone on this machine can see a password on a command line. Use --password-file, or the environment variable
    /// REDTAIL_PASSWORD or REDISCLI_AUTH.
    pub(crate) target: String,

    /// The ACL user to log in as
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// The file with the password; a newline at its end is ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// The ACL user of the Sentinels
    #[arg(long, value_name = "NAME", help_heading = "Sentinel")]
    pub(crate) sentinel_user: Option<String>,

    /// The file with the password of the Sentinels; or set REDTAIL_SENTINEL_PASSWORD
    #[arg(long, value_name = "FILE", help_heading = "Sentinel")]
    pub(crate) sentinel_password_file: Option<PathBuf>,

    /// With Sentinels or tail --cluster: follow a healthy replica if there is one
    #[arg(long, help_heading = "Sentinel")]
    pub(crate) prefer_replica: bool,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: super::tls::Tls,
}
