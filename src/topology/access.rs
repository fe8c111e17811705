//! Access to the servers of a deployment.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{Client, Dialer, LoginSource, Target, Timeouts};
use crate::topology::ending::Ending;

/// Opens connections to servers, and logs in there. Clones share the login's function.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) dialer: Dialer,
    pub(super) login: LoginSource,
    /// Ends the connections from another thread.
    ending: Option<Arc<Ending>>,
}

impl Access {
    pub(super) const fn new(dialer: Dialer, login: LoginSource) -> Self {
        Self { dialer, login, ending: None }
    }

    /// The same access for a thread whose connections `ending` ends.
    pub(super) fn until(&self, ending: &Arc<Ending>) -> Self {
        Self { ending: Some(Arc::clone(ending)), ..self.clone() }
    }

    pub(super) fn client(&self, target: &Target) -> io::Result<Client> {
        let socket = self.dialer.connect(target)?;
        if let Some(ending) = &self.ending {
            ending.add(&socket)?;
        }
        Ok(Client::new(socket, &self.login.ask()?)?)
    }
}

/// Short, because another server may answer what a slow one does not.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    read: Some(Duration::from_secs(5)),
    write: Some(Duration::from_secs(10)),
};
