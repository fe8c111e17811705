//! The source of the input is no target: every write would return to it.

use std::sync::Once;

use redtail::net::{Client, Timeouts};

use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::node::Node;
use crate::target::offset::field;
use crate::target::probe_error::TIMEOUT;
use crate::terminal::log;

static WARNED: Once = Once::new();

/// The process and the history of a source.
pub(super) struct Source {
    run_id: Option<String>,
    replid: Option<String>,
}

impl Source {
    /// `None`: the server can't be asked, which the thread that asks for its offset reports.
    pub(super) fn ask(address: &Address) -> Option<Self> {
        let target = address.server().ok()?;
        let socket = address.connect(&target, &Timeouts::all(TIMEOUT)).ok()?;
        let info = Client::new(&target, socket, &address.login.read().ok()?).ok()?.ask(&["INFO"]).ok()?;
        let field = |name| field(info.text()?, name).map(str::to_owned);
        Some(Self { run_id: field("run_id"), replid: field("master_replid") })
    }
}

/// Fails if the target can't be one: a replica, or the source.
pub(super) fn check_target(node: &mut Node, source: Option<&Source>) -> Result<(), Failure> {
    if node.is_replica() {
        return Err(Failure::Message(format!("{} is a replica: load into its primary", node.target)));
    }
    let Some(Source { run_id, replid }) = source else { return Ok(()) };
    if let Some(run_id) = run_id
        && node.run_id() == Some(run_id.as_str())
    {
        return Err(is_source(node, "run_id", run_id));
    }
    replid.as_deref().map_or(Ok(()), |replid| check_history(node, replid))
}

/// Fails if the target has the history of the source. It is asked now: a server takes a new one when its first
/// replica attaches. No reply may be missing.
pub(super) fn check_history(node: &mut Node, replid: &str) -> Result<(), Failure> {
    let reply = node.ask(&[b"INFO", b"replication"])?;
    if let Some(text) = reply.error() {
        let target = &node.target;
        WARNED.call_once(|| {
            log::warn(format_args!("can't check that the target is not the source: {target} refused INFO: {text}"));
        });
    }
    match reply.text().and_then(|info| field(info, "master_replid")) == Some(replid) {
        true => Err(is_source(node, "master_replid", replid)),
        false => Ok(()),
    }
}

fn is_source(node: &Node, name: &str, id: &str) -> Failure {
    Failure::Message(format!(
        "{} is the source of the input, or its replica (both have {name} {id}): every write would return to it. Load \
         into another server",
        node.target
    ))
}
