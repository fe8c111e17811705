//! `redtail compare`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::args::fact::{Facts, ONE_SERVER, SENTINELS, TLS_IN_ADDRESS, either};
use crate::args::scheme::Scheme;
use crate::args::server::Server;

const COMPARE_EXAMPLES: &str = "\
Examples:
  After a move:
    redtail compare old:6379 new:6379
  A part of the keys:
    redtail compare old:6379 new:6379 --db 0 --key 'user:*'
  Two clusters; one node of each is enough:
    redtail compare old:7000 new:7000

Every key is read from both (SCAN, DUMP, PTTL), and its type, its value and its
time of expiry are compared. The versions of the servers may differ. A key that
differs is asked again up to 5 times, a second apart, since a write arrives
later in the target. Keys that still differ are printed, one per line:
  missing DB KEY, extra DB KEY, different DB KEY (what differs)

The user of each server needs
  +scan +dump +pttl +exists +select +info +ping +cluster|slots, and all keys.

Exit codes: 0 equal, 1 different, 2 failed or wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct Compare {
    /// The server that the keys come from, written as TARGET; TLS needs rediss:// before it
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) source: String,

    #[command(flatten)]
    pub(crate) server: Server,

    /// The file with the password of SOURCE; without it REDTAIL_SOURCE_PASSWORD is read
    #[arg(long, value_name = "FILE")]
    pub(crate) source_password_file: Option<PathBuf>,

    /// Compare only keys of database N
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = "Filters")]
    pub(crate) db: Vec<u32>,

    /// Compare only keys that match the pattern: 'user:*', h?llo, [a-c]*
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) key: Vec<OsString>,

    /// Leave out keys that match the pattern: 'cache:*'
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) not_key: Vec<OsString>,

    /// The key of `redtail load`, in database 0, which is left out
    #[arg(long, value_name = "KEY", default_value = "redtail:position")]
    pub(crate) position_key: String,
}

impl Compare {
    pub(super) fn facts(&self) -> Facts {
        let source = Scheme::split(&self.source).unwrap_or_default().0;
        self.server.facts()
            | ONE_SERVER
            | either(source.tls, TLS_IN_ADDRESS, 0)
            | either(source.sentinels, SENTINELS, 0)
    }
}
