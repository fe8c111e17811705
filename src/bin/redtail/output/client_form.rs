//! Commands that only a replication connection or an append-only file may send, in a form that clients may send.
//!
//! Servers execute the commands of their primary without the checks that they apply to clients. The same bytes from a
//! client are then an error, or have another effect.

use std::borrow::Cow;
use std::io::{self, Write};

use redtail::rdb::Crc64;
use redtail::resp::Part;

use crate::filter::trimmed;
use crate::held_command::{HeldCommand, PartsState, write_argument, write_end};
use crate::output::keys::command::write;
use crate::output::payload_command::PayloadCommand;
use crate::terminal::log;

/// The channel on which Sentinels find each other.
const SENTINEL_CHANNEL: &[u8] = b"__sentinel__:hello";

/// The names of the commands that are examined further.
const NAMES: [&[u8]; 13] = [
    b"XADD",
    b"XTRIM",
    b"PUBLISH",
    b"CLUSTER",
    b"REPLCONF",
    b"PING",
    b"TRIMSLOTS",
    b"SYNCSLOTS",
    b"BITCONVERT",
    b"BITROAROP",
    b"RESTORE",
    b"RESTORE-ASKING",
    b"FUNCTION",
];

const LONGEST_NAME: u64 = 14;

/// The bytes held of a command until its form is known.
const MOST_HELD: usize = 1 << 20;

/// The same for a command with a payload, whose checksum is after its value.
const MOST_OF_PAYLOAD: usize = 64 << 20;

/// What to send instead of a command.
#[derive(Debug, PartialEq)]
pub(super) enum ClientForm {
    /// The same bytes.
    Same,
    /// These arguments replace the arguments up to `of`. A second command may follow.
    Instead { arguments: Vec<Vec<u8>>, of: usize, then: Option<Vec<Vec<u8>>> },
    /// Nothing.
    Nothing,
}

/// The decision about a command, by its first arguments.
enum Verdict {
    /// More arguments are needed.
    Unknown,
    Known(ClientForm, Option<Omission>),
}

/// What clients can't do: one warning per kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Omission {
    Cluster,
    Sentinel,
    Representation,
    Idempotence,
    Unexamined,
}

impl Omission {
    const fn message(self) -> &'static str {
        match self {
            Self::Cluster => "CLUSTER commands of the stream are left out: they are messages between nodes, not data",
            Self::Sentinel => {
                "messages to the channel __sentinel__:hello are left out: Sentinels that watch the target would take \
                 them for news of its own primary"
            }
            Self::Representation => "BITCONVERT is left out: it changes how a string is stored, not its value",
            Self::Idempotence => {
                "the idempotency ids that the server computes for XADD IDMPAUTO are left out; the entries are printed"
            }
            Self::Unexamined => {
                "a command is too large to find out whether clients may send it: it is printed as it is"
            }
        }
    }
}

/// Finds the form for clients of whole commands, and of commands in parts.
#[derive(Debug, Default)]
pub(super) struct ClientForms {
    warned: Vec<Omission>,
    /// A command that arrives in parts.
    held: HeldCommand,
    state: PartsState,
    /// A second command after it.
    then: Option<Vec<Vec<u8>>>,
}

