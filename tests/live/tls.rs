//! TLS against a real server: valid certificates, each kind of invalid one, and lost connections.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use redtail::net::{Builder, Socket, Timeouts, Tls, TlsError, Verify};
use redtail::{AttachMethod, Error, Event, Follower, SessionError, Start};

use crate::copy::{count, fill, replay, same_data};
use crate::follow::{BACKOFF, Watch};
use crate::help::{eventually, free_port, output};
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};

/// A server with TLS next to its plain port. Only Debian's has it built in.
struct Secured {
    server: Server,
    port: u16,
}

impl Secured {
    fn start(certificate: &str, more: &[&str]) -> Secured {
        let port = free_port();
        let (ca, certificate, key) =
            (file("ca.crt"), file(&format!("{certificate}.crt")), file(&format!("{certificate}.key")));
        let port_text = port.to_string();
        let mut args = vec!["--tls-port", &port_text, "--tls-ca-cert-file", &ca, "--tls-cert-file", &certificate];
        args.extend(["--tls-key-file", &key, "--tls-auth-clients", "no"]);
        args.extend(more);
        Secured { server: Server::start_with(Kind::Redis70, &args), port }
    }

    fn follow(&self, host: &str, tls: Tls) -> Builder {
        Follower::builder(format!("{host}:{}", self.port)).control(true).reconnect(BACKOFF).tls(tls)
    }

