//! The keys of commands that the library does not know. The followed server is asked once for each name, and for each
//! form of a command whose keys depend on its arguments.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use redtail::Command;
use redtail::net::{Client, ClientError, ClientErrorKind, Timeouts};
use redtail::resp::{Access, CommandSpec, KeyFinder, Part, Quoted, Reach};

use crate::target::address::Address;
use crate::target::command_forms::{Form, question};
use crate::target::introduction::introduce;
use crate::target::probe_error::TIMEOUT;
use crate::terminal::log;

/// The number of names, and of forms, asked for. A stream of ever new ones would otherwise fill the memory.
const MOST_NAMES: usize = 1000;

/// The longest name asked for, in bytes.
const LONGEST_NAME: usize = 64;

/// Set while a server is followed.
static SERVER: OnceLock<Mutex<Described>> = OnceLock::new();

struct Described {
    address: Address,
    /// The connection of the last answer.
    client: Option<Client>,
    /// The server refused, or can't be reached. Each further question would add an entry to its ACL LOG, or hold up the
    /// stream until a timeout.
    is_over: bool,
    /// The same for COMMAND GETKEYSANDFLAGS, which servers before 7.0 do not have.
    names_no_keys: bool,
    /// It was said that the server can't answer now.
    has_reported_busy: bool,
    /// By names in upper case. The specifications live as long as the process.
    commands: HashMap<Vec<u8>, Description>,
    /// The number of forms of all commands.
    forms: usize,
}

/// A command that the library does not know.
enum Description {
    /// COMMAND INFO gives the keys.
    Spec(&'static CommandSpec),
    /// COMMAND INFO does not. COMMAND GETKEYSANDFLAGS may.
    Forms { forms: Vec<Form>, is_reported: bool },
}

/// The keys that a command touches, by the server's description.
pub(crate) struct ServerKeys<'a> {
    /// Whether the command can change keys, if the description tells.
    pub(crate) is_write: Option<bool>,
    /// Each key with its index in the arguments.
    pub(crate) keys: Vec<(usize, &'a [u8], Access)>,
}

/// Asks this server from now on.
pub(crate) fn ask_at(address: Address) {
    let described = Described {
        address,
        client: None,
        is_over: false,
        names_no_keys: false,
        has_reported_busy: false,
        commands: HashMap::new(),
        forms: 0,
    };
    let _is_set = SERVER.set(Mutex::new(described));
}

/// The server's description of a command that arrives in parts. `None` without a server to ask, or if the server does
/// not tell.
pub(crate) fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    let mut server = SERVER.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    let name = name.to_ascii_uppercase();
    match server.description(&name)? {
        Description::Spec(spec) => Some(spec),
        Description::Forms { is_reported, .. } => {
            if !std::mem::replace(is_reported, true) {
                say_undescribed(&name);
            }
            None
        }
    }
}

/// The keys of a whole command that the library does not know. `None` without a server to ask, or if the server does
/// not tell.
pub(crate) fn keys_of<'a>(command: &Command<'a>) -> Option<ServerKeys<'a>> {
    let mut server = SERVER.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    let name = command.name().to_ascii_uppercase();
    if let Description::Spec(spec) = server.description(&name)? {
        return described(command, spec);
    }
    let is_new = !server.forms(&name).any(|form| form.is_of(command));
    if is_new {
        server.ask_for_keys(&name, command);
    }
    let keys = server.forms(&name).find(|form| form.is_of(command))?.keys()?;
    let is_write = (!keys.is_empty()).then(|| keys.iter().any(|(_, access)| *access != Access::Read));
    let keys = keys.iter().filter_map(|&(index, access)| Some((index, command.arg(index)?, access))).collect();
    Some(ServerKeys { is_write, keys })
}

/// The keys of a command by its description.
fn described<'a>(command: &Command<'a>, spec: &CommandSpec) -> Option<ServerKeys<'a>> {
    let mut finder = KeyFinder::new();
    finder.part(&Part::Begin { argc: command.argc() });
    for (index, arg) in command.args().enumerate() {
        finder.part(&Part::Argument { index, length: arg.len() as u64 });
        if !arg.is_empty() {
            finder.part(&Part::Piece(arg));
        }
        finder.learn(spec);
    }
    finder.part(&Part::End);
    let keys = finder.keys().filter_map(|key| Some((key.index, command.arg(key.index)?, key.access))).collect();
    let is_known = matches!(finder.reach(), Some(Reach::None | Reach::Some));
    is_known.then_some(ServerKeys { is_write: Some(spec.is_write()), keys })
}