impl ClientForms {
    /// The form of a whole command.
    #[inline]
    pub(super) fn of<'a>(&mut self, argc: usize, arg: impl Fn(usize) -> Option<&'a [u8]>) -> ClientForm {
        if !arg(0).is_some_and(is_examined) { ClientForm::Same } else { self.examine(argc, arg) }
    }

    #[inline(never)]
    fn examine<'a>(&mut self, argc: usize, arg: impl Fn(usize) -> Option<&'a [u8]>) -> ClientForm {
        match verdict(argc, arg) {
            Verdict::Known(form, omission) => {
                self.warn(omission);
                form
            }
            Verdict::Unknown => ClientForm::Same,
        }
    }

    /// Writes the bytes that clients may send for this part.
    pub(super) fn part(&mut self, part: &Part<'_>, out: &mut impl Write) -> io::Result<()> {
        match (self.state, *part) {
            (_, Part::Begin { .. }) => {
                self.held.part(part);
                (self.state, self.then) = (PartsState::Holding, None);
            }
            (PartsState::Holding, Part::Argument { index, length }) if self.is_too_long(index, length) => {
                let is_examined = self.held.arg(0).is_some_and(is_examined);
                self.warn(is_examined.then_some(Omission::Unexamined));
                self.held.part(part);
                match self.payload_command().and_then(client_name) {
                    Some(name) => self.print_held(&[name.to_vec()], 1, out)?,
                    None => self.print_held(&[], 0, out)?,
                }
            }
            (PartsState::Holding, _) => {
                if self.held.part(part).is_some() {
                    self.argument(out)?;
                }
            }
            (PartsState::Printing, Part::Argument { length, .. }) => write_argument(length, out)?,
            (PartsState::Printing, Part::Piece(bytes)) => out.write_all(bytes)?,
            (PartsState::Printing, Part::End) | (PartsState::Dropping, _) => {}
        }
        Ok(())
    }

    /// The last part has arrived. Writes the end.
    pub(super) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.state == PartsState::Holding {
            self.print_held(&[], 0, out)?;
        }
        if self.state == PartsState::Printing {
            write_end(out)?;
        }
        if let Some(then) = self.then.take() {
            write(out, &then.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        }
        self.state = PartsState::Printing;
        self.held.clear();
        Ok(())
    }

    /// Whether the argument that begins does not fit.
    fn is_too_long(&self, index: usize, length: u64) -> bool {
        let most = if self.payload_command().is_some() { MOST_OF_PAYLOAD } else { MOST_HELD };
        (index == 0 && length > LONGEST_NAME) || length.max(self.held.size()) > most as u64
    }

    fn payload_command(&self) -> Option<PayloadCommand> {
        PayloadCommand::of(self.held.arg(0)?, self.held.arg(1).unwrap_or_default())
    }

    /// An argument is complete.
    fn argument(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.held.arg(0).is_some_and(is_examined) {
            return self.print_held(&[], 0, out);
        }
        // The command has more arguments than have arrived.
        let form = match verdict(self.held.argc(), |index| self.held.arg(index)) {
            Verdict::Unknown => return Ok(()),
            Verdict::Known(form, omission) => {
                self.warn(omission);
                form
            }
        };
        match form {
            ClientForm::Same => self.print_held(&[], 0, out),
            ClientForm::Nothing => {
                self.state = PartsState::Dropping;
                Ok(())
            }
            ClientForm::Instead { arguments, of, then } => {
                self.then = then;
                self.print_held(&arguments, of, out)
            }
        }
    }

    /// Prints the held arguments. The rest of the command follows as it arrives.
    fn print_held(&mut self, instead: &[Vec<u8>], of: usize, out: &mut impl Write) -> io::Result<()> {
        self.state = PartsState::Printing;
        self.held.write(instead, of, out)?;
        self.held.clear();
        Ok(())
    }

    fn warn(&mut self, omission: Option<Omission>) {
        if let Some(omission) = omission.filter(|omission| !self.warned.contains(omission)) {
            self.warned.push(omission);
            log::say(omission.message());
        }
    }
}

