//! Connections that this crate opens.

use std::io;

use crate::net::socket::{Announce, Socket, Timeouts};
use crate::net::target::Target;
#[cfg(feature = "tls")]
use crate::net::tls::Tls;

/// Opens connections to any target with the same timeouts, over TLS or without.
#[derive(Debug, Clone)]
pub struct Dialer {
    pub(crate) timeouts: Timeouts,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl Dialer {
    pub(crate) const fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Connects. `announce` receives each attempt, so that another thread can end it.
    pub(crate) fn connect(&self, target: &Target, announce: &Announce<'_>) -> io::Result<Socket> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Socket::open_tls(target, &self.timeouts, tls, announce);
        }
        Socket::open(target, &self.timeouts, announce)
    }

    pub(crate) const fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
