//! Filters: which commands and keys are printed.

use std::ffi::OsString;

use clap::Args;

/// All filters must match. Of a filter given several times, one match is enough.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Print only commands and keys of database N
    ///
    /// FLUSHALL is included, and so are SWAPDB, MOVE and COPY into N. Functions and scripts belong to no database and
    /// are always printed. With --format resp only the part of such a command that concerns N is printed.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) db: Vec<u32>,

    /// Print only commands with this name: SET,DEL or 'XGROUP CREATE'
    ///
    /// Keys of a snapshot are not commands, and are left out. A KeyDB active replica wraps every write in RREPLAY: the
    /// names are those of the commands inside.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) command: Vec<String>,

    /// Print no commands with this name: PUBLISH, 'XGROUP CREATE'
    ///
    /// A command is printed if --command selects it, or is not given, and --not-command does not name it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) not_command: Vec<String>,

    /// Print only commands on keys that match the pattern: 'user:*', h?llo, [a-c]*
    ///
    /// The patterns are those of KEYS and SCAN: [^x] is any byte but x, and \ escapes a byte. FLUSHALL, FLUSHDB and
    /// SWAPDB touch all keys and are always printed. The followed server is asked once for the keys of each unknown
    /// command (COMMAND INFO). If they depend on its arguments, the server is asked once for each form of the command
    /// (COMMAND GETKEYSANDFLAGS, from 7.0 on; not for a command of several MiB). Commands that it does not describe are
    /// printed too, with one warning per command. A command is printed with all its keys. A transaction is printed
    /// without the commands that do not match, and is left out if none matches.
    ///
    /// With --format resp nothing else is touched in the target: DEL a user:1 becomes DEL user:1, FLUSHALL deletes the
    /// matching keys, and commands with unknown keys are left out. A matching key whose value depends on other keys is
    /// deleted, with a warning.
    #[arg(long, value_name = "GLOB")]
    pub(crate) key: Vec<OsString>,

    /// Leave out keys that match the pattern, and commands whose keys all do: 'cache:*'
    ///
    /// Commands without keys, on all keys and with unknown keys are printed. For --format text and json.
    #[arg(long, value_name = "GLOB")]
    pub(crate) not_key: Vec<OsString>,
}

impl Filter {
    /// Whether any filter is set.
    pub(crate) fn is_any(&self) -> bool {
        let names = [&self.command, &self.not_command];
        let keys = [&self.key, &self.not_key];
        !self.db.is_empty() || names.iter().any(|it| !it.is_empty()) || keys.iter().any(|it| !it.is_empty())
    }

    /// Refuses names that no command has.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_name = |name: &String| (1..=2).contains(&name.split(['|', ' ']).filter(|word| !word.is_empty()).count());
        for (option, names) in [("--command", &self.command), ("--not-command", &self.not_command)] {
            if !names.iter().all(is_name) {
                return Err(format!(
                    "{option} takes the name of a command, or of a command and its subcommand: SET, 'XGROUP CREATE', \
                     xgroup|create"
                ));
            }
        }
        Ok(())
    }
}
