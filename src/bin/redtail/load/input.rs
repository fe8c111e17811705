//! The input, read on a thread of its own: while it is silent, the replies to everything before it are read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;

use crate::args::Load;
use crate::failure::Failure;
use crate::load::destination::Destination;
use crate::target::node::SILENCE;

/// In bytes.
const CHUNK: usize = 64 << 10;
/// The chunks that are read ahead.
const AHEAD: usize = 4;

pub(super) struct Input {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
    target: Rc<RefCell<dyn Destination>>,
}

impl Input {
    pub(super) fn open(options: &Load, target: Rc<RefCell<dyn Destination>>) -> Result<Self, Failure> {
        let name = options.file.display();
        let failed = |error: io::Error| Failure::Message(format!("can't read {name}: {error}"));
        let source: Box<dyn Read + Send> = match options.is_standard_input() {
            true => Box::new(io::stdin()),
            false => Box::new(File::open(&options.file).map_err(failed)?),
        };
        let (sender, chunks) = sync_channel(AHEAD);
        thread::Builder::new().name("redtail-input".into()).spawn(move || read(source, &sender)).map_err(failed)?;
        Ok(Self { chunks, chunk: Vec::new(), used: 0, target })
    }

    /// `None` at the end of the input.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.chunks.try_recv() {
            Ok(chunk) => return chunk.map(Some),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => {}
        }
        let mut target = self.target.borrow_mut();
        let mut outcome = target.settle();
        while outcome.is_ok() {
            match self.chunks.recv_timeout(SILENCE) {
                Ok(chunk) => return chunk.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => outcome = target.keep_alive(),
            }
        }
        outcome.map(|()| None).map_err(|failure| {
            target.progress().fail(failure);
            ErrorKind::Other.into()
        })
    }
}

impl Read for Input {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            let Some(chunk) = self.next()? else { return Ok(0) };
            (self.chunk, self.used) = (chunk, 0);
        }
        let count = self.chunk.get(self.used..).unwrap_or_default().read(space)?;
        self.used += count;
        Ok(count)
    }
}

fn read(mut source: Box<dyn Read + Send>, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match source.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => {
                chunk.truncate(count);
                Ok(chunk)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_over = read.is_err();
        if chunks.send(read).is_err() || is_over {
            return;
        }
    }
}
