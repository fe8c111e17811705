//! Which server, and who we are to it.

use std::path::PathBuf;

use clap::Args;

/// What every verb that talks to a server asks for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// host:port, redis://[user:password@]host[:port], unix:PATH, or redis+sentinel://host[:port],host[:port]/name
    ///
    /// The last is the primary that these Sentinels call by that name: they are asked anew for each link, so that a follower goes
    /// on at the new primary after a failover. User and password are those of the servers.
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

    /// The ACL user of the Sentinels
    #[arg(long, value_name = "NAME", help_heading = "Sentinel")]
    pub(crate) sentinel_user: Option<String>,

    /// A file with the password of the Sentinels; or in the environment, REDTAIL_SENTINEL_PASSWORD
    #[arg(long, value_name = "FILE", help_heading = "Sentinel")]
    pub(crate) sentinel_password_file: Option<PathBuf>,

    /// Follow a replica in good order, if there is one, to spare the primary: with Sentinels, and with tail --cluster
    #[arg(long, help_heading = "Sentinel")]
    pub(crate) prefer_replica: bool,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: super::tls::Tls,
}
