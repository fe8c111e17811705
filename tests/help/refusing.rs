//! An address that refuses connections.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that refuses connections until this is dropped: bound, so that no other test and no other
/// process gets it, and without a listener.
pub(crate) struct Refusing {
    pub(crate) address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    pub(crate) fn new() -> Refusing {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("its address").as_socket().expect("an address of IPv4");
        Refusing { address, _socket: socket }
    }
}
