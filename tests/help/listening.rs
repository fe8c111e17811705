//! A server with a thread per connection. Dropping it closes all connections.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) struct Listening {
    pub(crate) port: u16,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Listens on this port; 0 picks a free one.
    pub(crate) fn at(port: u16, serve: impl Fn(Link<'_>) -> io::Result<()> + Send + Sync + 'static) -> Listening {
        Listening::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), serve)
    }

    pub(crate) fn on(
        listener: TcpListener,
        serve: impl Fn(Link<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Listening {
        let port = listener.local_addr().unwrap().port();
        let (stopped, serve) = (Arc::<AtomicBool>::default(), Arc::new(serve));
        let is_stopped = stopped.clone();
        let thread = thread::spawn(move || {
            let mut links = Vec::new();
            for link in listener.incoming() {
                if is_stopped.load(Ordering::Acquire) {
                    break;
                }
                let (stopped, serve, link) = (is_stopped.clone(), serve.clone(), link.unwrap());
                links.push(thread::spawn(move || {
                    link.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
                    link.set_nodelay(true).unwrap();
                    drop(serve(Link { socket: &link, stopped: &stopped }));
                }));
            }
            links.into_iter().for_each(|link| link.join().unwrap());
        });
        Listening { port, stopped, thread: Some(thread) }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stopped.store(true, Ordering::Release);
            drop(TcpStream::connect(("127.0.0.1", self.port)));
            thread.join().unwrap();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads until bytes arrive, or the server ends.
#[derive(Clone, Copy)]
pub(crate) struct Link<'l> {
    pub(crate) socket: &'l TcpStream,
    stopped: &'l AtomicBool,
}

impl Link<'_> {
    pub(crate) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl Read for Link<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(space) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.is_over() {
                        return Ok(0);
                    }
                }
                result => return result,
            }
        }
    }
}
