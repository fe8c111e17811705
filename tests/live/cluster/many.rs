//! A server that plays many nodes, each at a port of its own. They are in another process, so that the memory and the
//! threads of this one are a follower's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::server::Server;

/// The environment variable with the number of shards and the port of the server.
const PLAYED: &str = "REDTAIL_PLAYED_NODES";
const SEED: &str = "the first node: ";

pub(crate) struct Many {
    process: Child,
    pub(crate) seed: String,
}

impl Many {
    pub(crate) fn start(shards: usize, server: &Server) -> Many {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "cluster::many::nodes_in_a_process_of_their_own", "--nocapture"])
            .env(PLAYED, format!("{shards} {}", server.port))
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let lines = BufReader::new(process.stdout.take().expect("it is a pipe")).lines();
        let found = |line: String| line.split_once(SEED).map(|(_, seed)| seed.to_owned());
        let seed = lines.map_while(Result::ok).find_map(found).expect("a seed");
        Many { process, seed }
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        self.process.kill().expect("kill the nodes");
        self.process.wait().expect("wait for the nodes");
    }
}

/// Not a test: the other process. Only its parent sets the variable.
#[test]
#[ignore = "the process that another test starts"]
fn nodes_in_a_process_of_their_own() {
    let Ok(played) = std::env::var(PLAYED) else { return };
    let (shards, server) = played.split_once(' ').expect("two numbers");
    let (shards, server): (usize, u16) = (shards.parse().expect("a number"), server.parse().expect("a port"));
    let listeners: Vec<_> = (0..shards).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect();
    let shard = |(at, port): (usize, &u16)| {
        let (first, last) = (at * 16_384 / shards, (at + 1) * 16_384 / shards - 1);
        format!(
            "*4\r\n+slots\r\n*2\r\n:{first}\r\n:{last}\r\n+nodes\r\n*1\r\n*6\r\n+id\r\n+{at:040}\r\n+port\r\n:{port}\r\n+role\r\n+master\r\n"
        )
    };
    let topology = format!("*{shards}\r\n{}", ports.iter().enumerate().map(shard).collect::<String>());
    std::thread::scope(|scope| {
        for (at, listener) in listeners.into_iter().enumerate() {
            let topology = &topology;
            scope.spawn(move || {
                for link in listener.incoming() {
                    scope.spawn(move || play(at, link.expect("a link"), server, topology));
                }
            });
        }
        println!("{SEED}127.0.0.1:{}", ports[0]);
    });
}

/// Replies to CLUSTER; the server replies to everything else.
fn play(at: usize, mut link: TcpStream, server: u16, topology: &str) {
    let mut other = TcpStream::connect(("127.0.0.1", server)).expect("the server");
    let (mut from, mut to) = (other.try_clone().expect("a handle"), link.try_clone().expect("a handle"));
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut to);
        let _closed = to.shutdown(std::net::Shutdown::Both);
    });
    let mut space = [0; 1024];
    while let Ok(length @ 1..) = link.read(&mut space) {
        let says = |word: &[u8]| space[..length].windows(word.len()).any(|window| window == word);
        let sent = match () {
            () if says(b"MYID") => link.write_all(format!("+{at:040}\r\n").as_bytes()),
            () if says(b"SHARDS") => link.write_all(topology.as_bytes()),
            () if says(b"CLUSTER") => link.write_all(b"-ERR not known\r\n"),
            () => other.write_all(&space[..length]),
        };
        if sent.is_err() {
            break;
        }
    }
    let _closed = other.shutdown(std::net::Shutdown::Both);
}
