//! The finding about commands that redtail does not know.

use crate::doctor::facts::NotAsked;
use crate::doctor::findings::finding::{Finding, some_of};
use crate::doctor::findings::subject::Subject;

const ABOUT: &str = "commands";

pub(super) fn finding(subject: Subject<'_>) -> Option<Finding> {
    let unknown = match subject.facts.unknown_commands.as_ref()? {
        Ok(unknown) => unknown,
        Err(why) => return Some(not_checked(subject, *why)),
    };
    let writes = unknown.iter().filter(|(_, is_write)| *is_write).count();
    let names = some_of(unknown.iter().map(|(name, _)| name.clone()));
    let known = match unknown.len() {
        0 => return Some(Finding::good(ABOUT, "redtail knows all commands of this server")),
        1 => format!("this server knows 1 command that redtail does not: {names}"),
        count => format!("this server knows {count} commands that redtail does not: {names}"),
    };
    Some(match writes {
        0 => Finding::good(ABOUT, format!("{known}; they write nothing")),
        _ => Finding::warn(ABOUT, known).why(format!(
            "{writes} can write. They are delivered as all commands are, but their keys are unknown, unless the server \
             describes them (COMMAND INFO, COMMAND GETKEYSANDFLAGS); else --key lets them pass"
        )),
    })
}

/// Following does not need it.
fn not_checked(subject: Subject<'_>, why: NotAsked) -> Finding {
    let reason = |reason: &str| format!("not checked whether redtail knows all commands of this server: {reason}");
    match why {
        NotAsked::Denied => Finding::note(ABOUT, reason("COMMAND INFO and COMMAND LIST are not allowed"))
            .fix(subject.allow(&["+command|info", "+command|list"])),
        NotAsked::Missing => Finding::note(ABOUT, reason("it has no COMMAND LIST, which exists since 7.0")),
    }
}
