//! Nodes that use TLS with each other and with all clients.

use super::nodes::{NODE, Nodes, cluster_over};
use crate::help::free_port;
use crate::server::{Kind, Server};
use crate::tls::file;

/// Primaries that use TLS among each other, and at these ports with clients.
pub(crate) fn start(primaries: usize, replicas: usize) -> (Nodes, Vec<u16>) {
    let files = [file("ca.crt"), file("server.crt"), file("server.key")];
    let nodes = (0..primaries * (replicas + 1)).map(|_| {
        let port = free_port();
        let text = port.to_string();
        let [ca, certificate, key] = &files;
        let mut args = NODE.to_vec();
        args.extend(["--tls-port", &text, "--tls-ca-cert-file", ca, "--tls-cert-file", certificate]);
        args.extend(["--tls-key-file", key, "--tls-auth-clients", "no"]);
        args.extend(["--tls-cluster", "yes", "--tls-replication", "yes"]);
        (Server::start_with(Kind::Redis70, &args), port)
    });
    let (servers, ports): (Vec<Server>, Vec<u16>) = nodes.unzip();
    let addresses: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let replicas = replicas.to_string();
    let mut args = vec!["create"];
    args.extend(addresses.iter().map(String::as_str));
    args.extend(["--cluster-replicas", &replicas]);
    cluster_over(Kind::Redis70, &["--tls", "--cacert", &files[0]], &args);
    let nodes = Nodes { servers };
    nodes.are_whole();
    (nodes, ports)
}
