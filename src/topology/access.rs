//! Access to the servers of a deployment.

use std::io;
use std::time::Duration;

use crate::net::{Client, Dialer, LoginSource, Target, Timeouts};

/// Opens connections to servers, and logs in there. Clones share the login's function.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) dialer: Dialer,
    pub(super) login: LoginSource,
}

impl Access {
    pub(super) fn client(&self, target: &Target) -> io::Result<Client> {
        Ok(Client::new(self.dialer.connect(target)?, &self.login.ask()?)?)
    }
}

/// Short, because another server may answer what a slow one does not.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    read: Some(Duration::from_secs(5)),
    write: Some(Duration::from_secs(10)),
};
