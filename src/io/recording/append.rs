//! Goes on with a recording.

use std::fmt::Display;
use std::fs::File;
use std::io::{Seek, SeekFrom};

use crate::io::buffered_reader::ReadError;
use crate::io::recording::blocks::RecordingFault;
use crate::io::recording::reader::RecordingReader;
use crate::io::recording::recorder::Recorder;
use crate::io::recording::{TITLE, VERSION, passing_by};
use crate::replication::{AttachMethod, Attached, Event, Position};

/// A recorder that writes behind the links that are in `file`, and the position they have come to: where to
/// [start](crate::Start::At), so that nothing is missing between.
///
/// What stands behind the last whole block, where an earlier recorder was killed or found no more room, is cut off. The file is read
/// through for that. It must be open for reading and writing.
///
/// Without a position nothing has been recorded yet of which something could be missing, at most a part of a snapshot: any start will do.
///
/// ```no_run
/// use redtail::io::recording::append;
/// use redtail::{Follower, Start};
///
/// let file = std::fs::File::options().read(true).write(true).create(true).open("monday.rec")?;
/// let (recorder, position) = append(file, "localhost:6379")?;
/// let start = position.map_or(Start::Now, Start::At);
/// let mut follower = Follower::builder("localhost:6379").start(start).record(recorder).connect()?;
/// while let Some(_) = follower.next()? {}
/// follower.finish_recording()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What a [`RecordingReader`] finds in the file, but that it was cut off; and [`RecordingFault::NoPosition`] if it was recorded after SYNC.
pub fn append(file: File, target: impl Display) -> Result<(Recorder, Option<Position>), ReadError> {
    let (mut position, mut whole) = (None, 0);
    loop {
        let length = file.metadata()?.len();
        if length == 0 {
            break;
        }
        (position, whole) = walk(&file)?;
        if whole <= (TITLE.len() + VERSION.len()) as u64 {
            // Not one link.
            whole = 0;
        }
        if whole == length {
            break;
        }
        // What was in the part that is cut off counts no more, so it is read again.
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
            // A file of another kind is not to be cut.
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
