//! The nodes of a cluster.

use std::process::Command;
use std::time::Duration;

use redtail::net::Target;
use redtail::topology::Cluster;
use redtail::{Backoff, Builder};

use crate::help::{eventually, free_port, output};
use crate::server::{Kind, Server};

pub(crate) struct Nodes {
    pub(crate) servers: Vec<Server>,
}

impl Nodes {
    /// A cluster of this number of primaries, each with this number of replicas, in order.
    pub(crate) fn start(kind: Kind, primaries: usize, replicas: usize) -> Nodes {
        Nodes::of((0..primaries * (replicas + 1)).map(|_| node(kind)).collect(), replicas)
    }

    /// Three primaries at one port of different addresses. Clients are to be given hostnames, and there are none.
    pub(crate) fn at_one_port(kind: Kind) -> Nodes {
        let port = free_port();
        let start = |host: &'static str| {
            let args = ["--cluster-announce-ip", host, "--cluster-preferred-endpoint-type", "hostname"];
            Server::start_at(kind, host, port, &[&NODE[..], &args].concat())
        };
        Nodes::of(["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(start).into(), 0)
    }

    fn of(servers: Vec<Server>, replicas: usize) -> Nodes {
        let addresses: Vec<String> = servers.iter().map(Server::address).collect();
        let mut args = vec!["create"];
        args.extend(addresses.iter().map(String::as_str));
        let replicas = replicas.to_string();
        args.extend(["--cluster-replicas", &replicas]);
        cluster(servers[0].kind, &args);
        let nodes = Nodes { servers };
        nodes.are_whole();
        nodes
    }

    /// A follower of it, with short pauses and every command of the streams.
    pub(crate) fn cluster(&self) -> Builder<Cluster> {
        let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));
        let cluster = Cluster::builder(self.servers.iter().take(2).map(Server::address)).expect("addresses");
        cluster.control(true).reconnect(backoff).refresh(Duration::from_millis(500))
    }

    pub(crate) fn target(&self, node: usize) -> Target {
        self.servers[node].address().parse().expect("an address")
    }

    pub(crate) fn at(&self, target: &Target) -> Option<&Server> {
        self.servers.iter().find(|server| server.address() == target.to_string())
    }

    pub(crate) fn index_of(&self, target: &Target) -> usize {
        self.servers.iter().position(|server| server.address() == target.to_string()).expect("one of ours")
    }

    /// A replica of that node.
    pub(crate) fn replica_of(&self, primary: usize) -> usize {
        let port = self.servers[primary].port.to_string();
        let is_replica = |server: &Server| server.info("replication").get("master_port") == Some(&port);
        self.servers.iter().position(is_replica).expect("a replica")
    }

    /// Waits until every node reports a healthy cluster.
    pub(crate) fn are_whole(&self) {
        eventually("the cluster is whole", || {
            let replicas = self.servers.iter().filter(|server| server.info("replication")["role"] == "slave").count();
            self.servers.iter().all(|server| {
                let replication = server.info("replication");
                let count = server.call(&["CLUSTER", "INFO"]).text();
                let is_linked = replication.get("master_link_status").is_none_or(|link| link == "up");
                let known = format!("cluster_known_nodes:{}\r", self.servers.len());
                let nodes = server.call(&["CLUSTER", "NODES"]).text();
                let are_agreed = nodes.matches("slave").count() == replicas;
                is_linked && are_agreed && count.contains("cluster_state:ok") && count.contains(&known)
            })
        });
    }

    /// A new node without slots.
    pub(crate) fn add(&mut self) -> usize {
        let new = node(self.servers[0].kind);
        cluster(new.kind, &["add-node", &new.address(), &self.servers[0].address()]);
        self.servers.push(new);
        self.are_whole();
        self.servers.len() - 1
    }

    pub(crate) fn reshard(&self, from: usize, to: usize, slots: usize) {
        let id = |node: usize| self.servers[node].call(&["CLUSTER", "MYID"]).text();
        let (from, to, slots) = (id(from), id(to), slots.to_string());
        let address = self.servers[0].address();
        let kind = self.servers[0].kind;
        cluster(kind, &["reshard", &address, "--cluster-from", &from, "--cluster-to", &to, "--cluster-slots", &slots]);
    }

    /// Removes a node without slots.
    pub(crate) fn remove(&mut self, node: usize) {
        let id = self.servers[node].call(&["CLUSTER", "MYID"]).text();
        cluster(self.servers[node].kind, &["del-node", &self.servers[0].address(), &id]);
        self.servers.remove(node);
    }
}

pub(super) const NODE: [&str; 6] =
    ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--repl-backlog-size", "50mb"];

fn node(kind: Kind) -> Server {
    Server::start_with(kind, &NODE)
}

fn cluster(kind: Kind, args: &[&str]) {
    cluster_over(kind, &[], args);
}

pub(super) fn cluster_over(kind: Kind, link: &[&str], args: &[&str]) {
    let mut command = Command::new(kind.cli());
    command.args(link).arg("--cluster").args(args);
    if args[0] != "del-node" {
        command.arg("--cluster-yes");
    }
    let output = output(&mut command, b"");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
}
