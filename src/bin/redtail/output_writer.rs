//! The output: standard output, or the file of `--output`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Stdout, Write};
use std::mem::take;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fs4::fs_std::FileExt;

use crate::args;
use crate::args::OutputFormat;
#[cfg(unix)]
use crate::background;
use crate::blocked::OUTPUT;
use crate::terminal::log;

/// Writes to the output of this process.
pub(crate) enum OutputWriter {
    Stdout(Stdout),
    File(&'static RotatedFile),
}

/// The file of `--output`. A process has one.
static FILE: OnceLock<RotatedFile> = OnceLock::new();

/// The file of `--output`, which another program may rename, so that it is opened again.
pub(crate) struct RotatedFile {
    path: PathBuf,
    format: OutputFormat,
    is_wanted: AtomicBool,
    open: Mutex<OpenFile>,
}

struct OpenFile {
    file: File,
    /// The last byte written ends a line, or with [`OutputFormat::Resp`] a command or transaction.
    is_whole: bool,
    /// The first bytes of the next file.
    beginning: Vec<u8>,
    /// The first bytes of this file. They are written with its next bytes.
    unwritten: Vec<u8>,
}

impl OutputWriter {
    /// Opens the output. If it ends inside a line, the line is ended first.
    pub(crate) fn open(options: &args::Output) -> Result<Self, String> {
        let Some(path) = &options.output else {
            end_line_of_stdout(options.format);
            return Ok(Self::stdout());
        };
        let file = open(path, options.format).map_err(|error| unwritable(path, &error))?;
        let open = OpenFile { file, is_whole: true, beginning: Vec::new(), unwritten: Vec::new() };
        Ok(Self::File(FILE.get_or_init(|| RotatedFile {
            path: path.clone(),
            format: options.format,
            is_wanted: AtomicBool::new(false),
            open: Mutex::new(open),
        })))
    }

    pub(crate) fn stdout() -> Self {
        Self::Stdout(io::stdout())
    }
}

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OUTPUT.during(|| match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(file) => file.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => OUTPUT.during(|| out.flush()),
            // A file has no buffer.
            Self::File(_) => Ok(()),
        }
    }
}

