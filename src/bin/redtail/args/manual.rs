//! `redtail completions` and `redtail man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  bash:  redtail completions bash >~/.local/share/bash-completion/completions/redtail
  zsh:   redtail completions zsh >\"${fpath[1]}/_redtail\"
  fish:  redtail completions fish >~/.config/fish/completions/redtail.fish

`make install-tool` installs them for all users.";

const MAN_EXAMPLES: &str = "\
Examples:
  redtail man | man -l -
  redtail man ~/.local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct Man {
    /// Write one page per verb into this folder: redtail.1, redtail-tail.1 and so on
    pub(crate) folder: Option<PathBuf>,
}
