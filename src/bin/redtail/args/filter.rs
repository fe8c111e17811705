//! What of the stream is printed.

use std::ffi::OsString;

use clap::Args;

/// Each narrows the output down; of one given several times one match is enough.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Print only what is about database N
    ///
    /// That is what comes while N is selected, FLUSHALL, what SWAPDB, MOVE and COPY write into it, and functions and scripts, which belong
    /// to none.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) db: Vec<u32>,

    /// Print only commands of this name: SET,DEL or 'XGROUP CREATE'
    ///
    /// Keys of a snapshot are no commands, and left out.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) command: Vec<String>,

    /// Print only what touches a key like this: 'user:*', h?llo, [a-c]*
    ///
    /// The patterns of KEYS and SCAN, with [^x] for any byte but x, and \ before a byte that is meant as it is. FLUSHALL, FLUSHDB and SWAPDB
    /// touch all keys and pass. So do commands that no server of today has, such as those of modules: nobody knows their keys, which is
    /// said once for each. A command is printed whole, with the keys that do not match. A transaction is printed with what passes of it,
    /// and not at all if nothing does.
    #[arg(long, value_name = "GLOB")]
    pub(crate) key: Vec<OsString>,
}

impl Filter {
    /// Something may be kept back.
    pub(crate) fn is_any(&self) -> bool {
        !self.db.is_empty() || !self.command.is_empty() || !self.key.is_empty()
    }

    /// What can't be meant.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let is_name = |name: &String| (1..=2).contains(&name.split(['|', ' ']).filter(|word| !word.is_empty()).count());
        if !self.command.iter().all(is_name) {
            return Err(
                "--command takes the name of a command, or that of a container and a subcommand: SET, 'XGROUP CREATE', xgroup|create",
            );
        }
        Ok(())
    }
}
