//! Filters: which commands and keys are published. The options and their meaning are those of the redtail tool.

use redtail::StreamCommand;
use redtail::resp::{Command, CommandParser, Keys, glob_matches};

/// All filters must match. Of a filter given several times, one match is enough.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Publish only commands and keys of database N
    #[arg(long, value_name = "N", value_delimiter = ',')]
    db: Vec<u32>,
    /// Publish only commands with this name: SET,DEL or 'XGROUP CREATE'
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = selected)]
    command: Vec<Name>,
    /// Publish no commands with this name
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Name::read)]
    not_command: Vec<Name>,
    /// Publish only commands on keys that match the pattern: 'user:*', h?llo, [a-c]*
    ///
    /// Commands on all keys (FLUSHALL) and commands with unknown keys are published too.
    #[arg(long, value_name = "GLOB")]
    key: Vec<String>,
    /// Leave out keys that match the pattern, and commands whose keys all do
    #[arg(long, value_name = "GLOB")]
    not_key: Vec<String>,
}

impl Filter {
    pub(crate) fn passes(&self, command: &StreamCommand<'_>) -> bool {
        let passes_db = self.db.is_empty() || self.db.iter().any(|&db| command.reaches_db(db));
        let is = |names: &[Name]| names.iter().any(|name| name.is(command));
        passes_db
            && (self.command.is_empty() || is(&self.command))
            && !is(&self.not_command)
            && self.passes_keys(command)
    }

    fn passes_keys(&self, command: &Command<'_>) -> bool {
        if self.key.is_empty() && self.not_key.is_empty() {
            return true;
        }
        match command.keys() {
            Keys::None => self.key.is_empty(),
            Keys::Some(mut keys) => keys.any(|(_, key)| self.passes_key(key)),
            Keys::All | Keys::Unknown => true,
        }
    }

    /// Whether keys of this database are published.
    pub(crate) fn passes_db(&self, db: u32) -> bool {
        self.db.is_empty() || self.db.contains(&db)
    }

    /// Whether functions are published: they are no keys.
    pub(crate) fn passes_functions(&self) -> bool {
        self.key.is_empty() && self.not_key.is_empty()
    }

    /// Whether commands are selected by name.
    pub(crate) fn selects_commands(&self) -> bool {
        !self.command.is_empty()
    }

    pub(crate) fn passes_key(&self, key: &[u8]) -> bool {
        let matches = |globs: &[String]| globs.iter().any(|glob| glob_matches(glob.as_bytes(), key));
        (self.key.is_empty() || matches(&self.key)) && !matches(&self.not_key)
    }
}

/// A command by name, or one of its subcommands.
#[derive(Debug, Clone)]
struct Name(Vec<String>);

impl Name {
    fn read(text: &str) -> Result<Self, String> {
        let words: Vec<String> = text.split(['|', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if !(1..=2).contains(&words.len()) {
            return Err(
                "it takes the name of a command, or of a command and its subcommand: SET, 'XGROUP CREATE'".into()
            );
        }
        // The names of modules' commands have a dot.
        if !words[0].contains('.') && is_write(&words).is_none() {
            return Err("no known server has this command".into());
        }
        Ok(Self(words))
    }

    fn is(&self, command: &Command<'_>) -> bool {
        let is_word = |(index, word): (usize, &String)| {
            command.arg(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        self.0.iter().enumerate().all(is_word)
    }
}

fn selected(text: &str) -> Result<Name, String> {
    let name = Name::read(text)?;
    match ["PUBLISH", "SPUBLISH"].iter().any(|it| name.0[0].eq_ignore_ascii_case(it)) {
        true => Err("it changes no data, and is never published".into()),
        false => Ok(name),
    }
}

/// Whether the command is a write; `None` if no known server has it. Two more arguments follow, so that only the name
/// can be unknown.
fn is_write(words: &[String]) -> Option<bool> {
    let args: Vec<&[u8]> = words.iter().map(String::as_bytes).chain([&b"a"[..], b"b"]).collect();
    let mut bytes = vec![0; redtail::resp::encoded_len(&args)];
    redtail::resp::encode_command(&mut bytes, &args).ok()?;
    let mut input = &bytes[..];
    match CommandParser::stream().next(&mut input) {
        Ok(redtail::Status::Complete(command)) => command.is_write(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use redtail::io::RecordingReader;
    use redtail::{Event, Options};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(line: &str) -> Result<Filter, clap::Error> {
        Ok(Line::try_parse_from(["x"].into_iter().chain(line.split(' ').filter(|it| !it.is_empty())))?.filter)
    }

    /// Commands of databases 0 and 1 that pass.
    fn published(line: &str) -> String {
        let filter = filter(line).unwrap();
        let commands = "SELECT 0,SET user:1 a,SET other a,DEL other user:2,FLUSHALL,MY.MODULE k,FUNCTION FLUSH,SELECT 1,\
                        SET user:3 a,MOVE user:3 0,MOVE user:3 2";
        let mut stream = Vec::new();
        for command in commands.split(',') {
            let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            let mut bytes = vec![0; redtail::resp::encoded_len(&args)];
            redtail::resp::encode_command(&mut bytes, &args).unwrap();
            stream.extend(bytes);
        }
        let mut reader = RecordingReader::commands(&stream[..], Options::default(), 0);
        let mut passed = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if let Event::Command(command) = event
                && filter.passes(&command)
            {
                let words: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
                passed.push(words.join(" "));
            }
        }
        passed.join(",")
    }

    #[test]
    fn filters_are_those_of_the_tool() {
        let everywhere = "FLUSHALL,MY.MODULE k";
        assert_eq!(
            published("--db 0"),
            "SET user:1 a,SET other a,DEL other user:2,FLUSHALL,MY.MODULE k,FUNCTION FLUSH,MOVE user:3 0"
        );
        assert_eq!(published("--db 2"), "FLUSHALL,FUNCTION FLUSH,MOVE user:3 2");
        assert_eq!(published("--command set,flushall"), "SET user:1 a,SET other a,FLUSHALL,SET user:3 a");
        assert_eq!(published("--command FUNCTION|FLUSH"), "FUNCTION FLUSH");
        assert_eq!(published("--command set --not-command SET"), "");
        assert_eq!(
            published("--key user:*"),
            format!("SET user:1 a,DEL other user:2,{everywhere},SET user:3 a,MOVE user:3 0,MOVE user:3 2")
        );
        assert_eq!(published("--key *:[12] --not-key user:1"), format!("DEL other user:2,{everywhere}"));
        assert_eq!(published("--not-key user:*"), format!("SET other a,DEL other user:2,{everywhere},FUNCTION FLUSH"));
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for (line, why) in [
            ("--command GTE", "no known server has this command"),
            ("--not-command SET,GTE", "no known server has this command"),
            ("--command a|b|c", "it takes the name of a command"),
            ("--command publish", "it changes no data, and is never published"),
            ("--db x", "invalid digit"),
            ("--keys a", "unexpected argument"),
        ] {
            let error = filter(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