#[inline]
fn is_examined(name: &[u8]) -> bool {
    // Rules out nearly all other commands.
    let may_be = name.first().is_some_and(|&first| SHAPES[usize::from(first & 31)] & shape(name) != 0);
    may_be && NAMES.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// The lengths of [`NAMES`] by their first letter, in either case.
const SHAPES: [u32; 32] = {
    let (mut shapes, mut at) = ([0; 32], 0);
    while at < NAMES.len() {
        shapes[(NAMES[at][0] & 31) as usize] |= shape(NAMES[at]);
        at += 1;
    }
    shapes
};

/// A bit for the length of a name.
const fn shape(name: &[u8]) -> u32 {
    if name.len() < 32 { 1 << name.len() } else { 0 }
}

fn verdict<'a>(argc: usize, arg: impl Fn(usize) -> Option<&'a [u8]>) -> Verdict {
    let omit = |why| Verdict::Known(ClientForm::Nothing, why);
    let rename =
        |name: &[u8]| Verdict::Known(ClientForm::Instead { arguments: vec![name.to_vec()], of: 1, then: None }, None);
    let name = arg(0).unwrap_or_default().to_ascii_uppercase();
    match name.as_slice() {
        b"XADD" | b"XTRIM" => trimming(argc, name == b"XADD", arg),
        b"PUBLISH" => match arg(1) {
            None => Verdict::Unknown,
            Some(SENTINEL_CHANNEL) => omit(Some(Omission::Sentinel)),
            Some(_) => Verdict::Known(ClientForm::Same, None),
        },
        b"CLUSTER" | b"SYNCSLOTS" => omit(Some(Omission::Cluster)),
        b"TRIMSLOTS" => {
            let args: Vec<&[u8]> = (0..argc).map_while(&arg).collect();
            match trimmed(args.iter().copied(), &[]) {
                _ if args.len() < argc => Verdict::Unknown,
                None => omit(None),
                Some(command) => {
                    Verdict::Known(ClientForm::Instead { arguments: command.args, of: argc, then: None }, None)
                }
            }
        }
        b"BITCONVERT" => omit(Some(Omission::Representation)),
        b"REPLCONF" | b"PING" => omit(None),
        // With the option that a server stores bitmaps compactly: the same result for every client.
        b"BITROAROP" => rename(b"BITOP"),
        name if PayloadCommand::may_be(name) => restoring(argc, arg),
        _ => Verdict::Known(ClientForm::Same, None),
    }
}

/// A command with a payload. HIMPORT and slot migrations write the checksum 0, which only Redis 8.10 and later accept
/// from a client. RESTORE-ASKING is RESTORE outside of a migration, and access rules of the target may lack it.
fn restoring<'a>(argc: usize, arg: impl Fn(usize) -> Option<&'a [u8]>) -> Verdict {
    let same = Verdict::Known(ClientForm::Same, None);
    let missing = |index| if index < argc { Verdict::Unknown } else { Verdict::Known(ClientForm::Same, None) };
    let (Some(name), Some(second)) = (arg(0), arg(1)) else { return missing(1) };
    let Some(command) = PayloadCommand::of(name, second) else { return same };
    let Some(payload) = arg(command.payload()) else { return missing(command.payload()) };
    let mut arguments = vec![client_name(command).unwrap_or(name).to_vec()];
    if let Some((signed, [0, 0, 0, 0, 0, 0, 0, 0])) = payload.split_last_chunk::<8>() {
        let crc = Crc64::new().update(signed).value();
        arguments.extend((1..command.payload()).filter_map(&arg).map(<[u8]>::to_vec));
        arguments.push([signed, &crc.to_le_bytes()].concat());
    } else if client_name(command).is_none() {
        return same;
    }
    let of = arguments.len();
    Verdict::Known(ClientForm::Instead { arguments, of, then: None }, None)
}

/// The name for clients, where that is another one.
const fn client_name(command: PayloadCommand) -> Option<&'static [u8]> {
    match command {
        PayloadCommand::RestoreAsking => Some(b"RESTORE"),
        PayloadCommand::Restore | PayloadCommand::FunctionRestore => None,
    }
}

