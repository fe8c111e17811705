//! A server's description of one command.

use crate::resp::frame::Frame;
use crate::resp::keys::shape::{Access, Effect, KeySpec, LONGEST_NAME, MOST_SPECS, Spec, Word};

/// A server's description of one command: an entry of its reply to `COMMAND INFO`.
///
/// It gives the keys of a command that the table does not have, such as a command of a module:
/// [`Command::keys_by`](crate::resp::Command::keys_by). The description is that of the server. Modules often describe
/// only the first of several keys.
///
/// ```
/// use redtail::resp::{Access, CommandParser, CommandSpec, FrameParser, Keys, Status};
///
/// // The beginning of the reply of a server before 7.0.
/// let mut reply: &[u8] = b"*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n";
/// let mut frames = FrameParser::new();
/// let Status::Complete(frame) = frames.next(&mut reply)? else { panic!() };
/// let spec = CommandSpec::read(frame).unwrap();
///
/// let mut input: &[u8] = b"*3\r\n$6\r\nQ.PUSH\r\n$1\r\nq\r\n$1\r\nv\r\n";
/// let mut commands = CommandParser::stream();
/// let Status::Complete(command) = commands.next(&mut input)? else { panic!() };
/// assert!(matches!(command.keys(), Keys::Unknown));
/// let Keys::Some(mut keys) = command.keys_by(&spec) else { panic!() };
/// assert_eq!((keys.next(), spec.is_write()), (Some((1, b"q" as &[u8])), true));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CommandSpec {
    effect: Effect,
    specs: [KeySpec; MOST_SPECS],
    count: usize,
}

impl CommandSpec {
    /// Reads an element of the reply to `COMMAND INFO`, in RESP2 or RESP3. `None` if the server does not know the
    /// command, or if the description does not determine its keys: it has subcommands, or the server calls the
    /// description incomplete.
    #[must_use]
    pub fn read(entry: Frame<'_>) -> Option<Self> {
        let has_flag = |flag: &str| entry.items().nth(2).is_some_and(|flags| has(flags, flag));
        let changes = has_flag("write");
        let mut spec = Self {
            effect: if changes { Effect::Changes } else { Effect::Keeps },
            specs: [(Access::Read, Spec::At(0, 0, 1)); MOST_SPECS],
            count: 0,
        };
        match entry.items().nth(8) {
            Some(specs) => {
                for described in specs.items().filter(|it| !field(*it, "flags").is_some_and(|it| has(it, "not_key"))) {
                    spec.push(key_spec(described)?)?;
                }
            }
            None if has_flag("movablekeys") => return None,
            None => {
                let number = |index| entry.items().nth(index)?.as_i64();
                let (first, last, step) = (number(3)?, number(4)?, number(5)?);
                if first != 0 {
                    let last = if last > 0 { last.checked_sub(first)? } else { last };
                    spec.push((Access::Write, at(first, last, step)?))?;
                }
            }
        }
        if entry.items().nth(9).is_some_and(|subcommands| subcommands.items().next().is_some()) {
            return None;
        }
        if !changes {
            spec.specs = spec.specs.map(|(_, positions)| (Access::Read, positions));
        }
        Some(spec)
    }

    /// Whether the server flags the command as a write.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.effect == Effect::Changes
    }

    pub(super) fn effect(&self) -> Effect {
        self.effect
    }

    pub(super) fn specs(&self) -> &[KeySpec] {
        self.specs.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, spec: KeySpec) -> Option<()> {
        *self.specs.get_mut(self.count)? = spec;
        self.count += 1;
        Some(())
    }
}

fn key_spec(described: Frame<'_>) -> Option<KeySpec> {
    let flags = field(described, "flags")?;
    if has(flags, "incomplete") {
        return None;
    }
    let access = match () {
        () if has(flags, "RM") => Access::Removed,
        () if has(flags, "RO") => Access::Read,
        () => Access::Write,
    };
    let (begin, find) = (field(described, "begin_search")?, field(described, "find_keys")?);
    let is = |frame, kind: &str| field(frame, "type").and_then(|it| it.as_bytes()) == Some(kind.as_bytes());
    let (start, keys) = (field(begin, "spec")?, field(find, "spec")?);
    let number = |frame, name| field(frame, name)?.as_i64();
    let positive = |frame, name| usize::try_from(number(frame, name)?).ok();
    let positions = match () {
        () if is(begin, "index") && is(find, "range") && number(keys, "limit")? == 0 => {
            at(number(start, "index")?, number(keys, "lastkey")?, number(keys, "keystep")?)?
        }
        () if is(begin, "index") && is(find, "keynum") => {
            let index = positive(start, "index").filter(|&index| index > 0)?;
            let (count, first) = (positive(keys, "keynumidx")?, positive(keys, "firstkey")?);
            Spec::Counted(index.checked_add(count)?, index.checked_add(first)?, step(number(keys, "keystep")?)?)
        }
        () if is(begin, "keyword") && is(find, "range") => {
            let word = field(start, "keyword")?.as_bytes().filter(|word| word.len() <= LONGEST_NAME)?;
            let from = positive(start, "startfrom").filter(|&from| from > 0)?;
            let last = isize::try_from(number(keys, "lastkey")?).ok()?;
            Spec::After(Word::from_bytes(word), from, last, step(number(keys, "keystep")?)?, positive(keys, "limit")?)
        }
        () => return None,
    };
    Some((access, positions))
}

fn at(first: i64, last: i64, every: i64) -> Option<Spec> {
    let first = usize::try_from(first).ok().filter(|&first| first > 0)?;
    Some(Spec::At(first, isize::try_from(last).ok()?, step(every)?))
}

fn step(step: i64) -> Option<usize> {
    usize::try_from(step).ok().filter(|&step| step > 0)
}

/// The value of a name in a map, or in a list of names and values.
fn field<'a>(frame: Frame<'a>, name: &str) -> Option<Frame<'a>> {
    let mut items = frame.items();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if key.as_bytes() == Some(name.as_bytes()) {
            return Some(value);
        }
    }
    None
}

fn has(flags: Frame<'_>, flag: &str) -> bool {
    flags.items().any(|it| it.as_bytes() == Some(flag.as_bytes()))
}
