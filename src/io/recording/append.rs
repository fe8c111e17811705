//! Continues a recording.

use std::fmt::Display;
use std::fs::File;
use std::io::{Seek, SeekFrom};

use crate::io::buffered_reader::ReadError;
use crate::io::recording::blocks::RecordingFault;
use crate::io::recording::reader::RecordingReader;
use crate::io::recording::recorder::Recorder;
use crate::io::recording::{TITLE, VERSION, passing_by};
use crate::replication::{AttachMethod, Attached, Event, Position};

/// A recorder that appends to the connections in `file`, and the position at their end: [start](crate::Start::At)
/// there, so that no event is missing between.
///
/// The file is read to its end. Bytes after the last whole block, left by a recorder that was killed or had no space,
/// are cut off. The file must be open for reading and writing.
///
/// Without a position nothing was recorded but a part of a snapshot, if anything: any start will do.
///
/// ```no_run
/// use redtail::io::recording::append;
/// use redtail::{Follower, Start};
///
/// let file = std::fs::File::options().read(true).write(true).create(true).open("monday.rec")?;
/// let (recorder, position) = append(file, "localhost:6379")?;
/// let start = position.map_or(Start::Now, Start::At);
/// let mut follower = Follower::builder("localhost:6379").start(start).record(recorder).connect()?;
/// while let Some(_) = follower.next_event()? {}
/// follower.finish_recording()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An error of the [`RecordingReader`], except that the file was cut off; [`RecordingFault::NoPosition`] if it was
/// recorded after SYNC.
pub fn append(file: File, target: impl Display) -> Result<(Recorder, Option<Position>), ReadError> {
    let (mut position, mut whole) = (None, 0);
    loop {
        let length = file.metadata()?.len();
        if length == 0 {
            break;
        }
        (position, whole) = walk(&file)?;
        if whole <= (TITLE.len() + VERSION.len()) as u64 {
            // No connection.
            whole = 0;
        }
        if whole == length {
            break;
        }
        // Events of the part that is cut off do not count, so the rest is read again.
        file.set_len(whole)?;
        position = None;
    }
    (&file).seek(SeekFrom::Start(whole))?;
    let recorder = if whole == 0 { Recorder::new(file, target) } else { Recorder::appending(file, target) };
    Ok((recorder, position))
}

/// The position at the end, and the end of the last whole block.
fn walk(mut file: &File) -> Result<(Option<Position>, u64), ReadError> {
    file.rewind()?;
    let mut reader = RecordingReader::with(file, passing_by(), None);
    let mut after_sync = false;
    loop {
        let read = reader.next_event().map(|event| match event {
            Some(event) => {
                after_sync |= matches!(event, Event::Attached(Attached { method: AttachMethod::Sync, .. }));
                true
            }
            None => false,
        });
        if reader.is_bare() {
            // A file of another kind must not be cut.
            return Err(RecordingFault::Foreign.into());
        }
        match read {
            Ok(true) => {}
            Ok(false) | Err(ReadError::Recording(RecordingFault::Torn { .. })) => break,
            Err(error) => return Err(error),
        }
    }
    match reader.position() {
        None if after_sync => Err(RecordingFault::NoPosition.into()),
        position => Ok((position, reader.whole())),
    }
}
