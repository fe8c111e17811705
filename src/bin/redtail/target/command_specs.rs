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
    /// The server refused. Each further question would add an entry to its ACL LOG.
    is_refused: bool,
    /// By names in upper case. The specifications live as long as the process.
    specs: HashMap<Vec<u8>, Option<&'static CommandSpec>>,
}

/// Asks this server from now on.
pub(crate) fn ask_at(address: Address) {
    let _is_set = SERVER.set(Mutex::new(Described { address, is_refused: false, specs: HashMap::new() }));
}

/// The server's description of a command that the library does not know. `None` without a server to ask, or if the
/// server does not tell.
pub(crate) fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    let mut server = SERVER.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    let name = name.to_ascii_uppercase();
    if let Some(spec) = server.specs.get(&name) {
        return *spec;
    }
    if server.is_refused || server.specs.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
        return None;
    }
    let spec = server.ask(&name);
    server.specs.insert(name, spec);
    spec
}

impl Described {
    fn ask(&mut self, name: &[u8]) -> Option<&'static CommandSpec> {
        let shown = Quoted(name);
        match self.answer(name) {
            Ok(Some(spec)) => {
                log::say(format_args!(
                    "{shown}: redtail does not know this command; the server described its keys (COMMAND INFO)"
                ));
                Some(Box::leak(Box::new(spec)))
            }
            Ok(None) => {
                log::say(format_args!(
                    "{shown}: redtail does not know this command, and COMMAND INFO of the server does not describe its keys"
                ));
                None
            }
            Err(error) => {
                self.is_refused = matches!(error, ClientError::Refused(_));
                log::say(format_args!(
                    "{shown}: redtail does not know this command and cannot ask the server for its keys (COMMAND INFO): {error}"
                ));
                None
            }
        }
    }

    fn answer(&self, name: &[u8]) -> Result<Option<CommandSpec>, ClientError> {
        let target = self.address.server().map_err(std::io::Error::other)?;
        let socket = self.address.connect(&target, &Timeouts::all(TIMEOUT))?;
        Client::new(socket, &self.address.login.read()?)?.command_spec(name)
    }
}
