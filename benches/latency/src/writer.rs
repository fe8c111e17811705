//! The client: writes at a rate.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::arrivals::{LAST, WARM, key};

/// Writes with one connection, without waiting for the replies.
pub struct Writer {
    link: TcpStream,
}

impl Writer {
    pub fn new(link: TcpStream) -> io::Result<Self> {
        let mut replies = link.try_clone()?;
        std::thread::spawn(move || {
            let mut bytes = [0; 64 << 10];
            while matches!(replies.read(&mut bytes), Ok(1..)) {}
        });
        Ok(Self { link })
    }

    pub fn warm(&mut self) -> io::Result<()> {
        self.set(WARM)
    }

    pub fn last(&mut self) -> io::Result<()> {
        self.set(LAST)
    }

    fn set(&mut self, key: &str) -> io::Result<()> {
        self.link.write_all(format!("SET {key} 0\r\n").as_bytes())
    }

    /// Writes of a small value at `rate` a second. After a sleep all writes that are due are sent at once: at more than
    /// about 10,000 a second they leave in groups.
    pub fn write(&mut self, rate: u64, seconds: u64) -> io::Result<()> {
        let gap = Duration::from_nanos(1_000_000_000 / rate);
        let began = Instant::now();
        let (mut sent, total) = (0, rate * seconds);
        let mut group = Vec::new();
        while sent < total {
            group.clear();
            let due = (began.elapsed().as_nanos() / gap.as_nanos().max(1)) as u64 + 1;
            for _ in sent..due.min(total) {
                group.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$23\r\n");
                group.extend_from_slice(key().as_bytes());
                group.extend_from_slice(b"\r\n$16\r\n0123456789abcdef\r\n");
            }
            self.link.write_all(&group)?;
            sent = due.min(total);
            std::thread::sleep((began + gap * u32::try_from(sent).unwrap_or(u32::MAX)).duration_since(Instant::now()));
        }
        Ok(())
    }
}
