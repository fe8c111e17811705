//! Access to the servers of a deployment.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::net::{Client, ClientError, Dialer, Handle, LoginSource, Remote, Target, Timeouts};
use crate::replication::ReplicaLabel;
use crate::topology::ending::Ending;

/// Opens connections to servers, and logs in there. Clones share the login's function.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) dialer: Dialer,
    pub(super) login: LoginSource,
    /// For `CLIENT LIST` of the servers.
    label: ReplicaLabel,
    /// The user may not tell it. Each denial adds an entry to the server's ACL LOG.
    is_unnamed: Arc<AtomicBool>,
    control: Control,
}

/// What ends the connections, and the attempts to connect, from another thread.
#[derive(Debug, Clone)]
enum Control {
    Nothing,
    Ending(Arc<Ending>),
    /// The handle of the follower whose connections these become.
    Handle(Handle),
}

impl Access {
    pub(super) fn new(dialer: Dialer, login: LoginSource, label: ReplicaLabel) -> Self {
        Self { dialer, login, label, is_unnamed: Arc::default(), control: Control::Nothing }
    }

    /// The same access for a thread whose connections `ending` ends.
    pub(super) fn until(&self, ending: &Arc<Ending>) -> Self {
        Self { control: Control::Ending(Arc::clone(ending)), ..self.clone() }
    }

    /// The same access for the connector of a follower. Each connection replaces the one before under the handle.
    pub(super) fn controlled_by(&self, handle: &Handle) -> Self {
        Self { control: Control::Handle(handle.clone()), ..self.clone() }
    }

    pub(super) fn client(&self, target: &Target) -> io::Result<Client> {
        let announce = |attempt: Box<dyn Remote>| match &self.control {
            Control::Nothing => Ok(()),
            Control::Ending(ending) => ending.add(attempt),
            Control::Handle(handle) => handle.controls(attempt),
        };
        let socket = self.dialer.connect(target, &announce)?;
        let login = self.login.ask()?;
        let mut client = Client::new(target, socket, &login)?;
        self.name(&mut client)?;
        Ok(client)
    }

    /// Tells the server the label, if the caller has given one. A refusal does not matter.
    fn name(&self, client: &mut Client) -> Result<(), ClientError> {
        let name = self.label.given().filter(|_| !self.is_unnamed.load(Ordering::Relaxed));
        if let Some(name) = name
            && client.ask(&["CLIENT", "SETNAME", name])?.is_denied()
        {
            self.is_unnamed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Short, because another server may answer what a slow one does not.
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    read: Some(Duration::from_secs(5)),
    write: Some(Duration::from_secs(10)),
};
