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
    let verbs: Vec<Command> = tool.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    let commands = verbs.into_iter().chain([tool]);
    let names: Vec<String> = commands.clone().map(|command| Man::new(command).get_filename()).collect();
    let Some(folder) = &options.folder else {
        let page = commands.last().map(|tool| page(tool, &names)).transpose()?.unwrap_or_default();
        return Ok(io::stdout().lock().write_all(&page)?);
    };
    for (command, name) in commands.zip(&names) {
        let file = folder.join(name);
        let written = fs::write(&file, page(command, &names)?);
        written.map_err(|error| Failure::Message(format!("can't write {}: {error}", file.display())))?;
    }
    Ok(())
}

/// The manual page of a command. `names`: the file names of all pages.
fn page(command: Command, names: &[String]) -> io::Result<Vec<u8>> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has = |option: &str| command.get_arguments().any(|it| it.get_long() == Some(option));
    let environment: Vec<_> = ENVIRONMENT.iter().filter(|(option, ..)| option.is_empty() || has(option)).collect();
    let files: Vec<_> = FILES.iter().filter(|(option, ..)| has(option)).collect();
    let is_tool = command.has_subcommands();
    let man = Man::new(command.after_help(Resettable::Reset)).manual("redtail");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if is_tool {
        man.render_subcommands_section(&mut page)?;
    }
    let (codes, rest): (Vec<&str>, Vec<&str>) =
        text.split("\n\n").filter(|part| !part.is_empty()).partition(|part| part.starts_with(CODES));
    let (examples, notes): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|part| part.starts_with(EXAMPLES));
    exit_status(codes.first().copied().unwrap_or("Exit codes: 0 done, 1 failed, 2 wrong usage."), &mut page);
    definitions("ENVIRONMENT", environment.iter().map(|(_, name, text)| (*name, *text)), &mut page);
    definitions("FILES", files.iter().map(|(_, name, text)| (*name, *text)), &mut page);
    let examples = examples.iter().filter_map(|part| part.strip_prefix(EXAMPLES));
    as_it_is("EXAMPLES", &examples.collect::<Vec<_>>(), &mut page);
    as_it_is("NOTES", &notes, &mut page);
    let own = man.get_filename();
    let others = names.iter().filter(|name| **name != own).filter_map(|name| name.strip_suffix(".1"));
    let others: Vec<String> = others.map(|name| format!("\\fB{}\\fR(1)", name.replace('-', "\\-"))).collect();
    page.extend_from_slice(format!(".SH \"SEE ALSO\"\n.nh\n{}\n", others.join(", ")).as_bytes());
    if is_tool {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

const EXAMPLES: &str = "Examples:\n";
const CODES: &str = "Exit codes:";

/// Variables, with the option of the commands that read them. Empty: all commands.
const ENVIRONMENT: [(&str, &str, &str); 5] = [
    ("user", "REDTAIL_PASSWORD, REDISCLI_AUTH", "The password, if neither the target nor an option has it."),
    ("sentinel-user", "REDTAIL_SENTINEL_PASSWORD", "The password of the Sentinels, without --sentinel-password-file."),
    ("source-password-file", "REDTAIL_SOURCE_PASSWORD", "The password of the source, without --source-password-file."),
    ("", "NO_COLOR", "If set, terminals get no colors."),
    ("", "TERM", "With the value dumb, terminals get no colors and no changing lines."),
];

/// Files, with the option of the commands that use them.
const FILES: [(&str, &str, &str); 5] = [
    (
        "password-file",
        "FILE of --password-file",
        "The password; a newline at its end is ignored. Read at each connect.",
    ),
    ("checkpoint", "FILE of --checkpoint", "The position to resume from. It is replaced atomically."),
    ("snapshot-to", "FILE of --snapshot-to", "A snapshot, a dump.rdb that servers load."),
    (
        "snapshot-to",
        "FILE.unfinished-XXXXXXXX",
        "An incomplete snapshot. It is renamed once it is complete, and removed if the run fails.",
    ),
    ("append", "FILE of --output", "The recording."),
];

/// `Exit codes: 0 done, 1 failed` as a list.
fn exit_status(text: &str, page: &mut Vec<u8>) {
    let text = text.trim_start_matches(CODES).trim().trim_end_matches('.').replace('\n', " ");
    let mut codes: Vec<(String, String)> = Vec::new();
    for part in text.split(", ") {
        match (part.split_once(' '), codes.last_mut()) {
            (Some((code, meaning)), _) if code.parse::<u8>().is_ok() => codes.push((code.into(), meaning.into())),
            (_, Some((_, meaning))) => *meaning = format!("{meaning}, {part}"),
            _ => {}
        }
    }
    definitions("\"EXIT STATUS\"", codes.iter().map(|(code, meaning)| (code.as_str(), meaning.as_str())), page);
}

fn definitions<'a>(title: &str, entries: impl Iterator<Item = (&'a str, &'a str)>, page: &mut Vec<u8>) {
    let mut entries = entries.peekable();
    if entries.peek().is_some() {
        page.extend_from_slice(format!(".SH {title}\n").as_bytes());
    }
    for (name, text) in entries {
        page.extend_from_slice(format!(".TP\n\\fB{}\\fR\n{}", escaped(name).trim_end(), escaped(text)).as_bytes());
    }
}

/// Text whose columns stay aligned.
fn as_it_is(title: &str, parts: &[&str], page: &mut Vec<u8>) {
    if parts.is_empty() {
        return;
    }
    page.extend_from_slice(format!(".SH {title}\n.nf\n").as_bytes());
    for line in parts.join("\n\n").lines() {
        page.extend_from_slice(escaped(line).as_bytes());
    }
    page.extend_from_slice(b".fi\n");
}

/// A line of text, escaped for manual pages: roff gives a meaning to backslashes and to some characters at the start of
/// a line.
fn escaped(line: &str) -> String {
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    format!("{guard}{text}\n")
}