impl Described {
    /// `None` without an answer.
    fn description(&mut self, name: &[u8]) -> Option<&mut Description> {
        if !self.commands.contains_key(name) {
            if self.is_over || self.commands.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
                return None;
            }
            let description = self.ask(name)?;
            self.commands.insert(name.to_vec(), description);
        }
        self.commands.get_mut(name)
    }

    fn forms(&self, name: &[u8]) -> impl Iterator<Item = &Form> {
        let forms: &[Form] = match self.commands.get(name) {
            Some(Description::Forms { forms, .. }) => forms,
            _ => &[],
        };
        forms.iter()
    }

    fn ask(&mut self, name: &[u8]) -> Option<Description> {
        match self.answer(|client| client.command_spec(name)) {
            Ok(Some(spec)) => {
                log::say(format_args!(
                    "{}: redtail does not know this command; the server described its keys (COMMAND INFO)",
                    Quoted(name)
                ));
                Some(Description::Spec(Box::leak(Box::new(spec))))
            }
            Ok(None) => Some(Description::Forms { forms: Vec::new(), is_reported: false }),
            Err(error) => {
                self.is_over |= self.say_refused(name, "COMMAND INFO", is_later(&error), &error);
                None
            }
        }
    }

    /// Asks for the keys of the commands with the form of this one.
    fn ask_for_keys(&mut self, name: &[u8], command: &Command<'_>) {
        const REQUEST: &str = "COMMAND GETKEYSANDFLAGS";
        let question = question(command).filter(|_| !self.is_over && !self.names_no_keys && self.forms < MOST_NAMES);
        let Some(question) = question else { return self.say_once(name, || say_undescribed(name)) };
        let words: Vec<&str> = question.iter().map(String::as_str).collect();
        let reply = match self.answer(|client| client.ask(&words)) {
            Ok(reply) => reply,
            Err(error) => {
                self.is_over |= self.say_refused(name, REQUEST, false, &error);
                return;
            }
        };
        let is_named = match reply.error() {
            Some(text) if is_busy(text) || reply.is_denied() => {
                self.names_no_keys |= self.say_refused(name, REQUEST, is_busy(text), text);
                return;
            }
            // A server before 7.0.
            Some(text) if contains(text, "unknown subcommand") => {
                self.names_no_keys = true;
                return self.say_once(name, || say_undescribed(name));
            }
            // Such a command has no keys.
            Some(text) => contains(text, "no key arguments"),
            None => true,
        };
        if is_named {
            self.say_once(name, || {
                log::say(format_args!(
                    "{}: redtail does not know this command, whose keys depend on its arguments; the server named them \
                     ({REQUEST}), and is asked once for each form of the command",
                    Quoted(name)
                ));
            });
        } else {
            self.say_once(name, || say_undescribed(name));
        }
        let form = Form::of(command, if is_named { &question } else { &[] }, &reply);
        if let Some(Description::Forms { forms, .. }) = self.commands.get_mut(name) {
            forms.push(form);
            self.forms += 1;
        }
    }

    fn say_once(&mut self, name: &[u8], say: impl FnOnce()) {
        if let Some(Description::Forms { is_reported, .. }) = self.commands.get_mut(name)
            && !std::mem::replace(is_reported, true)
        {
            say();
        }
    }

    /// Says why the server does not answer. Returns whether it is not asked again.
    fn say_refused(&mut self, name: &[u8], request: &str, is_busy: bool, error: impl Display) -> bool {
        if !(is_busy && std::mem::replace(&mut self.has_reported_busy, true)) {
            let then = if is_busy { "it is asked again" } else { "it is not asked again" };
            log::say(format_args!(
                "{}: redtail does not know this command and cannot ask the server for its keys ({request}): {error}; \
                 {then}",
                Quoted(name)
            ));
        }
        !is_busy
    }

    /// Asks over the connection of the last answer, or over a new one if the server has closed that.
    fn answer<T>(&mut self, ask: impl Fn(&mut Client) -> Result<T, ClientError>) -> io::Result<T> {
        if let Some(mut client) = self.client.take() {
            match ask(&mut client) {
                Err(error) if matches!(error.kind, ClientErrorKind::Closed { .. } | ClientErrorKind::Io(_)) => {}
                answer => {
                    self.client = Some(client);
                    return Ok(answer?);
                }
            }
        }
        let target = self.address.server().map_err(io::Error::other)?;
        let socket = self.address.connect(&target, &Timeouts::all(TIMEOUT))?;
        let mut client = Client::new(&target, socket, &self.address.login.read()?)?;
        let answer = ask(&mut client)?;
        // Only a name is worth a second question.
        let introduced = introduce(&mut client, true);
        self.client = introduced.is_ok().then_some(client);
        Ok(answer)
    }
}

fn say_undescribed(name: &[u8]) {
    log::say(format_args!(
        "{}: redtail does not know this command, and COMMAND INFO of the server does not describe its keys",
        Quoted(name)
    ));
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(part)
}

fn is_later(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<ClientError>());
    error.is_some_and(|error| matches!(&error.kind, ClientErrorKind::Refused(text) if is_busy(text)))
}

/// Whether the server answers later: it loads its data, runs a script, or a replica has no primary.
fn is_busy(text: &str) -> bool {
    ["LOADING ", "BUSY ", "MASTERDOWN "].iter().any(|word| text.starts_with(word))
}
