//! The state of a process that Rust's runtime sets and C's does not: `tests/c/process.c`.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use crate::build::{How, program, run};
use crate::folder::Folder;
use crate::live::Example;
use crate::scripted_nodes::{Node, Plan};
use crate::server::{Kind, Server};

const ROUNDS: usize = 20;

fn process(address: &str, tls: &[String]) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program("tests/c/process.c", How::Debug)));
    command.arg(address).args(tls);
    command
}

/// The program ends with a status, not by a signal.
fn ends_well(address: &str, tls: &[String]) {
    let said = String::from_utf8(run(&mut process(address, tls)).stdout).unwrap();
    assert!(said.starts_with("REDTAIL_ERROR_") || said == "REDTAIL_CLOSED\n", "{said}");
}

#[cfg(feature = "tls")]
fn tls_file(name: &str) -> String {
    crate::build::root().join("tests/data/tls").join(name).display().to_string()
}

/// The server completes the handshake and resets the connection, so that every later write of the program fails.
#[cfg(feature = "tls")]
#[test]
fn a_lost_tls_connection_is_no_signal() {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection};
    use socket2::SockRef;

    let chain = CertificateDer::pem_file_iter(tls_file("server.crt")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(tls_file("server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut link in listener.incoming().flatten() {
            let mut server = ServerConnection::new(Arc::clone(&config)).unwrap();
            while server.is_handshaking() {
                server.complete_io(&mut link).unwrap();
            }
            SockRef::from(&link).set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    for _ in 0..ROUNDS {
        ends_well(&address, &[tls_file("ca.crt"), "redis.test".into()]);
    }
}

#[test]
fn a_lost_connection_is_no_signal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(drop));
    (0..ROUNDS).for_each(|_| ends_well(&address, &[]));
    let folder = Folder::new("no-signal");
    let path = folder.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    // Some connections are closed before the program writes, the others after its first request.
    thread::spawn(move || {
        for (number, link) in listener.incoming().flatten().enumerate() {
            if number % 2 == 1 {
                let _ = (&link).read(&mut [0; 64]);
            }
        }
    });
    (0..ROUNDS).for_each(|_| ends_well(&format!("unix:{}", path.display()), &[]));
}

/// The parent follows on, whatever its child calls, and at any moment of its threads.
#[test]
fn a_child_of_a_cluster_cannot_disturb() {
    let plan = Plan::default();
    let nodes = [('a', (0, 8191)), ('b', (8192, 16383))].map(|(digit, slots)| Node::start(&plan, digit, &[slots]));
    let positions = nodes.each_ref().map(Node::beginning).join(";");
    let mut command = Command::new(program("tests/c/forks.c", How::Debug));
    command.arg(format!("127.0.0.1:{}", nodes[0].port));
    let mut parent = Example::start(command, &[positions]);
    assert_eq!(parent.line(), "attached");
    assert_eq!(parent.line(), "forked");
    nodes.iter().for_each(|node| node.write(&["SET", "k", "v"]));
    assert_eq!(parent.line(), "wrote");
    parent.end();
    assert_eq!(nodes.each_ref().map(Node::links), [1, 1]);
}

/// Over TCP and a Unix socket, and over TLS.
#[test]
#[ignore = "needs real servers: tests/servers, tests/tools"]
fn the_state_of_the_process_is_left_alone() {
    let follow = |server: &mut Server, address: &str, tls: &[String]| {
        let mut example = Example::start(process(address, tls), &[]);
        assert_eq!(example.line(), "attached");
        server.call(&["SET", "k", "v"]);
        assert_eq!(example.line(), "SET k");
        server.kill();
        let line = example.line();
        assert!(line.starts_with("REDTAIL_"), "{line}");
        example.end();
        server.start_again();
    };
    let mut server = Server::start(Kind::Redis70);
    let addresses = [server.address(), format!("unix:{}", server.socket().display())];
    for address in addresses {
        follow(&mut server, &address, &[]);
    }
    #[cfg(feature = "tls")]
    {
        let port = crate::help::free_port();
        let (ca, certificate, key) = (tls_file("ca.crt"), tls_file("server.crt"), tls_file("server.key"));
        let listens = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no", "--tls-ca-cert-file", &ca];
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        let mut server = Server::start_with(Kind::Redis70, &[&listens[..], &files].concat());
        follow(&mut server, &format!("127.0.0.1:{port}"), &[ca.clone(), "redis.test".into()]);
    }
}
