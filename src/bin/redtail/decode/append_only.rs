//! `redtail decode` of append-only files: a single file or a directory, with or without `--follow`.

use std::time::Duration;

use redtail::Event;
use redtail::io::{AppendOnly, AppendOnlyError, FileEvent, FileKind, UnfinishedKind};

use crate::args::{DIRECTORY, Decode, wrong_usage};
use crate::decode::snapshot_to::Save;
use crate::failure;
use crate::failure::{Failure, rdb_hint};
use crate::output::Printer;
use crate::output_writer::OutputWriter;
use crate::signals;
use crate::stats::Tally;
use crate::stop_condition::StopCondition;
use crate::terminal::log;

/// Prints the file or directory at the path.
pub(crate) fn run(options: &Decode) -> Result<(), Failure> {
    let opened = match options.commands_only && options.snapshot_to.is_none() {
        true => AppendOnly::commands(&options.file, options.settings()),
        false => AppendOnly::with(&options.file, options.settings()),
    };
    let files = opened.map_err(|error| failed(error, options))?.max_corrupt_tail(options.max_corrupt_tail);
    if files.file().kind != FileKind::Single {
        options.check_input(DIRECTORY).unwrap_or_else(|message| wrong_usage("decode", message));
    }
    print(files, options)
}

/// Prints the contents of the files.
pub(crate) fn print(mut files: AppendOnly, options: &Decode) -> Result<(), Failure> {
    let mut save = Save::open(options)?;
    if options.follow {
        signals::listen(|| {})?;
    }
    let mut printing = options.output.clone();
    // Servers load a file from database 0. With --offset the commands are a part of a stream.
    if options.offset.is_none() {
        printing.assume_db.get_or_insert(0);
    }
    let mut output =
        Printer::new(OutputWriter::open(&printing)?, &printing, options.file.display().to_string(), Tally::of_file());
    let outcome = follow(&mut files, &mut output, save.as_mut(), options);
    let finished = output.finish();
    let saved = save.map_or(Ok(()), Save::finish);
    failure::first(outcome.and(saved), finished)
}

/// The time between two reads at the end of a file. A server takes longer to rewrite its files twice.
const PAUSE: Duration = Duration::from_millis(20);

fn follow(
    files: &mut AppendOnly,
    output: &mut Printer<OutputWriter>,
    mut save: Option<&mut Save>,
    options: &Decode,
) -> Result<(), Failure> {
    let mut end = StopCondition::new(&options.output);
    while !signals::is_stopped() {
        if files.is_drained() {
            output.flush()?;
        }
        let event = match files.next_event() {
            Ok(Some(event)) => event,
            Ok(None) if options.follow => {
                if let Some(trailing) = files.unfinished().filter(|it| it.kind == UnfinishedKind::Trailing) {
                    let path = files.file().path.display();
                    return Err(Failure::Message(format!("{path}: {trailing}; it can't be followed")));
                }
                if files.compression().is_some() {
                    let path = files.file().path.display();
                    return Err(Failure::Message(format!(
                        "{path}: nothing is appended to a compressed file: remove --follow"
                    )));
                }
                std::thread::sleep(PAUSE);
                continue;
            }
            Ok(None) => {
                if let Some(unfinished) = files.unfinished() {
                    let path = files.file().path.display();
                    let advice = match unfinished.kind {
                        UnfinishedKind::Trailing => {
                            "servers ignore them in a dump.rdb, and refuse them in an append-only file"
                        }
                        UnfinishedKind::Corrupt => {
                            "everything before them was printed, as a server with aof-load-corrupt-tail-max-size loads it"
                        }
                        _ => "servers ignore it, so everything before it was printed",
                    };
                    log::say(format_args!("{path}: {unfinished}; {advice}"));
                }
                return Ok(());
            }
            Err(error) => return Err(failed(error, options)),
        };
        if let Some(save) = &mut save {
            save.event(&event, &event.file.path.display())?;
        }
        if is_last(&event, output, &mut end)? {
            output.enough();
            return Ok(());
        }
    }
    Ok(())
}

/// Prints an event. Returns whether it was the last one wanted.
fn is_last(
    event: &FileEvent<'_>,
    output: &mut Printer<OutputWriter>,
    end: &mut StopCondition,
) -> Result<bool, Failure> {
    if event.file.kind != FileKind::Single {
        output.in_file(event.file)?;
    }
    output.at_time(event.time)?;
    match &event.event {
        Event::SnapshotBegin(_) | Event::SnapshotBytes(_) => {}
        // A skipped snapshot has printed nothing.
        Event::SnapshotEnd(whole) if output.is_in_snapshot() => output.snapshot_end(whole.bytes)?,
        Event::SnapshotEnd(_) => {}
        Event::SnapshotItem(item) => {
            output.item(item)?;
            log::item(item);
            return Ok(matches!(item, redtail::rdb::Item::KeyEnd) && end.after_key(event.end, output.is_printed()));
        }
        other => {
            output.event(other)?;
            return Ok(end.after(other, output.is_printed()));
        }
    }
    Ok(false)
}

fn failed(error: AppendOnlyError, options: &Decode) -> Failure {
    match error {
        AppendOnlyError::Missed { .. } => Failure::HistoryLost(error.to_string()),
        AppendOnlyError::Snapshot { ref source, .. } => Failure::Message(format!("{error}{}", rdb_hint(&source.kind))),
        AppendOnlyError::Protocol { offset, .. } if options.offset.is_some() => {
            Failure::Message(format!("{error} (offset {offset})"))
        }
        AppendOnlyError::Protocol { .. } if !options.follow => Failure::Message(format!(
            "{error}; if the bytes after it are the corrupt end of the last file, use --max-corrupt-tail BYTES"
        )),
        AppendOnlyError::NotAFile { .. } if options.follow => {
            Failure::Message(format!("{error}; --follow needs a file that grows"))
        }
        error => Failure::Message(error.to_string()),
    }
}
