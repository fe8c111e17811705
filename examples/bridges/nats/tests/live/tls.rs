//! TLS with client certificates, to the server and to the broker.

use crate::servers::{Bridge, Broker, Folder, Node, Sentinel, certificate, eventually};

#[test]
#[ignore = "needs redis-server and nats-server: tests/soak jetstream"]
fn client_certificates_are_for_broker_and_server() {
    let folder = Folder::new();
    let node = Node::with_tls(&folder);
    let mut broker = Broker::new(&folder);
    broker.start_with_tls();
    let target = format!("rediss://127.0.0.1:{}", node.tls_port.expect("a port"));
    let mut bridge = Bridge::of(target, &folder.make("bridge"), &broker);
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(certificate);
    let to_server = ["--cacert", &ca, "--cert", &cert, "--cert-key", &key];
    let to_broker = ["--broker-cacert", &ca, "--broker-cert", &cert, "--broker-cert-key", &key];
    for missing in [&to_server[..], &to_broker] {
        // Without the certificates of the other side; the CA alone is not enough.
        let other = if missing == to_server { &to_broker[..2] } else { &to_server[..2] };
        let args = [missing, other].concat();
        bridge.start(&args);
        assert_eq!(bridge.wait(), Some(1), "{}", bridge.words());
        assert_eq!(bridge.places(), 0);
    }
    bridge.start(&[to_server, to_broker].concat());
    // The broker has confirmed where the stream begins.
    eventually("the bridge has a place", || bridge.places() == 1);
    node.ask(&["SET", "a", "1"]);
    let end = node.offset();
    eventually("the broker has it", || bridge.offset(&node).is_some_and(|saved| saved >= end));
    bridge.end();
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/soak jetstream"]
fn sentinels_without_tls_name_a_server_with_it() {
    let folder = Folder::new();
    let node = Node::with_tls(&folder);
    let sentinel = Sentinel::of_tls(&folder, &node);
    let mut broker = Broker::new(&folder);
    broker.start();
    let target = format!("rediss+sentinel://127.0.0.1:{}/orders", sentinel.port);
    let mut bridge = Bridge::of(target, &folder.make("bridge"), &broker);
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(certificate);
    let to_server = ["--cacert", &ca, "--cert", &cert, "--cert-key", &key];
    // TLS to the Sentinel, which has none.
    bridge.start(&to_server);
    assert_eq!(bridge.wait(), Some(1), "{}", bridge.words());
    bridge.start(&[&to_server[..], &["--sentinel-no-tls"]].concat());
    eventually("the bridge has a place", || bridge.places() == 1);
    bridge.end();
    for (args, why) in [
        (&["--sentinel-tls"][..], "--sentinel-tls has no effect"),
        (&["--sentinel-tls", "--sentinel-no-tls"], "cannot be used with"),
    ] {
        let mut refused = bridge.copy();
        refused.start(args);
        assert_eq!(refused.wait(), Some(2), "{}", refused.words());
        assert!(refused.words().contains(why), "{}", refused.words());
    }
}