    /// The reason why a follower cannot connect.
    fn refused(&self, host: &str, tls: Tls) -> TlsError {
        match self.follow(host, tls).connect() {
            Err(Error::Connect { source, .. }) => TlsError::find(&source).expect("an error of TLS").clone(),
            other => panic!("{other:?}"),
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

pub(crate) fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

fn trusting() -> Tls {
    Tls::new().ca_file(file("ca.crt"))
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn everything_comes_over_tls() {
    let secured = Secured::start("server", &[]);
    let server = &secured.server;
    fill(server);
    let watch = Watch::attached(secured.follow("127.0.0.1", trusting()).start(Start::Snapshot));
    count(server, "after", 0..100);
    watch.reaches(server.offset());
    let seen = watch.stop();
    let copy = Server::start_from_dump(Kind::Redis70, &seen.snapshot);
    let stream = seen.stream();
    let db = stream.first().and_then(|first| first.db).unwrap_or(0);
    replay(&copy, db, &stream);
    same_data(server, &copy);
    eventually("the server has seen the end", || server.info("replication")["connected_slaves"] == "0");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_certificate_is_good_or_an_error_says_what_is_wrong_with_it() {
    let secured = Secured::start("server", &[]);
    // By address, by name, by a given name, by a folder of authorities, and without verification.
    for (host, tls) in [
        ("127.0.0.1", trusting()),
        ("localhost", trusting()),
        ("127.0.0.1", trusting().server_name("redis.test")),
        ("127.0.0.1", trusting().server_name("elsewhere.test").verify(Verify::Authority)),
        ("127.0.0.1", Tls::new().ca_folder(file(""))),
        ("127.0.0.1", Tls::new().verify(Verify::Nothing)),
        // The certificate itself as the trusted one.
        ("127.0.0.1", Tls::new().ca_file(file("server.crt")).verify(Verify::Authority)),
    ] {
        drop(Watch::attached(secured.follow(host, tls)));
    }
    let stranger = Tls::new().ca_file(file("stranger.crt"));
    assert_eq!(secured.refused("127.0.0.1", stranger.clone()), TlsError::UnknownAuthority);
    assert_eq!(secured.refused("127.0.0.1", stranger.verify(Verify::Authority)), TlsError::UnknownAuthority);
    let presented = ["localhost", "redis.test", "127.0.0.1"].map(String::from).to_vec();
    let wrong = trusting().server_name("other.test");
    assert_eq!(secured.refused("127.0.0.1", wrong), TlsError::Name { expected: "other.test".into(), presented });

    let nameless = Secured::start("nameless", &[]);
    let words = nameless.refused("localhost", trusting()).to_string();
    assert!(words.contains("it has no name"), "{words}");
    drop(Watch::attached(nameless.follow("localhost", trusting().verify(Verify::Authority))));

    let expired = Secured::start("expired", &[]);
    for tls in [trusting(), trusting().verify(Verify::Authority)] {
        assert!(matches!(expired.refused("localhost", tls), TlsError::Expired { ago } if ago.as_secs() >= 86_400));
    }
}

/// The certificates of these tests end in 2101, and no other has lasted longer than a century.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_certificate_tells_when_it_will_end() {
    let secured = Secured::start("server", &[]);
    let target = secured.address().parse().expect("an address");
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let left = |tls: Tls, time| match Socket::connect_tls(&target, &Timeouts::default(), &tls).expect("connect") {
        Socket::Tls(stream) => stream.expires_within(time),
        other => panic!("{other:?}"),
    };
    for tls in [trusting(), trusting().verify(Verify::Authority)] {
        assert_eq!(left(tls.clone(), days(14)), None);
        assert!(left(tls, days(36_600)).is_some_and(|left| left < days(36_600) && left > days(14)));
    }
    assert_eq!(left(Tls::new().verify(Verify::Nothing), days(36_600)), None);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_may_ask_for_our_certificate() {
    let secured = Secured::start("server", &["--tls-auth-clients", "yes"]);
    drop(Watch::attached(secured.follow("127.0.0.1", trusting().identity(file("client.crt"), file("client.key")))));
    // With TLS 1.3 a client learns only after its handshake that a certificate was required.
    let watch = Watch::start(secured.follow("127.0.0.1", trusting()).reconnect(redtail::Backoff::OFF));
    let (_, error) = watch.fails();
    assert!(error.to_string().contains("requires a client certificate"), "{error}");
    let older = Secured::start("server", &["--tls-auth-clients", "yes", "--tls-protocols", "TLSv1.2"]);
    assert_eq!(older.refused("127.0.0.1", trusting()), TlsError::CertificateWanted);
    let others = trusting().identity(file("client.crt"), file("server.key"));
    assert!(matches!(older.refused("127.0.0.1", others), TlsError::Identity { .. }));
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn what_is_no_tls_says_so_in_time() {
    let limit = Duration::from_millis(500);
    let refused = |address: &str| match Follower::builder(address).connect_timeout(limit).tls(trusting()).connect() {
        Err(Error::Connect { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    };
    let server = Server::start(Kind::Redis70);
    let words = refused(&server.address());
    assert!(words.contains("is it the port without TLS?"), "{words}");
    // A server that accepts the hello, is silent, and stays; and one that leaves in the middle.
    for stays in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let peer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).expect("a hello");
            while stays && stream.read(&mut hello).is_ok_and(|count| count > 0) {}
        });
        let began = Instant::now();
        let words = refused(&address);
        assert!(
            words.contains(if stays { "was not complete within 500 ms" } else { "closed the connection during" }),
            "{words}"
        );
        assert!(!stays || began.elapsed() >= limit);
        peer.join().expect("the peer ends");
    }
    // The reverse: the plain protocol at a TLS port.
    let secured = Secured::start("server", &[]);
    let watch = Watch::start(Follower::builder(secured.address()).reconnect(redtail::Backoff::OFF));
    let (_, error) = watch.fails();
    assert!(matches!(error, Error::Session(ref error) if matches!(**error, SessionError::Lost { .. })), "{error}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_link_over_tls_that_is_cut_goes_on() {
    let secured = Secured::start("server", &[]);
    let server = &secured.server;
    server.make_backlog();
    let watch = Watch::attached(secured.follow("127.0.0.1", trusting()));
    let mut expected = Vec::new();
    for round in 1..=5 {
        expected.extend(count(server, &format!("round{round}:"), 0..200));
        server.drop_replicas();
        expected.extend(count(server, &format!("meanwhile{round}:"), 0..200));
        watch.wait("attached again", |seen| seen.attached().len() > round);
    }
    watch.reaches(server.offset());
    let seen = watch.stop();
    assert_eq!(seen.texts(), expected);
    assert!(seen.gaps().is_empty());
    assert!(seen.attached()[1..].iter().all(|attached| attached.method == AttachMethod::Continued));
}

/// The server drops a replica that is silent for two seconds. This one is blocked in its consumer for five, and sends
/// heartbeats only through its handle. Then the connection is silent for as long, and blocked in a read.
#[test]
#[ignore = "needs real servers: tests/run"]
fn other_threads_are_heard_over_tls() {
    let secured = Secured::start("server", &["--repl-timeout", "2"]);
    let server = &secured.server;
    server.make_backlog();
    let mut follower = secured.follow("127.0.0.1", trusting()).connect().expect("connect");
    let handle = follower.handle();
    let mut slept = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !handle.is_stopped() {
                handle.heartbeat().expect("the link lives");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        while let Some(event) = follower.next_event().expect("it follows") {
            match event {
                Event::Attached(_) => drop(count(server, "k", 0..3)),
                Event::Command(_) => {
                    slept += 1;
                    if slept == 1 {
                        std::thread::sleep(Duration::from_secs(5));
                    }
                    if slept == 3 {
                        // From here on next() blocks in a read, and is stopped there.
                        let handle = handle.clone();
                        scope.spawn(move || {
                            std::thread::sleep(Duration::from_secs(5));
                            handle.stop();
                        });
                    }
                }
                Event::Disconnected(lost) => panic!("{lost}"),
                _ => {}
            }
        }
    });
    assert_eq!(slept, 3);
    eventually("the server has seen the end", || server.info("replication")["connected_slaves"] == "0");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_speaks_tls() {
    let secured = Secured::start("server", &["--tls-auth-clients", "yes"]);
    let url = format!("rediss://{}", secured.address());
    let (ca, certificate, key) = (file("ca.crt"), file("client.crt"), file("client.key"));
    let mut tool =
        Tool::start(&["tail", &url, "--format", "json", "--cacert", &ca, "--cert", &certificate, "--key", &key]);
    tool.event_named("attached");
    secured.server.call(&["SET", "k", "v"]);
    assert_eq!(tool.event_named("command")["args"][1], "k");
    tool.signal("TERM");
    assert!(tool.wait().success());

    let address = secured.address();
    for (args, words) in [
        (vec!["tail", &address], "if the server requires TLS, use --tls, or rediss:// before the address"),
        (vec!["tail", &address, "--tls"], "--cacert FILE"),
        (
            vec!["tail", &address, "--tls", "--cacert", &ca, "--sni", "a.test"],
            "it is for localhost, redis.test, 127.0.0.1; connect to that name, or use --sni",
        ),
        (vec!["tail", &address, "--tls", "--cacert", &ca], "requires a client certificate"),
        (
            vec!["tail", &address, "--tls", "--insecure", "--reconnect", "never"],
            "the server's certificate is not verified",
        ),
        (vec!["tail", &address, "--tls", "--cacert", "/nowhere"], "/nowhere: No such file"),
    ] {
        let ended = output(&mut redtail(&args), b"");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!(ended.status.code(), Some(1), "{said}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_doctor_and_saved_snapshots_go_over_tls_too() {
    let secured = Secured::start("server", &["--save", "3600 1"]);
    secured.server.make_backlog();
    let address = secured.address();
    let doctor = |arguments: &[&str]| {
        let output = redtail(&[&["doctor", &address, "--sample", "0.02"], arguments].concat()).output();
        let output = output.expect("run the tool");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let (code, page) = doctor(&["--tls", "--cacert", &file("ca.crt")]);
    assert_ne!(code, Some(1), "{page}");
    assert!(page.starts_with(&format!("rediss://{address}\n")) && page.contains("Redis 7.0."), "{page}");
    let (code, page) = doctor(&["--tls"]);
    assert!(code == Some(1) && page.contains("not signed by a trusted") && page.contains("--cacert FILE"), "{page}");
    // With the wrong protocol, the right one is found.
    let (code, page) = doctor(&[]);
    assert!(code == Some(1) && page.contains("requires TLS"), "{page}");
    assert!(page.contains(&format!("  shell> redtail doctor rediss://{address}\n")), "{page}");
    let plain = secured.server.address();
    let page = redtail(&["doctor", &plain, "--tls", "--insecure"]).output().expect("run the tool");
    let page = String::from_utf8(page.stdout).expect("UTF-8");
    assert!(
        page.contains("does not speak TLS") && page.contains(&format!("  shell> redtail doctor {plain}\n")),
        "{page}"
    );

    fill(&secured.server);
    let saved = secured.server.folder().join("saved.rdb");
    let path = saved.to_str().expect("UTF-8");
    let output = Tool::run(&["snapshot", &address, "--tls", "--cacert", &file("ca.crt"), "-o", path], b"");
    assert!(output.status.success(), "{output:?}");
    let copy = Server::start_from_dump(Kind::Redis70, &std::fs::read(&saved).expect("the snapshot"));
    same_data(&secured.server, &copy);
}

/// A certificate of X.509 version 1 has no names, and its chain can't be verified. Its key still can.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_certificate_of_version_1_is_accepted_for_its_key_alone() {
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let secured = Secured::start("version1", &["--tls-protocols", protocol]);
        let itself = Tls::new().ca_file(file("version1.crt"));
        for tls in [Tls::new().verify(Verify::Nothing), itself.clone().verify(Verify::Authority)] {
            drop(Watch::attached(secured.follow("127.0.0.1", tls)));
        }
        for tls in [itself, trusting(), trusting().verify(Verify::Authority)] {
            let error = secured.refused("127.0.0.1", tls);
            assert_eq!(error, TlsError::Version1, "{protocol}");
            assert!(error.to_string().contains("openssl x509 -req"), "{error}");
        }
        let examined = Tool::run(&["doctor", &secured.address(), "--tls", "--cacert", &file("ca.crt")], b"");
        // The report breaks its lines.
        let report = String::from_utf8_lossy(&examined.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(report.contains("X.509 version 1") && report.contains("openssl x509 -req"), "{report}");
    }
}
