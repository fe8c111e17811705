//! Links over the loopback address and over Unix sockets, with real sockets on the other side.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use redtail::net::{Socket, Target, TargetError, Timeouts, Transport};

use crate::refusing::Refusing;

const SHORT: Duration = Duration::from_millis(20);

/// Both ends of a TCP link.
fn tcp() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let socket = Socket::connect(&target, &Timeouts::default()).unwrap();
    (socket, listener.accept().unwrap().0)
}

#[cfg(unix)]
fn unix(name: &str) -> (Socket, std::os::unix::net::UnixStream) {
    let path = std::env::temp_dir().join(format!("redtail-{}-{name}.sock", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let socket = Socket::connect(&Target::Unix(path.clone()), &Timeouts::default()).unwrap();
    let server = listener.accept().unwrap().0;
    std::fs::remove_file(path).unwrap();
    (socket, server)
}

fn speaks_and_listens(mut socket: Socket, mut server: impl Read + Write) {
    socket.write_all(b"PING\r\n").unwrap();
    socket.flush().unwrap();
    let mut request = [0; 6];
    server.read_exact(&mut request).unwrap();
    assert_eq!(&request, b"PING\r\n");
    server.write_all(b"+PONG\r\n").unwrap();
    let mut reply = [0; 7];
    socket.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
}

fn read_ends_in_time(mut socket: Socket) {
    for limit in [SHORT, Duration::ZERO] {
        socket.set_read_timeout(Some(limit)).unwrap();
        let error = socket.read(&mut [0; 1]).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    }
}

fn is_stopped_from_another_thread(mut socket: Socket) {
    socket.set_read_timeout(None).unwrap();
    let remote = socket.remote().unwrap().unwrap();
    let reading = thread::spawn(move || socket.read(&mut [0; 1]));
    thread::sleep(SHORT);
    remote.stop();
    remote.stop();
    assert!(matches!(reading.join().unwrap(), Ok(0)));
    assert!(remote.send(b"\n").is_err());
}

fn sends_whole_pieces_from_all_threads(socket: &Socket, mut server: impl Read) {
    const THREADS: u8 = 4;
    const PIECES: usize = 50;
    const LENGTH: usize = 10_000;
    let remote = socket.remote().unwrap().unwrap();
    let mut received = vec![0; usize::from(THREADS) * PIECES * LENGTH];
    thread::scope(|scope| {
        for number in 0..THREADS {
            let remote = &remote;
            scope.spawn(move || {
                for _ in 0..PIECES {
                    remote.send(&[number; LENGTH]).unwrap();
                }
            });
        }
        server.read_exact(&mut received).unwrap();
    });
    for piece in received.chunks(LENGTH) {
        assert!(piece.iter().all(|byte| *byte == piece[0]), "bytes of two senders in one piece");
    }
}

#[test]
fn tcp_links() {
    let (socket, server) = tcp();
    if let Socket::Tcp(stream) = &socket {
        assert!(stream.nodelay().unwrap());
        assert!(socket2::SockRef::from(stream).keepalive().unwrap());
    }
    speaks_and_listens(socket, server);
    let (socket, _server) = tcp();
    read_ends_in_time(socket);
    let (socket, _server) = tcp();
    is_stopped_from_another_thread(socket);
    let (socket, server) = tcp();
    sends_whole_pieces_from_all_threads(&socket, server);
}

#[cfg(unix)]
#[test]
fn unix_links() {
    let (socket, server) = unix("speak");
    speaks_and_listens(socket, server);
    let (socket, _server) = unix("time");
    read_ends_in_time(socket);
    let (socket, _server) = unix("stop");
    is_stopped_from_another_thread(socket);
    let (socket, server) = unix("send");
    sends_whole_pieces_from_all_threads(&socket, server);
}

#[test]
fn a_peer_that_takes_nothing_is_an_error_in_time() {
    let (socket, _server) = tcp();
    socket.set_write_timeout(Some(SHORT)).unwrap();
    let remote = socket.remote().unwrap().unwrap();
    let error = remote.send(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("write timeout"), "{error}");
}

#[test]
fn a_refused_connection_says_so() {
    let refusing = Refusing::new();
    let target = Target::Tcp { host: "127.0.0.1".into(), port: refusing.address.port() };
    let error = Socket::connect(&target, &Timeouts::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("{target}: ")), "{error}");
    // A name with several addresses, and the address of each.
    let target = Target::Tcp { host: "localhost".into(), port: refusing.address.port() };
    let error = Socket::connect(&target, &Timeouts::default()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{target}: ")), "{error}");
}

#[cfg(unix)]
#[test]
fn a_socket_file_that_is_not_there_says_so() {
    let target = Target::Unix("/nowhere/redtail.sock".into());
    let error = Socket::connect(&target, &Timeouts::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("unix:/nowhere/redtail.sock: "), "{error}");
}

#[test]
fn targets_are_printed_as_they_are_written() {
    for text in
        ["localhost:6379", "127.0.0.1:1", "[::1]:6379", "[fe80::1%eth0]:65535", "unix:/run/redis.sock", "unix:r:1"]
    {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }
    assert_eq!("[::1]:7".parse(), Ok(Target::Tcp { host: "::1".into(), port: 7 }));
    assert_eq!("[host]:7".parse(), Ok(Target::Tcp { host: "host".into(), port: 7 }));
}

#[test]
fn what_is_no_target_says_how_to_write_one() {
    let cases: [(&str, TargetError); 13] = [
        ("localhost", TargetError::NoPort("localhost".into())),
        ("", TargetError::NoPort(String::new())),
        ("[::1]", TargetError::NoPort("[::1]".into())),
        ("127.0.0.1 17011", TargetError::NoPort("127.0.0.1 17011".into())),
        (":6379", TargetError::NoHost(":6379".into())),
        ("[]:6379", TargetError::NoHost("[]:6379".into())),
        ("::1:6379", TargetError::Brackets("::1:6379".into())),
        ("host:", TargetError::Port(String::new())),
        ("host:0", TargetError::Port("0".into())),
        ("host:+1", TargetError::Port("+1".into())),
        ("host:65536", TargetError::Port("65536".into())),
        ("unix:", TargetError::NoPath),
        ("redis://:secret@host:6379", TargetError::Url),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Target>(), Err(error.clone()), "{text}");
        assert!(!error.to_string().contains("secret"));
    }
}

/// The example of a message is an address, whatever was typed.
#[test]
fn a_target_without_a_port_has_an_address_in_its_message() {
    let cases = [
        ("localhost", "localhost:6379"),
        ("10.0.0.5", "10.0.0.5:6379"),
        ("[::1]", "[::1]:6379"),
        ("", "127.0.0.1:6379"),
        ("127.0.0.1 17011", "127.0.0.1:6379"),
        ("[::1", "127.0.0.1:6379"),
        ("a\tb", "127.0.0.1:6379"),
        ("[]", "127.0.0.1:6379"),
    ];
    for (text, address) in cases {
        let message = text.parse::<Target>().unwrap_err().to_string();
        let expected = format!("{text:?} has no port: write host:port, for example {address}, or unix:PATH");
        assert_eq!(message, expected);
    }
}
