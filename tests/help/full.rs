//! An address where an attempt to connect neither succeeds nor fails.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 whose queue of connections is full: the system drops all further attempts until this is dropped.
pub(crate) struct Full {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Full {
    pub(crate) fn new() -> Full {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        listener.listen(0).expect("a listener");
        let address = listener.local_addr().expect("its address").as_socket().expect("an address of IPv4");
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok();
        Full { address, _listener: listener, _queued: std::iter::from_fn(connect).collect() }
    }

    /// Whether somebody tries to connect: the system has sent a SYN, and waits for the answer.
    pub(crate) fn has_attempt(&self) -> bool {
        let remote = format!(":{:04X} 02 ", self.address.port());
        fs::read_to_string("/proc/net/tcp").expect("the connections of the system").contains(&remote)
    }
}
