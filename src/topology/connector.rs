//! How servers of one deployment are reached.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::net::Tls;
use crate::net::{Login, Socket, Target, Timeouts};

/// How all servers of one kind are reached: over what, with which patience, and as whom. Copies share the question for the password.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) timeouts: Timeouts,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
    login: Arc<Mutex<Ask>>,
}

type Ask = dyn FnMut() -> io::Result<Login> + Send;

impl Way {
    pub(super) fn connect(&self, target: &Target) -> io::Result<Socket> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Socket::connect_tls(target, &self.timeouts, tls);
        }
        Socket::connect(target, &self.timeouts)
    }

    pub(super) const fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    pub(super) fn log_in_with(&mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) {
        self.login = Arc::new(Mutex::new(ask));
    }

    pub(super) fn login(&self) -> io::Result<Login> {
        let mut ask = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        (*ask)()
    }
}

/// Another server may know what one that is slow does not tell.
pub(crate) const ASKING: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    read: Some(Duration::from_secs(5)),
    write: Some(Duration::from_secs(10)),
};

impl Default for Way {
    fn default() -> Self {
        Self {
            timeouts: ASKING,
            #[cfg(feature = "tls")]
            tls: None,
            login: Arc::new(Mutex::new(|| Ok(Login::default()))),
        }
    }
}