/// XADD and XTRIM. A primary writes `MAXLEN ~ 3 LIMIT 10` with the exact result of the trimming, `MAXLEN = 3 LIMIT 10`.
/// For clients LIMIT is a syntax error beside `=`, and a replica ignores it. Redis 8.6 writes the idempotency id and
/// the entry's id, of which clients may give one.
fn trimming<'a>(argc: usize, is_add: bool, arg: impl Fn(usize) -> Option<&'a [u8]>) -> Verdict {
    let mut kept: Vec<Cow<'a, [u8]>> = Vec::new();
    let (mut limit, mut is_approximate, mut idempotence) = (None, false, None);
    let mut index = 0;
    let end = loop {
        if index >= argc {
            break index;
        }
        let Some(word) = arg(index) else { return Verdict::Unknown };
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        let width = match index {
            0 | 1 => 1,
            _ if is(b"MAXLEN") || is(b"MINID") => {
                let Some(mode) = arg(index + 1) else {
                    if index + 1 >= argc {
                        break index;
                    }
                    return Verdict::Unknown;
                };
                is_approximate = mode == b"~";
                if matches!(mode, b"~" | b"=") { 3 } else { 2 }
            }
            _ if is(b"LIMIT") => 2,
            _ if is(b"NOMKSTREAM") || is(b"KEEPREF") || is(b"DELREF") || is(b"ACKED") => 1,
            _ if is_add && is(b"IDMPAUTO") => 2,
            _ if is_add && is(b"IDMP") => 3,
            // The id of the entry.
            _ => break index,
        };
        let mut words = Vec::with_capacity(width);
        for at in index..(index + width).min(argc) {
            let Some(word) = arg(at) else { return Verdict::Unknown };
            words.push(Cow::Borrowed(word));
        }
        match () {
            () if is(b"LIMIT") && index > 1 => limit = Some(words),
            () if is_add && index > 1 && (is(b"IDMP") || is(b"IDMPAUTO")) => idempotence = Some(words),
            () => kept.extend(words),
        }
        index += width;
    };
    let same = Verdict::Known(ClientForm::Same, None);
    if limit.is_none() && idempotence.is_none() {
        return same;
    }
    if is_approximate {
        kept.extend(limit.into_iter().flatten());
    }
    let mut omission = None;
    let then = match idempotence {
        None if is_approximate => return same,
        None => None,
        // A duplicate, which adds nothing.
        Some(_) if arg(end) == Some(b"*") => return Verdict::Known(ClientForm::Nothing, None),
        Some(words) => match (&words[..], arg(1), arg(end)) {
            ([_, producer, id], Some(key), Some(entry)) => {
                Some([b"XIDMPRECORD", key, producer, id, entry].map(<[u8]>::to_vec).to_vec())
            }
            _ => {
                omission = Some(Omission::Idempotence);
                None
            }
        },
    };
    let arguments = kept.into_iter().map(Cow::into_owned).collect();
    Verdict::Known(ClientForm::Instead { arguments, of: end, then }, omission)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::keys::command::append;

    /// The form of a command, whole and in parts of every size.
    fn form(line: &str) -> String {
        let bytes = form_of(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        let text = String::from_utf8(bytes).unwrap_or_default();
        let words = text.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with('$'));
        words.map(|word| if word.starts_with('*') && word.len() > 1 { "|" } else { word }).collect::<Vec<_>>().join(" ")
    }

    fn form_of(args: &[&[u8]]) -> Vec<u8> {
        let mut whole = Vec::new();
        match ClientForms::default().of(args.len(), |index| args.get(index).copied()) {
            ClientForm::Same => append(&mut whole, args),
            ClientForm::Nothing => {}
            ClientForm::Instead { arguments, of, then } => {
                let sent: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).chain(args[of..].iter().copied()).collect();
                append(&mut whole, &sent);
                if let Some(then) = then {
                    append(&mut whole, &then.iter().map(Vec::as_slice).collect::<Vec<_>>());
                }
            }
        }
        let longest = args.iter().map(|arg| arg.len()).max().unwrap_or_default();
        for size in [1, 2, 3, 4].map(|size| size.max(longest / 100)) {
            let (mut forms, mut parts) = (ClientForms::default(), Vec::new());
            forms.part(&Part::Begin { argc: args.len() }, &mut parts).unwrap();
            for (index, arg) in args.iter().enumerate() {
                forms.part(&Part::Argument { index, length: arg.len() as u64 }, &mut parts).unwrap();
                arg.chunks(size).for_each(|piece| forms.part(&Part::Piece(piece), &mut parts).unwrap());
            }
            forms.end(&mut parts).unwrap();
            assert_eq!(String::from_utf8_lossy(&parts), String::from_utf8_lossy(&whole), "{args:?}, pieces of {size}");
        }
        whole
    }

    /// The payload is found in each command that carries one, also in a large one.
    #[test]
    fn each_payload_without_a_checksum_gets_one() {
        for length in [10, (1 << 20) + 10] {
            let body = [vec![0], vec![b'x'; length], vec![15, 0]].concat();
            let (unsigned, crc) = ([&body[..], &[0; 8]].concat(), Crc64::new().update(&body).value().to_le_bytes());
            let signed = [&body[..], &crc].concat();
            for (before, name) in [
                (&[&b"RESTORE"[..], b"k", b"0"][..], "RESTORE"),
                (&[b"RESTORE-ASKING", b"k", b"0"], "RESTORE"),
                (&[b"function", b"restore"], "function"),
            ] {
                let command = |name: &str, payload: &[u8]| {
                    let rest = before[1..].iter().copied().chain([payload, b"REPLACE".as_slice()]);
                    [name.as_bytes()].into_iter().chain(rest).map(<[u8]>::to_vec).collect::<Vec<_>>()
                };
                let given = String::from_utf8_lossy(before[0]).into_owned();
                let (sent, wanted) = (command(&given, &unsigned[..]), command(name, &signed[..]));
                let mut expected = Vec::new();
                append(&mut expected, &wanted.iter().map(Vec::as_slice).collect::<Vec<_>>());
                assert!(form_of(&sent.iter().map(Vec::as_slice).collect::<Vec<_>>()) == expected, "{given}");
            }
        }
    }

    #[test]
    fn commands_of_a_primary_become_commands_of_a_client() {
        for (of_the_primary, of_a_client) in [
            ("XADD s MAXLEN = 3 LIMIT 10 5-1 f v", "| XADD s MAXLEN = 3 5-1 f v"),
            ("xadd s nomkstream limit 10 minid = 3-1 5-1 limit v", "| xadd s nomkstream minid = 3-1 5-1 limit v"),
            ("XADD s MAXLEN 3 LIMIT 10 DELREF 5-1 f v", "| XADD s MAXLEN 3 DELREF 5-1 f v"),
            ("XADD s MAXLEN ~ 3 LIMIT 10 5-1 f v", "| XADD s MAXLEN ~ 3 LIMIT 10 5-1 f v"),
            ("XADD s MAXLEN = 3 5-1 LIMIT v", "| XADD s MAXLEN = 3 5-1 LIMIT v"),
            ("XADD limit 5-1 LIMIT 3", "| XADD limit 5-1 LIMIT 3"),
            ("XTRIM s MAXLEN = 3 LIMIT 10", "| XTRIM s MAXLEN = 3"),
            ("XTRIM s MINID = 3-1 LIMIT 0 ACKED", "| XTRIM s MINID = 3-1 ACKED"),
            ("XTRIM s MAXLEN 3", "| XTRIM s MAXLEN 3"),
            ("XADD s IDMP p i 5-1 f v", "| XADD s 5-1 f v | XIDMPRECORD s p i 5-1"),
            ("XADD s IDMPAUTO p MAXLEN = 9 LIMIT 1 5-1 f v", "| XADD s MAXLEN = 9 5-1 f v"),
            ("XADD s IDMPAUTO p * f v", ""),
            ("CLUSTER SETSLOT 1 NODE x", ""),
            ("TRIMSLOTS RANGES 1 0", ""),
            ("PUBLISH __sentinel__:hello x", ""),
            ("PUBLISH c __sentinel__:hello", "| PUBLISH c __sentinel__:hello"),
            ("RESTORE-ASKING k 0 x", "| RESTORE k 0 x"),
            ("BITROAROP AND d a b", "| BITOP AND d a b"),
            ("BITCONVERT k", ""),
            ("SET k v", "| SET k v"),
            ("XDEL s 1-1", "| XDEL s 1-1"),
        ] {
            assert_eq!(form(of_the_primary), of_a_client, "{of_the_primary}");
        }
    }
}
