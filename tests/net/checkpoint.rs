//! Checkpoints: whole or an error, never a silent fresh start.

use std::fs;
use std::time::Duration;

use redtail::topology::{ClusterCheckpoint, Positions};
use redtail::{Checkpoint, CheckpointError, Position};

use crate::folder::Folder;

fn at(offset: u64) -> Position {
    format!("26e9aa58837d8095338f33e660463dbdf56c86c9:{offset}:3:0123456789012345678901234567890123456789")
        .parse()
        .unwrap()
}

#[test]
fn what_is_saved_is_read_again() {
    let folder = Folder::new("saved");
    let mut checkpoint = Checkpoint::open(folder.path("position"), "primary:6379").unwrap();
    assert_eq!((checkpoint.position(), checkpoint.saved()), (None, None));
    for offset in [7, 8, 8, 9_000_000_000_000] {
        checkpoint.save(at(offset)).unwrap();
        let again = Checkpoint::open(folder.path("position"), "another:6379").unwrap();
        assert_eq!(again.position(), Some(at(offset)));
        let saved = again.saved().unwrap();
        assert_eq!(saved.target, "primary:6379");
        assert!(saved.saved_ms > 1_600_000_000_000, "{saved:?}");
    }
    assert_eq!(folder.names(), ["position"], "nothing else is left");
}

#[test]
fn the_offset_of_the_last_data_is_saved() {
    let folder = Folder::new("data-offset");
    let position = at(1311).with_data_offset(1200);
    Checkpoint::open(folder.path("position"), "primary").unwrap().save(position).unwrap();
    let again = Checkpoint::open(folder.path("position"), "primary").unwrap().position().unwrap();
    assert_eq!((again, again.data_offset), (position, 1200));
}

#[test]
fn a_folder_that_can_not_be_written_is_an_error_at_once() {
    let folder = Folder::new("unwritable");
    let error = Checkpoint::open(folder.path("none").join("position"), "primary").unwrap_err();
    assert!(matches!(error, CheckpointError::Write { .. }), "{error}");
    assert!(error.to_string().contains("can't write the checkpoint"), "{error}");
    Checkpoint::open(folder.path("position"), "primary").unwrap();
    assert!(folder.names().is_empty(), "nothing is left of the attempt");
}

#[test]
fn a_torn_changed_empty_or_foreign_file_is_an_error() {
    let folder = Folder::new("torn");
    let file = folder.path("position");
    Checkpoint::open(&file, "primary:6379").unwrap().save(at(1311)).unwrap();
    let whole = fs::read(&file).unwrap();
    let open = || Checkpoint::open(&file, "primary:6379");
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let error = open().unwrap_err();
        assert!(matches!(error, CheckpointError::Invalid { .. }), "{length}: {error}");
        assert!(error.to_string().contains("position is no whole checkpoint"), "{error}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert!(open().is_err(), "byte {at}");
    }
    fs::write(&file, [&whole[..], b"more\n"].concat()).unwrap();
    assert!(open().is_err());
    fs::write(&file, b"26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0\n").unwrap();
    assert!(open().unwrap_err().to_string().contains("does not begin with"));
    fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
    assert!(open().unwrap_err().to_string().contains("far too long"));
    assert!(Checkpoint::open(&folder.0, "primary").unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn what_can_not_be_written_says_so_and_leaves_what_was_there() {
    let folder = Folder::new("unwritable");
    let missing = folder.0.join("missing");
    fs::create_dir(&missing).unwrap();
    let mut checkpoint = Checkpoint::open(missing.join("position"), "primary").unwrap();
    fs::remove_dir(&missing).unwrap();
    let reopened = Checkpoint::open(missing.join("position"), "primary").unwrap_err();
    for error in [checkpoint.save(at(1)).unwrap_err(), reopened] {
        assert!(matches!(error, CheckpointError::Write { .. }), "{error}");
        assert!(error.to_string().contains("missing"), "{error}");
    }
    assert!(Checkpoint::open("", "primary").is_err());
    assert!(folder.names().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = Folder::new("link");
    let link = folder.0.join("link");
    Checkpoint::open(folder.path("position"), "primary").unwrap().save(at(1)).unwrap();
    std::os::unix::fs::symlink(folder.path("position"), &link).unwrap();
    Checkpoint::open(&link, "primary").unwrap().save(at(2)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Checkpoint::open(folder.path("position"), "primary").unwrap().position(), Some(at(2)));
}

/// The file may be missing, and the links may be relative.
#[cfg(unix)]
#[test]
fn a_link_to_a_missing_file_stays_a_link() {
    let folder = Folder::new("dangling");
    fs::create_dir(folder.path("real")).unwrap();
    std::os::unix::fs::symlink("real/position", folder.path("middle")).unwrap();
    std::os::unix::fs::symlink("middle", folder.path("link")).unwrap();
    Checkpoint::open(folder.path("link"), "primary").unwrap().save(at(2)).unwrap();
    assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink());
    assert_eq!(Checkpoint::open(folder.path("real/position"), "primary").unwrap().position(), Some(at(2)));
    // The name for a lock is the same for each path.
    for path in ["link", "middle", "real/position"] {
        assert_eq!(Checkpoint::file(folder.path(path)), folder.path("real/position"));
    }
}

#[test]
fn a_save_is_due_after_commands_or_time() {
    let folder = Folder::new("due");
    let open = || Checkpoint::open(folder.path("position"), "primary").unwrap();
    let mut by_commands = open().every(3, Duration::from_secs(1_000_000));
    by_commands.count(2);
    assert!(!by_commands.is_due());
    by_commands.count(1);
    assert!(by_commands.is_due());
    by_commands.save(at(1)).unwrap();
    assert!(!by_commands.is_due());
    assert!(open().every(u64::MAX, Duration::ZERO).is_due());
}

#[test]
fn the_places_of_a_cluster_are_kept_as_one() {
    let folder = Folder::new("cluster");
    let file = folder.path("positions");
    let saved = |node: &str, slots: &str, offset| format!("{node}@{slots}={}", at(offset)).parse().unwrap();
    let positions = Positions::from_iter([saved("aa", "0-99,200", 7), saved("bb", "", 8)]);
    let open = || ClusterCheckpoint::open(&file, "node:7000");
    let mut checkpoint = open().unwrap();
    assert_eq!(checkpoint.position(), None);
    // While no shard has a position there is nothing to resume from.
    checkpoint.save(Positions::default()).unwrap();
    assert!(folder.names().is_empty());
    checkpoint.save(positions.clone()).unwrap();
    assert_eq!(open().unwrap().saved().unwrap().target, "node:7000");
    assert_eq!(open().unwrap().position(), Some(positions.clone()));
    assert_eq!(folder.names(), ["positions"], "nothing else is left");

    let error = Checkpoint::open(&file, "primary:6379").unwrap_err();
    assert!(error.to_string().contains("the checkpoint of a cluster"), "{error}");
    let whole = fs::read(&file).unwrap();
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(open().is_err(), "{length}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert!(open().is_err(), "byte {at}");
    }
    // The positions alone, with nothing that would show if some were missing.
    fs::write(&file, positions.to_string()).unwrap();
    assert!(open().unwrap_err().to_string().contains("does not begin with"));
    fs::remove_file(&file).unwrap();
    Checkpoint::open(&file, "primary:6379").unwrap().save(at(1311)).unwrap();
    assert!(open().unwrap_err().to_string().contains("the checkpoint of a single server"));
}
