//! `redtail completions` and `redtail man`, generated from the definition of the arguments.

use std::fs;
use std::io::{self, Write};

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args;
use crate::args::{Arguments, Completions};
use crate::failure::Failure;

pub(crate) fn completions(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "redtail", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

pub(crate) fn man(options: &args::Man) -> Result<(), Failure> {
    let mut tool = Arguments::command().disable_help_subcommand(true);
    // Passes inherited settings and the full command name on to the verbs.
    tool.build();
    let Some(folder) = &options.folder else {
        return Ok(io::stdout().lock().write_all(&page(tool)?.1)?);
    };
    let verbs: Vec<Command> = tool.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    for command in verbs.into_iter().chain([tool]) {
        let (name, page) = page(command)?;
        let file = folder.join(name);
        let written = fs::write(&file, page);
        written.map_err(|error| Failure::Message(format!("can't write {}: {error}", file.display())))?;
    }
    Ok(())
}

/// The manual page of a command, and its file name.
fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.after_help(Resettable::Reset)).manual("redtail");
    let mut page = Vec::new();
    man.render(&mut page)?;
    // Keeps columns aligned.
    page.extend_from_slice(b".SH NOTES\n.nf\n");
    for line in notes.lines() {
        page.extend_from_slice(escaped(line).as_bytes());
    }
    page.extend_from_slice(b".fi\n");
    Ok((man.get_filename(), page))
}

/// A line of text, escaped for manual pages: roff gives a meaning to backslashes and to some characters at the start of
/// a line.
fn escaped(line: &str) -> String {
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    format!("{guard}{text}\n")
}
