//! Commands whose keys depend on their arguments: the server names them (`COMMAND GETKEYSANDFLAGS`).
//!
//! The answer holds for all commands of one form. A form is the name, the number of arguments, and each word and number
//! among them that is no key: a count of keys or an option is such an argument. Any other argument may differ.

use redtail::Command;
use redtail::net::Reply;
use redtail::resp::Access;

/// The most arguments of a command that is asked for.
const MOST_ARGUMENTS: usize = 256;

/// No option and no number is longer, in bytes.
const LONGEST_WORD: usize = 32;

/// The keys of the commands of one form.
#[derive(Debug)]
pub(super) struct Form {
    args: Vec<FormArgument>,
    /// `None`: the server does not name them.
    keys: Option<Vec<(usize, Access)>>,
}

#[derive(Debug)]
enum FormArgument {
    Key,
    /// This word or number, in upper case.
    Word(Vec<u8>),
    /// Neither a key nor a word.
    Value,
}

impl Form {
    /// The form of a command, from the server's answer to its [`question`].
    pub(super) fn of(command: &Command<'_>, question: &[String], reply: &Reply) -> Self {
        let keys = positions(question, reply);
        let is_key = |index| keys.iter().flatten().any(|&(key, _)| key == index);
        let args = command.args().enumerate().map(|(index, arg)| match () {
            () if is_key(index) => FormArgument::Key,
            () if is_word(arg) => FormArgument::Word(arg.to_ascii_uppercase()),
            () => FormArgument::Value,
        });
        Self { args: args.collect(), keys }
    }

    pub(super) fn is_of(&self, command: &Command<'_>) -> bool {
        let matches = |(form, arg): (&FormArgument, &[u8])| match form {
            FormArgument::Key => true,
            FormArgument::Word(word) => word.eq_ignore_ascii_case(arg),
            FormArgument::Value => !is_word(arg),
        };
        self.args.len() == command.argc() && self.args.iter().zip(command.args()).all(matches)
    }

    /// The index of each key, and what the command does to it.
    pub(super) fn keys(&self) -> Option<&[(usize, Access)]> {
        self.keys.as_deref()
    }
}

/// The request that names the keys of a command. Values are replaced by short texts that differ from each other.
/// `None` for a command that is too long, or whose name is no text.
pub(super) fn question(command: &Command<'_>) -> Option<Vec<String>> {
    let name = std::str::from_utf8(command.name()).ok().filter(|_| command.argc() <= MOST_ARGUMENTS)?;
    let args = command.args().enumerate().skip(1).map(|(index, arg)| match std::str::from_utf8(arg) {
        Ok(word) if is_word(arg) => word.to_owned(),
        _ => format!("argument:{index}"),
    });
    Some(["COMMAND", "GETKEYSANDFLAGS", name].map(str::to_owned).into_iter().chain(args).collect())
}

/// An argument that may decide which others are keys.
fn is_word(arg: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let digits = arg.strip_prefix(b"-").unwrap_or(arg);
    !arg.is_empty() && arg.len() <= LONGEST_WORD && (arg.iter().all(is_letter) || digits.iter().all(u8::is_ascii_digit))
}

/// The indices of the keys in a command. `None` if the answer does not tell which of several equal arguments is a key.
fn positions(question: &[String], reply: &Reply) -> Option<Vec<(usize, Access)>> {
    let args = question.get(2..)?;
    let named = || reply.list().iter().filter_map(|entry| entry.list().first()?.text());
    let mut keys = Vec::new();
    for entry in reply.list() {
        let [key, flags, ..] = entry.list() else { return None };
        let key = key.text()?;
        let at: Vec<usize> = (1..args.len()).filter(|&index| args.get(index).is_some_and(|arg| arg == key)).collect();
        if at.len() != named().filter(|name| *name == key).count() {
            return None;
        }
        let has = |name: &str| flags.list().iter().any(|flag| flag.text() == Some(name));
        let access = match () {
            () if has("RM") => Access::Removed,
            () if has("RO") => Access::Read,
            () => Access::Write,
        };
        let is_new = |index: &&usize| !keys.iter().any(|(known, _)| known == *index);
        let index = *at.iter().find(is_new)?;
        keys.push((index, access));
    }
    keys.sort_unstable_by_key(|(index, _)| *index);
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redtail::owned::OwnedCommand;

    fn keys(line: &str, named: &[(&str, &str)]) -> Option<Vec<(usize, Access)>> {
        let sent = OwnedCommand::new(0, line.split(' '));
        let text = |text: &str| Reply::Text(text.to_owned());
        let reply = named.iter().map(|(key, flag)| Reply::List(vec![text(key), Reply::List(vec![text(flag)])]));
        let question = question(&sent.command()).unwrap();
        Form::of(&sent.command(), &question, &Reply::List(reply.collect())).keys().map(<[_]>::to_vec)
    }

    #[test]
    fn answers_are_positions() {
        assert_eq!(keys("Q.X 2 a b", &[("a", "RW"), ("b", "RO")]), Some(vec![(2, Access::Write), (3, Access::Read)]));
        assert_eq!(keys("Q.X 1 k:1 v:1", &[("argument:2", "RM")]), Some(vec![(2, Access::Removed)]));
        assert_eq!(keys("Q.X a a", &[("a", "OW"), ("a", "RO")]), Some(vec![(1, Access::Write), (2, Access::Read)]));
        // The count, or the key?
        assert_eq!(keys("Q.X 1 1", &[("1", "RW")]), None);
        assert_eq!(keys("Q.X a", &[]), Some(vec![]));
        assert_eq!(keys("Q.X a", &[("other", "RW")]), None);
    }

    #[test]
    fn a_form_has_the_same_words() {
        let sent = |line: &str| OwnedCommand::new(0, line.split(' '));
        let text = |text: &str| Reply::Text(text.to_owned());
        let one = sent("Q.X 1 k:1 v:1 NX");
        let reply = Reply::List(vec![Reply::List(vec![text("argument:2"), Reply::List(vec![text("RW")])])]);
        let form = Form::of(&one.command(), &question(&one.command()).unwrap(), &reply);
        for same in ["q.x 1 k:2 v:2 nx", "Q.X 1 word v:3 NX"] {
            assert!(form.is_of(&sent(same).command()), "{same}");
        }
        for other in ["Q.X 2 k:1 v:1 NX", "Q.X 1 k:1 v:1 XX", "Q.X 1 k:1 v:1", "Q.X 1 k:1 7 NX"] {
            assert!(!form.is_of(&sent(other).command()), "{other}");
        }
    }
}
