//! A connection that can be cut at a chosen byte: a proxy in front of a server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::server::Server;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    to: AtomicU16,
    stopped: AtomicBool,
    held: AtomicBool,
    links: Mutex<Vec<TcpStream>>,
    cuts: Mutex<Vec<Cut>>,
    connections: AtomicU32,
}

/// The moment of a cut, by the bytes of the server. Each cut happens once.
#[derive(Clone)]
pub(crate) enum Cut {
    /// Directly after these bytes.
    Behind(Vec<u8>),
    /// After this number of bytes of the next connection.
    After(usize),
}

impl Proxy {
    pub(crate) fn start(server: &Server) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the proxy");
        let port = listener.local_addr().expect("its own address").port();
        let shared = Arc::new(Shared::default());
        shared.to.store(server.port, Ordering::Release);
        let accepting = shared.clone();
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.stopped.load(Ordering::Acquire) {
                    return;
                }
                // For a stopped server the connection ends at once.
                if let Ok(client) = client {
                    accepting.link(client);
                }
            }
        });
        Proxy { port, shared, thread: Some(thread) }
    }

    /// The server of new connections.
    pub(crate) fn lead_to(&self, server: &Server) {
        self.shared.to.store(server.port, Ordering::Release);
    }

    /// New connections end at once, like those to a stopped server.
    pub(crate) fn lead_nowhere(&self) {
        self.shared.to.store(0, Ordering::Release);
    }

    /// Cuts connections one after another, in this order.
    pub(crate) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.shared.cuts.lock().expect("no link panicked").extend(cuts);
    }

    /// From now on nothing is delivered, and no connection ends; or everything is delivered again.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::Release);
    }

    /// Cuts every connection now.
    pub(crate) fn cut_now(&self) {
        for link in self.shared.links.lock().expect("no link panicked").drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    /// Whether all cuts have happened.
    pub(crate) fn is_done(&self) -> bool {
        self.shared.cuts.lock().expect("no link panicked").is_empty()
    }

    /// The number of connections made.
    pub(crate) fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.cut_now();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn link(self: &Arc<Shared>, client: TcpStream) {
        self.connections.fetch_add(1, Ordering::AcqRel);
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.to.load(Ordering::Acquire))) else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("set TCP_NODELAY");
            self.links.lock().expect("no link panicked").push(stream.try_clone().expect("a second handle"));
        }
        let twins = (client.try_clone().expect("a second handle"), server.try_clone().expect("a second handle"));
        let shared = self.clone();
        std::thread::spawn(move || shared.copy(twins.0, twins.1));
        let shared = self.clone();
        std::thread::spawn(move || shared.copy_until_cut(server, client));
    }

    /// From the server to the client, up to the byte of the next cut.
    fn copy_until_cut(&self, mut from: TcpStream, mut to: TcpStream) {
        let (mut piece, mut sent, mut recent) = (vec![0; 64 << 10], 0, Vec::new());
        'link: while let Ok(count @ 1..) = from.read(&mut piece) {
            self.wait_while_held();
            let mut cuts = self.cuts.lock().expect("no link panicked");
            let at = match cuts.first() {
                None => None,
                Some(Cut::After(most)) => most.checked_sub(sent).filter(|&left| left <= count),
                Some(Cut::Behind(text)) => {
                    let known = recent.len();
                    recent.extend_from_slice(&piece[..count]);
                    let at = recent.windows(text.len()).position(|window| window == text);
                    let found = at.map(|at| (at + text.len()).saturating_sub(known));
                    recent.drain(..recent.len().saturating_sub(text.len() - 1));
                    found
                }
            };
            if let Some(at) = at {
                cuts.remove(0);
                drop(cuts);
                let _ = to.write_all(&piece[..at]);
                break 'link;
            }
            drop(cuts);
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
            sent += count;
        }
        // The bytes must arrive before the end does: the other direction stays open for a moment.
        let _ = to.shutdown(Shutdown::Write);
        std::thread::sleep(Duration::from_millis(5));
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            self.wait_while_held();
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn wait_while_held(&self) {
        while self.held.load(Ordering::Acquire) && !self.stopped.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
