//! The output, which all shards of a cluster share.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use redtail::topology::{Notice, Shard, Stopper};
use redtail::{Event, OnGap};

use crate::args::{Follow, OutputFormat};
use crate::failure::Failure;
use crate::follow::notices;
use crate::output_writer::OutputWriter;
use crate::stats::StatusWriter;
use crate::terminal::log;

pub(super) struct SharedStdout {
    out: Mutex<BufWriter<StatusWriter<OutputWriter>>>,
    format: OutputFormat,
    on_gap: OnGap,
    failure: Mutex<Option<Failure>>,
    /// Commands that the checkpoint has not counted yet.
    pub(super) uncounted: AtomicU64,
    /// A shard has attached or completed its snapshot since the last save.
    pub(super) has_begun: AtomicBool,
    /// A notice has ended the run.
    is_ended: AtomicBool,
    stopper: OnceLock<Stopper>,
}

impl SharedStdout {
    pub(super) fn new(options: &Follow) -> Result<Self, Failure> {
        let out = StatusWriter::new(OutputWriter::open(&options.output)?, &options.output);
        Ok(Self {
            out: Mutex::new(BufWriter::with_capacity(64 << 10, out)),
            format: options.output.format,
            on_gap: options.on_gap,
            failure: Mutex::default(),
            uncounted: AtomicU64::new(0),
            has_begun: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            stopper: OnceLock::new(),
        })
    }

    pub(super) fn flush(&self) -> Result<(), Failure> {
        Ok(self.out().flush()?)
    }

    pub(super) fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first failure.
    pub(super) fn fail(&self, failure: Failure) {
        self.failure().get_or_insert(failure);
    }

    /// Notes an event for the checkpoint.
    pub(super) fn note(&self, event: &Event<'_>) {
        match event {
            Event::Command(_) | Event::Part(_) => drop(self.uncounted.fetch_add(1, Ordering::AcqRel)),
            Event::Attached(_) | Event::SnapshotEnd(_) => self.has_begun.store(true, Ordering::Release),
            _ => {}
        }
    }

    /// Reports a notice on standard error, and in JSON. A shard that fails ends the run, so that no shard is silently
    /// missing.
    pub(super) fn notice(&self, notice: Notice) {
        log::say(notices::message(&notice));
        if let (OutputFormat::Json, Some(line)) = (self.format, notices::json(&notice))
            && let Err(error) = writeln!(self.out(), "{line}")
        {
            self.end(error.into());
            return;
        }
        match notice {
            Notice::Ended { error: Some(error), .. } => self.end(Failure::Follower(error)),
            Notice::Lost(_) if self.on_gap == OnGap::Stop => self.end(Failure::HistoryLost(
                "a saved shard is gone: --on-gap continue continues without it; until then the checkpoint keeps its \
                 position"
                    .into(),
            )),
            _ => {}
        }
    }

    /// Sets what a notice stops. Stops it at once after a notice that ends the run.
    pub(super) fn stop_with(&self, stopper: Stopper) {
        let stopper = self.stopper.get_or_init(|| stopper);
        if self.is_ended.load(Ordering::SeqCst) {
            stopper.stop();
        }
    }

    fn end(&self, failure: Failure) {
        self.fail(failure);
        self.is_ended.store(true, Ordering::SeqCst);
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
    }

    fn out(&self) -> MutexGuard<'_, BufWriter<StatusWriter<OutputWriter>>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The output of one shard. Whole lines, marked with the shard, go to standard output.
pub(super) struct ShardWriter {
    shard: Shard,
    stdout: Arc<SharedStdout>,
    held: Vec<u8>,
}

impl ShardWriter {
    pub(super) fn new(shard: &Shard, stdout: &Arc<SharedStdout>) -> Self {
        Self { shard: shard.clone(), stdout: Arc::clone(stdout), held: Vec::new() }
    }
}

impl Write for ShardWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(end) = self.held.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let target = self.shard.target();
        let mut out = self.stdout.out();
        for line in self.held[..=end].split_inclusive(|&byte| byte == b'\n') {
            match (self.stdout.format, line.strip_prefix(b"{")) {
                (OutputFormat::Json, Some(rest)) => {
                    write!(out, "{{\"shard\":\"{}\",", self.shard.id())?;
                    out.write_all(rest)?;
                }
                _ => {
                    write!(out, "{target} ")?;
                    out.write_all(line)?;
                }
            }
        }
        drop(out);
        self.held.drain(..=end);
        Ok(())
    }
}