impl RotatedFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.open();
        let mut bytes = bytes;
        // A line feed ends no command.
        let has_lines = self.format != OutputFormat::Resp;
        if self.is_wanted.load(Ordering::SeqCst) {
            if open.is_whole {
                self.open_again(&mut open);
            } else if let Some(end) = bytes.iter().position(|&byte| has_lines && byte == b'\n') {
                bytes = &bytes[..=end];
            }
        }
        let unwritten = take(&mut open.unwritten);
        open.file.write_all(&unwritten)?;
        let count = open.file.write(bytes)?;
        if let Some(last) = bytes[..count].last() {
            open.is_whole = has_lines && *last == b'\n';
        }
        Ok(count)
    }

    /// Opens the path again once the file ends with a whole line or transaction.
    #[cfg(unix)]
    fn reopen(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        let mut open = self.open();
        if open.is_whole {
            self.open_again(&mut open);
        }
    }

    /// Keeps the old file if the path can't be opened.
    fn open_again(&self, open: &mut OpenFile) {
        if !self.is_wanted.swap(false, Ordering::SeqCst) {
            return;
        }
        let path = self.path.display();
        match another(&self.path, &open.file) {
            Ok(None) => log::say(format_args!("opened {path} again after SIGHUP")),
            Ok(Some(file)) => {
                // The next checkpoint syncs the new file only.
                let synced = sync(&open.file);
                open.file = file;
                open.unwritten = open.beginning.clone();
                log::say(format_args!("opened {path} again after SIGHUP"));
                if let Err(error) = synced {
                    log::fail(format_args!("can't sync the file before {path}: {error}"));
                }
            }
            Err(error) => {
                log::fail(format_args!("can't open {path} again after SIGHUP: {error}; the old file is written on"));
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, OpenFile> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the file of `--output` again. Returns whether there is one. Only Unix has the signal for it.
#[cfg(unix)]
pub(crate) fn reopen() -> bool {
    if let Some(file) = FILE.get() {
        // The lock may wait for the disk, and further signals must not.
        background::start("reopen", || file.reopen());
    }
    FILE.get().is_some()
}

/// Whether the file of `--output` is opened again at its next whole line or transaction.
pub(crate) fn is_reopening() -> bool {
    FILE.get().is_some_and(|file| file.is_wanted.load(Ordering::SeqCst))
}

/// Everything written so far is whole commands and transactions. `beginning`: what the next file has to begin with.
pub(crate) fn is_whole(beginning: Vec<u8>) {
    let Some(file) = FILE.get() else { return };
    let mut open = file.open();
    (open.is_whole, open.beginning) = (true, beginning);
    file.open_again(&mut open);
}

/// The name of the output in messages.
pub(crate) fn name() -> String {
    FILE.get().map_or_else(|| "standard output".into(), |file| file.path.display().to_string())
}

/// Syncs the output to disk, if it is a regular file.
pub(crate) fn sync_to_disk() -> io::Result<()> {
    match FILE.get() {
        Some(file) => sync(&file.open().file),
        None => clone_of_stdout().map_or(Ok(()), |file| sync(&file)),
    }
}

fn sync(file: &File) -> io::Result<()> {
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => file.sync_data(),
        _ => Ok(()),
    }
}

fn clone_of_stdout() -> io::Result<File> {
    #[cfg(unix)]
    let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
    #[cfg(windows)]
    let stdout = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned();
    stdout.map(File::from)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn open(path: &Path, format: OutputFormat) -> io::Result<File> {
    let mut file = append(path)?;
    claim(&file)?;
    if file.metadata()?.is_file() && ends_inside_line(File::open(path)?)? {
        if format == OutputFormat::Resp {
            return Err(io::Error::other(
                "it ends inside a command, and a command after it would be unreadable; move the file away",
            ));
        }
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Opens and locks the file of this path. `None`: it is `open`, which keeps its lock.
fn another(path: &Path, open: &File) -> io::Result<Option<File>> {
    let file = append(path)?;
    if is_same(&file, open)? {
        return Ok(None);
    }
    claim(&file)?;
    Ok(Some(file))
}

#[cfg(unix)]
fn is_same(file: &File, other: &File) -> io::Result<bool> {
    let [file, other] = [file.metadata()?, other.metadata()?];
    Ok((file.dev(), file.ino()) == (other.dev(), other.ino()))
}

/// Only Unix opens the output again.
#[cfg(not(unix))]
fn is_same(_: &File, _: &File) -> io::Result<bool> {
    Ok(false)
}

fn claim(file: &File) -> io::Result<()> {
    match lock(file) {
        true => Ok(()),
        false => Err(io::Error::other("another run of redtail writes to it: give each run a file of its own")),
    }
}

/// Locks a regular file against other runs, until it is closed. Returns whether no other run has it. Windows would lock
/// out readers too.
fn lock(file: &File) -> bool {
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    // A file system without locks is no failure.
    !cfg!(unix) || !is_regular || file.try_lock_exclusive().unwrap_or(true)
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("can't write to {}: {error}", path.display())
}

fn ends_inside_line(mut file: File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Ends the last line of a file that standard output appends to. Only Linux can read it again.
fn end_line_of_stdout(format: OutputFormat) {
    let is_file = || clone_of_stdout().and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.is_file());
    if cfg!(target_os = "linux")
        && format != OutputFormat::Resp
        && is_file()
        && File::open("/proc/self/fd/1").and_then(ends_inside_line).unwrap_or(false)
    {
        // A failure is reported by the first line.
        let _ = io::stdout().write_all(b"\n");
    }
}
