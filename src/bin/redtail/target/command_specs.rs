//! The keys of commands that the library does not know. The followed server is asked once for each name.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use redtail::net::{Client, ClientError, Timeouts};
use redtail::resp::{CommandSpec, Quoted};

use crate::target::address::Address;
use crate::target::probe_error::TIMEOUT;
use crate::terminal::log;

/// The number of names asked for. A stream of ever new names would otherwise fill the memory.
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
    /// It was said that the server can't answer now.
    has_said_busy: bool,
    /// By names in upper case. The specifications live as long as the process.
    specs: HashMap<Vec<u8>, Option<&'static CommandSpec>>,
}

/// Asks this server from now on.
pub(crate) fn ask_at(address: Address) {
    let (client, specs) = (None, HashMap::new());
    let described = Described { address, client, is_over: false, has_said_busy: false, specs };
    let _is_set = SERVER.set(Mutex::new(described));
}

/// The server's description of a command that the library does not know. `None` without a server to ask, or if the
/// server does not tell.
pub(crate) fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    let mut server = SERVER.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    let name = name.to_ascii_uppercase();
    if let Some(spec) = server.specs.get(&name) {
        return *spec;
    }
    if server.is_over || server.specs.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
        return None;
    }
    let spec = server.ask(&name)?;
    server.specs.insert(name, spec);
    spec
}

impl Described {
    /// `None` without an answer.
    fn ask(&mut self, name: &[u8]) -> Option<Option<&'static CommandSpec>> {
        let shown = Quoted(name);
        match self.answer(name) {
            Ok(Some(spec)) => {
                log::say(format_args!(
                    "{shown}: redtail does not know this command; the server described its keys (COMMAND INFO)"
                ));
                Some(Some(Box::leak(Box::new(spec))))
            }
            Ok(None) => {
                log::say(format_args!(
                    "{shown}: redtail does not know this command, and COMMAND INFO of the server does not describe its keys"
                ));
                Some(None)
            }
            Err(error) => {
                let is_busy = is_busy(&error);
                self.is_over = !is_busy;
                if is_busy && std::mem::replace(&mut self.has_said_busy, true) {
                    return None;
                }
                let then = if is_busy { "it is asked again" } else { "it is not asked again" };
                log::say(format_args!(
                    "{shown}: redtail does not know this command and cannot ask the server for its keys (COMMAND INFO): \
                     {error}; {then}"
                ));
                None
            }
        }
    }

    /// Asks over the connection of the last answer, or over a new one if the server has closed that.
    fn answer(&mut self, name: &[u8]) -> Result<Option<CommandSpec>, ClientError> {
        if let Some(mut client) = self.client.take() {
            match client.command_spec(name) {
                Err(ClientError::Closed { .. } | ClientError::Io(_)) => {}
                answer => {
                    self.client = Some(client);
                    return answer;
                }
            }
        }
        let target = self.address.server().map_err(std::io::Error::other)?;
        let socket = self.address.connect(&target, &Timeouts::all(TIMEOUT))?;
        let client = Client::new(socket, &self.address.login.read()?)?;
        self.client.insert(client).command_spec(name)
    }
}

/// Whether the server answers later: it loads its data, runs a script, or a replica has no primary.
fn is_busy(error: &ClientError) -> bool {
    const WORDS: [&str; 3] = ["LOADING ", "BUSY ", "MASTERDOWN "];
    matches!(error, ClientError::Refused(text) if WORDS.iter().any(|word| text.starts_with(word)))
}
