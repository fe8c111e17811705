//! Snapshots in files: whole and verified, or not there at all.

use std::fs;
use std::path::PathBuf;

use redtail::io::RecordingReader;
use redtail::rdb::Crc64;
use redtail::{Event, SnapshotFile, SnapshotFileError, SnapshotForm};

use crate::folder::Folder;

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const DUMP: &[u8] = include_bytes!("../data/redis-7.0.15.rdb");

fn framed(dump: &[u8]) -> [Vec<u8>; 2] {
    let (head, mark) = (format!("+FULLRESYNC {ID} 100\r\n"), [b'm'; 40]);
    let length = format!("${}\r\n", dump.len());
    [
        [head.as_bytes(), length.as_bytes(), dump].concat(),
        [head.as_bytes(), b"$EOF:", &mark, b"\r\n", dump, &mark].concat(),
    ]
}

/// Shows the events of a recorded link. Returns whether the file was renamed to its final name.
fn receive(file: &mut SnapshotFile, link: &[u8], form: SnapshotForm) -> Result<bool, SnapshotFileError> {
    let options = options! { snapshot: form };
    let mut reader = RecordingReader::with(link, options, None);
    while let Ok(Some(event)) = reader.next_event() {
        if matches!(event, Event::SnapshotBytes(_)) {
            assert!(file.temporary().is_some_and(|path| path.exists()), "it is not whole yet");
        }
        if file.event(&event)? {
            assert_eq!(file.temporary(), None);
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_whole_snapshot_gets_its_place_in_both_framings() {
    for (index, link) in framed(DUMP).iter().enumerate() {
        let folder = Folder::new(&format!("whole-{index}"));
        let mut file = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap();
        assert!(!folder.path("dump.rdb").exists());
        assert!(receive(&mut file, link, SnapshotForm::Bytes).unwrap());
        assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), DUMP);
        assert_eq!((file.bytes(), file.path()), (DUMP.len() as u64, &*folder.path("dump.rdb")));
        drop(file);
        assert_eq!(folder.names(), ["dump.rdb"], "nothing else is left");
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let mut file = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.temporary().unwrap()), 0o600);
    assert!(receive(&mut file, &framed(DUMP)[0], SnapshotForm::Bytes).unwrap());
    assert_eq!(mode(&folder.path("dump.rdb")), 0o600);
}

#[test]
fn what_breaks_off_leaves_nothing_and_harms_nothing() {
    let folder = Folder::new("broken");
    for link in framed(DUMP) {
        for cut in [60, 70, link.len() / 2, link.len() - 1] {
            let mut file = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap();
            assert!(!receive(&mut file, &link[..cut], SnapshotForm::Bytes).unwrap());
            drop(file);
            assert!(folder.names().is_empty(), "{:?}", folder.names());
        }
    }
    fs::write(folder.path("dump.rdb"), "before").unwrap();
    let mut file = SnapshotFile::create(folder.path("dump.rdb")).unwrap();
    let link = &framed(DUMP)[0];
    assert!(!receive(&mut file, &link[..link.len() - 1], SnapshotForm::Bytes).unwrap());
    drop(file);
    assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), b"before");
    let mut file = SnapshotFile::create(folder.path("dump.rdb")).unwrap();
    assert!(receive(&mut file, link, SnapshotForm::Bytes).unwrap());
    assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), DUMP);
    assert_eq!(folder.names(), ["dump.rdb"]);
}

#[test]
fn a_new_snapshot_voids_an_unfinished_one() {
    let folder = Folder::new("anew");
    let [one, other] = framed(DUMP);
    let mut file = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap();
    assert!(!receive(&mut file, &one[..one.len() / 2], SnapshotForm::Bytes).unwrap());
    assert!(receive(&mut file, &other, SnapshotForm::Bytes).unwrap());
    assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), DUMP);
    let later = b"REDIS0010\xff\0\0\0\0\0\0\0\0";
    assert!(receive(&mut file, &framed(later)[0], SnapshotForm::Bytes).unwrap());
    assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), later);
    assert_eq!(folder.names(), ["dump.rdb"]);
}

#[test]
fn a_file_that_is_there_is_not_replaced_unless_wanted() {
    let folder = Folder::new("exists");
    let mut file = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap();
    // Somebody else is faster.
    fs::write(folder.path("dump.rdb"), "theirs").unwrap();
    let error = receive(&mut file, &framed(DUMP)[0], SnapshotForm::Bytes).unwrap_err();
    assert!(matches!(error, SnapshotFileError::Exists { .. }), "{error}");
    let error = SnapshotFile::create_new(folder.path("dump.rdb")).unwrap_err();
    assert!(error.to_string().contains("dump.rdb exists"), "{error}");
    assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), b"theirs");
    assert_eq!(folder.names(), ["dump.rdb"]);
}

#[test]
fn what_is_no_file_is_never_replaced() {
    let folder = Folder::new("foreign");
    for create in [SnapshotFile::create, SnapshotFile::create_new] as [fn(PathBuf) -> _; 2] {
        let error = create(folder.0.clone()).unwrap_err();
        assert!(matches!(error, SnapshotFileError::NotAFile { .. }), "{error}");
        #[cfg(unix)]
        {
            let error = create("/dev/null".into()).unwrap_err();
            assert!(matches!(error, SnapshotFileError::NotAFile { .. }), "{error}");
        }
        let error = create(folder.0.join("nowhere/dump.rdb")).unwrap_err();
        assert!(matches!(error, SnapshotFileError::Create { .. }), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn through_a_link_the_file_behind_it_is_replaced() {
    let folder = Folder::new("link");
    let (link, real) = (folder.path("dump.rdb"), folder.0.join("real.rdb"));
    fs::write(&real, "before").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut file = SnapshotFile::create(&link).unwrap();
    assert!(receive(&mut file, &framed(DUMP)[1], SnapshotForm::Bytes).unwrap());
    assert!(link.is_symlink());
    assert_eq!(fs::read(real).unwrap(), DUMP);
}

/// Of what no decoder of today knows the follower sees the frame alone; the checksum covers that too.
#[test]
fn what_is_unknown_is_verified_by_its_checksum() {
    let folder = Folder::new("unknown");
    let body = b"REDIS0010\xfd0123456789 whatever that is\xff".to_vec();
    let sum = Crc64::new().update(&body).value();
    let whole = [&body[..], &sum.to_le_bytes()].concat();
    for link in framed(&whole) {
        let mut file = SnapshotFile::create(folder.path("dump.rdb")).unwrap();
        assert!(receive(&mut file, &link, SnapshotForm::Bytes).unwrap());
        assert_eq!(fs::read(folder.path("dump.rdb")).unwrap(), whole);
        fs::remove_file(folder.path("dump.rdb")).unwrap();
    }
    let mut changed = whole;
    changed[20] ^= 1;
    for link in framed(&changed) {
        let mut file = SnapshotFile::create(folder.path("dump.rdb")).unwrap();
        let error = receive(&mut file, &link, SnapshotForm::Bytes).unwrap_err();
        assert!(matches!(error, SnapshotFileError::Checksum { .. }), "{error}");
        assert!(folder.names().is_empty(), "{:?}", folder.names());
    }
}

#[test]
fn items_are_not_bytes() {
    let folder = Folder::new("items");
    let mut file = SnapshotFile::create(folder.path("dump.rdb")).unwrap();
    let error = receive(&mut file, &framed(DUMP)[0], SnapshotForm::Items).unwrap_err();
    assert!(error.to_string().contains("SnapshotForm::Bytes"), "{error}");
    drop(file);
    assert!(folder.names().is_empty());
}
