//! A real server with a large backlog of real commands, and its stream to a replica.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A separate redis-server on a free port, without persistence. It ends when the value is dropped.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server whose backlog holds `backlog` bytes. `None` if there is no redis-server on the path.
    pub(crate) fn start(backlog: usize) -> io::Result<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("redtail-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--repl-backlog-size", &backlog.to_string(), "--repl-diskless-sync-delay", "0"])
            .args(["--client-output-buffer-limit", "replica", "0", "0", "0", "--repl-timeout", "3600"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn();
        let child = match child {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            child => child?,
        };
        let server = Self { child, folder, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other("redis-server does not answer"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    /// The server's working folder. It is removed with the value.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads a line of INFO.
    pub(crate) fn info(&self, field: &str) -> io::Result<String> {
        let mut link = self.connect()?;
        link.write_all(b"INFO\r\n")?;
        let length = line(&mut link)?.trim_start_matches('$').parse().map_err(io::Error::other)?;
        let mut text = vec![0; length];
        link.read_exact(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        found.map(str::to_owned).ok_or_else(|| io::Error::other(format!("INFO has no {field}")))
    }

    /// Makes the server keep a backlog from now on. Returns the replication id and offset. The server forks once for
    /// it.
    pub(crate) fn begin_backlog(&self) -> io::Result<(String, u64)> {
        let mut link = self.connect()?;
        link.write_all(b"PSYNC ? -1\r\n")?;
        let reply = line(&mut link)?;
        let mut words = reply.split(' ').skip(1);
        let (Some(id), Some(offset)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("PSYNC: {reply}")));
        };
        let (id, offset) = (id.to_owned(), offset.trim().parse().map_err(io::Error::other)?);
        // The stream begins after the snapshot: the connection is no longer needed then.
        let began = Instant::now();
        link.set_read_timeout(Some(Duration::from_millis(300)))?;
        let mut rest = [0; 4096];
        while began.elapsed() < Duration::from_secs(2) && !matches!(link.read(&mut rest), Err(_) | Ok(0)) {}
        Ok((id, offset))
    }

    /// Writes about `bytes` of stream with redis-benchmark, in rounds of eight kinds of commands.
    pub(crate) fn fill(&self, bytes: u64) -> io::Result<()> {
        let goal = self.offset()? + bytes;
        while self.offset()? < goal {
            let turn = 60_000.min((goal - self.offset()?) / 90 / 8 + 1_000).to_string();
            self.benchmark(&turn, &["-t", "set,incr,lpush,sadd,hset,zadd"])?;
            self.benchmark(&turn, &["SETEX", "session:__rand_int__", "3600", "0123456789abcdef"])?;
            self.benchmark(&turn, &["XADD", "mystream", "*", "field", "0123456789abcdef"])?;
            self.benchmark("1", &["DEL", "mylist", "mystream"])?;
        }
        Ok(())
    }

    pub(crate) fn offset(&self) -> io::Result<u64> {
        self.info("master_repl_offset")?.trim().parse().map_err(io::Error::other)
    }

    /// See [`Remote::resume`].
    pub(crate) fn resume(&self, id: &str, offset: u64) -> io::Result<TcpStream> {
        Remote { port: self.port }.resume(id, offset)
    }

    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        Remote { port: self.port }.connect()
    }

    fn benchmark(&self, requests: &str, args: &[&str]) -> io::Result<()> {
        let status = Command::new("redis-benchmark")
            .args([
                "-p",
                &self.port.to_string(),
                "-n",
                requests,
                "-P",
                "64",
                "-c",
                "8",
                "-r",
                "1000000",
                "-d",
                "64",
                "-q",
            ])
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("redis-benchmark: {status}"))) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A server on this machine that was started elsewhere.
pub(crate) struct Remote {
    pub(crate) port: u16,
}

impl Remote {
    /// Sends `PSYNC id offset+1` and returns the connection after +CONTINUE: the stream follows.
    pub(crate) fn resume(&self, id: &str, offset: u64) -> io::Result<TcpStream> {
        let mut link = self.connect()?;
        link.write_all(format!("PSYNC {id} {}\r\n", offset + 1).as_bytes())?;
        let reply = line(&mut link)?;
        if reply.starts_with("+CONTINUE") { Ok(link) } else { Err(io::Error::other(format!("PSYNC: {reply}"))) }
    }

    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let link = TcpStream::connect(("127.0.0.1", self.port))?;
        link.set_nodelay(true)?;
        Ok(link)
    }
}

/// The corpus `captured`: `size` bytes of a server's stream. `None` without a server.
pub(crate) fn captured(size: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(server) = Server::start(size + (32 << 20))? else { return Ok(None) };
    let (id, offset) = server.begin_backlog()?;
    server.fill(size as u64)?;
    let mut link = server.resume(&id, offset)?;
    let mut bytes = vec![0; usize::try_from(server.offset()? - offset).map_err(io::Error::other)?];
    link.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// Reads one line, byte by byte: the bytes after it must stay in the socket.
fn line(link: &mut TcpStream) -> io::Result<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        link.read_exact(&mut byte)?;
        text.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}
