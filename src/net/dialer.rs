//! Connections that this crate opens.

use std::io;

use crate::net::socket::{Socket, Timeouts};
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

    pub(crate) fn connect(&self, target: &Target) -> io::Result<Socket> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Socket::connect_tls(target, &self.timeouts, tls);
        }
        Socket::connect(target, &self.timeouts)
    }

    pub(crate) const fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
