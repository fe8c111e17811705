//! Sentinels with TLS in front of servers without it, and the reverse.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::run::run;

/// The first byte of a TLS handshake, and of a request.
const TLS: u8 = 0x16;
const PLAIN: u8 = b'*';

/// A listener that gives the first byte of each connection, and answers requests with `answer`.
fn listen(answer: String) -> (u16, Receiver<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, first) = channel();
    std::thread::spawn(move || {
        for link in listener.incoming().flatten() {
            if sender.send(serve(link, &answer)).is_err() {
                return;
            }
        }
    });
    (port, first)
}

fn serve(mut link: TcpStream, answer: &str) -> u8 {
    let mut request = [0; 4096];
    let length = link.read(&mut request).unwrap_or_default();
    let first = request[..length].first().copied().unwrap_or_default();
    if first == PLAIN {
        let _ = link.write_all(answer.as_bytes());
        // A Sentinel is asked more about the server, which this one does not know.
        while link.read(&mut request).is_ok_and(|length| length > 0) {
            let _ = link.write_all(b"-ERR unknown\r\n");
        }
    }
    first
}

#[test]
fn sentinels_and_servers_may_differ_in_tls() {
    for verb in ["tail", "snapshot", "doctor"] {
        for (options, sentinel, server) in [
            (&[][..], PLAIN, Some(PLAIN)),
            (&["--tls", "--insecure"], TLS, None),
            (&["--tls", "--insecure", "--sentinel-no-tls"], PLAIN, Some(TLS)),
            // This Sentinel can't answer, so that the server is never asked.
            (&["--sentinel-tls", "--insecure"], TLS, None),
        ] {
            let (server_port, at_server) = listen("-ERR not a server\r\n".into());
            let port = server_port.to_string();
            let (sentinel_port, at_sentinel) =
                listen(format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len()));
            let target = format!("redis+sentinel://127.0.0.1:{sentinel_port}/m");
            let ran = run(&[&[verb, &target][..], options].concat());
            assert_ne!(ran.code, 0, "{verb} {options:?}: {}", ran.err);
            assert_eq!(at_sentinel.recv().unwrap(), sentinel, "{verb} {options:?}: {}", ran.err);
            // The thread of the server may be slower than the tool.
            let heard = if server.is_some() { at_server.recv().ok() } else { at_server.try_recv().ok() };
            assert_eq!(heard, server, "{verb} {options:?}: {}", ran.err);
        }
    }
}

/// Every verb that connects to a server, and every option that would otherwise be ignored.
#[test]
fn options_of_sentinels_are_never_ignored() {
    let sentinels = "redis+sentinel://127.0.0.1:1/m";
    for verb in [&["tail"][..], &["tail", "--cluster"], &["snapshot"], &["record", "-o", "-"], &["doctor"]] {
        for (target, options, told) in [
            ("127.0.0.1:1", &["--sentinel-tls"][..], "--sentinel-tls is for targets"),
            ("127.0.0.1:1", &["--tls", "--sentinel-no-tls"], "--sentinel-no-tls is for targets"),
            ("127.0.0.1:1", &["--sentinel-user", "u"], "--sentinel-user is for targets"),
            ("127.0.0.1:1", &["--sentinel-password-file", "f"], "--sentinel-password-file is for targets"),
            ("127.0.0.1:1", &["--insecure"], "--insecure is for TLS"),
            ("127.0.0.1:1", &["--cacert", "f"], "--cacert is for TLS"),
            ("127.0.0.1:1", &["--sni", "n"], "--sni is for TLS"),
            ("127.0.0.1:1", &["--verify", "ca"], "--verify is for TLS"),
            (sentinels, &["--sentinel-no-tls"], "--sentinel-no-tls is for servers with TLS"),
            (sentinels, &["--sentinel-tls", "--tls"], "cannot be used with"),
            (sentinels, &["--insecure"], "--insecure is for TLS"),
        ] {
            let ran = run(&[verb, &[target], options].concat());
            assert!(ran.code == 2 && ran.err.contains(told), "{verb:?} {target} {options:?}: {}", ran.err);
        }
    }
}
