//! The server, and the credentials for it.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::args::fact::{Facts, NO_TLS, SENTINELS, SERVER, TLS_IN_ADDRESS, UNIX, either};
#[cfg(feature = "tls")]
use crate::args::fact::{SENTINEL_TLS, TLS};
use crate::args::scheme::Scheme;

/// The options of every verb that connects to a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// [user@]host:port, redis://[user[:password]@]host[:port], unix:PATH, or redis+sentinel://host,host/name
    ///
    /// rediss:// is redis:// with TLS; valkey:// and valkeys:// mean the same. With one of them, or with user@, the
    /// default port is 6379. The user can have a password in a file, or in the environment.
    ///
    /// With redis+sentinel:// the Sentinels are asked for the primary of that name before each connect. `tail` and
    /// `record` continue at the new primary after a failover; `load` and `compare` end with the lost connection. User
    /// and password are for the servers, not for the Sentinels.
    ///
    /// Everyone on this machine can see a password on a command line. Use --password-file, or the environment variable
    /// REDTAIL_PASSWORD or REDISCLI_AUTH. The environment is read if neither the target nor an option has the password.
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) target: String,

    /// The ACL user to log in as
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// The file with the password; a newline at its end is ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Ask for the password on the terminal
    ///
    /// The terminal does not show it. It is asked for once, and used for each connect of the run.
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) ask_password: bool,

    /// The ACL user of the Sentinels
    #[arg(long, value_name = "NAME", help_heading = "Sentinel")]
    pub(crate) sentinel_user: Option<String>,

    /// The file with the password of the Sentinels; without it REDTAIL_SENTINEL_PASSWORD is read
    #[arg(long, value_name = "FILE", help_heading = "Sentinel")]
    pub(crate) sentinel_password_file: Option<PathBuf>,

    /// With Sentinels or tail --cluster: follow a healthy replica if there is one
    #[arg(long, help_heading = "Sentinel")]
    pub(crate) prefer_replica: bool,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: super::tls::Tls,
}

impl Server {
    pub(super) fn facts(&self) -> Facts {
        let scheme = Scheme::split(&self.target).unwrap_or_default().0;
        let kind = match () {
            () if scheme.sentinels => SENTINELS,
            () if self.target.starts_with("unix:") => UNIX,
            () => SERVER,
        };
        #[cfg(feature = "tls")]
        let (tls, to_sentinels) =
            (either(self.tls.is_wanted(), TLS, NO_TLS), either(self.tls.sentinel_tls, SENTINEL_TLS, 0));
        #[cfg(not(feature = "tls"))]
        let (tls, to_sentinels) = (NO_TLS, 0);
        kind | either(scheme.tls, TLS_IN_ADDRESS, tls) | to_sentinels
    }
}
