//! The replication offset of a server.

use redtail::net::{Client, Reply, Timeouts};

use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::probe_error::TIMEOUT;

/// The offset of the last write that the server has, from INFO over a connection of its own.
pub(crate) fn offset(address: &Address) -> Result<u64, Failure> {
    asked(address).map_err(|error| {
        Failure::Message(format!(
            "can't ask the server for its offset (INFO replication, permission +info), which --until-caught-up needs: \
             {error}"
        ))
    })
}

fn asked(address: &Address) -> Result<u64, String> {
    let target = address.server().map_err(|error| error.to_string())?;
    let socket = address.connect(&target, &Timeouts::all(TIMEOUT)).map_err(|error| error.to_string())?;
    let login = address.login.read().map_err(|error| error.to_string())?;
    let mut client = Client::new(socket, &login).map_err(|error| error.to_string())?;
    match client.ask(&["INFO", "replication"]).map_err(|error| error.to_string())? {
        Reply::Error(message) => Err(message),
        reply => {
            let lines = reply.text().unwrap_or_default().lines();
            let offset = lines.filter_map(|line| line.trim_end().strip_prefix("master_repl_offset:")).next();
            offset
                .and_then(|offset| offset.parse().ok())
                .ok_or_else(|| "the reply has no master_repl_offset: check for a proxy in front of the server".into())
        }
    }
}
