//! The lock of a checkpoint: two runs that save in one file would lose the writes of the slower one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use fs4::fs_std::FileExt;
use redtail::Checkpoint;

use crate::failure::Failure;
use crate::terminal::log;

/// Holds the lock until the process ends, also if it is killed.
pub(super) struct Owner(#[allow(dead_code, reason = "the system drops the lock with the file")] File);

impl Owner {
    /// Locks the file beside the checkpoint whose name ends in `.lock`. The file stays, with the id of the last process
    /// that held the lock.
    pub(super) fn of(checkpoint: &Path) -> Result<Self, Failure> {
        let shown = checkpoint.display();
        let mut path = Checkpoint::file(checkpoint).into_os_string();
        path.push(".lock");
        let failed = |error: io::Error| Failure::Message(format!("can't lock the checkpoint {shown}: {error}"));
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock_exclusive() {
            Ok(true) => {}
            Ok(false) => {
                return Err(Failure::Message(format!("the checkpoint {shown} is in use by {}", holder(&file))));
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                log::say(format_args!(
                    "the file system can't lock the checkpoint {shown}: use it in one run at a time"
                ));
            }
            Err(error) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self(file))
    }
}

fn holder(mut file: &File) -> String {
    let mut id = String::new();
    match file.read_to_string(&mut id) {
        Ok(_) if !id.trim().is_empty() => format!("process {}", id.trim()),
        _ => "another process".into(),
    }
}
