//! Compressed input: files, standard input, append-only directories, recordings.

use std::io::Write;

use crate::folder::Folder;
use crate::run::{commands, run, run_on};

const FILES: [(&str, &[u8]); 4] = [
    ("gzip", include_bytes!("../data/compressed/dump.rdb.gz")),
    ("LZ4", include_bytes!("../data/compressed/dump.rdb.lz4")),
    ("xz", include_bytes!("../data/compressed/dump.rdb.xz")),
    ("zstd", include_bytes!("../data/compressed/dump.rdb.zst")),
];

fn vcs(codec: u8, frame: &[u8]) -> Vec<u8> {
    [&[b'V', b'C', b'S', 1, codec, 0, 1], frame].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn dump() -> Vec<u8> {
    let mut dump = include_bytes!("../data/valkey-9.1.2.rdb").to_vec();
    let checksum = dump.len() - 8;
    dump[checksum..].fill(0);
    dump
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<_> = FILES.iter().map(|(name, file)| (*name, file.to_vec())).collect();
    files.push(("LZ4 in a VCS envelope", vcs(1, FILES[1].1)));
    files.push(("zstd in a VCS envelope", vcs(2, FILES[3].1)));
    files
}

#[test]
fn compressed_snapshots_decode_as_their_contents() {
    let folder = Folder::new("compressed");
    let plain = run_on(&["decode", "--format", "json", "-"], &dump()).ok();
    assert!(plain.json().len() > 40);
    for (name, file) in files() {
        folder.write("dump.rdb", &file);
        // A file that a server has compressed and somebody has compressed again.
        for input in [&file, &gzip(&file)] {
            let ran = run_on(&["decode", "--format", "json", "-"], input).ok();
            assert!((&ran.out, &ran.err) == (&plain.out, &plain.err), "{name}: {}", ran.err);
        }
        let ran = run(&["decode", "--format", "json", &folder.path("dump.rdb")]).ok();
        assert!(ran.out == plain.out && ran.err.is_empty(), "{name}: {}", ran.err);
        let saved = folder.path("saved.rdb");
        let ran = run(&["decode", "--force", "--snapshot-to", &saved, &folder.path("dump.rdb")]).ok();
        assert_eq!(ran.err, format!("redtail: wrote {saved}: 3044 bytes\n"));
        assert!(std::fs::read(&saved).unwrap() == dump(), "{name}");
    }
}

#[test]
fn a_cut_or_damaged_file_is_named_and_not_saved() {
    let folder = Folder::new("cut");
    for (name, file) in files() {
        folder.write("dump.rdb", &file[..file.len() - 2]);
        let (path, saved) = (folder.path("dump.rdb"), folder.path("saved.rdb"));
        for arguments in [&["decode", &path][..], &["decode", "--snapshot-to", &saved, &path]] {
            let ran = run(arguments);
            assert_eq!(ran.code, 1);
            let expected = format!("the compressed data ({name}) is cut off at byte {}, after ", file.len() - 2);
            assert!(ran.err.contains(&expected) && ran.err.lines().count() == 1, "{}", ran.err);
        }
        assert_eq!(folder.names(), ["dump.rdb"]);
    }
    let ran = run_on(&["decode", "-"], b"VCS\x02\x01\x00\x01");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "redtail: can't read -: unknown VCS envelope: expected 56 43 53 01, codec 01 or 02, 00 and content 01, found \
             56 43 53 02 01 00 01; a later version of redtail may read it\n"
        )
    );
}

#[test]
fn a_base_in_an_envelope_is_read_before_its_increments() {
    let folder = Folder::new("base");
    folder.write("a.1.base.rdb", vcs(1, FILES[1].1));
    folder.write("a.1.incr.aof", commands(&["SELECT 3", "SET k v"]));
    folder.write("a.manifest", "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n");
    let directory = folder.0.to_str().unwrap();
    let ran = run(&["decode", directory]).ok();
    assert!(ran.text().ends_with("# file \"a.1.incr.aof\"\n50 [3] \"SET\" \"k\" \"v\"\n"), "{}", ran.text());
    assert!(ran.text().contains("[15] \"d:15\" string \"third\"\n"));
    let saved = folder.path("saved.rdb");
    run(&["decode", "--snapshot-to", &saved, directory]).ok();
    assert!(std::fs::read(&saved).unwrap() == dump());
}

#[test]
fn recordings_commands_and_frames_may_be_compressed() {
    let stream = commands(&["SELECT 3", "SET k v"]);
    let recording = [&b"+CONTINUE\r\n"[..], &stream].concat();
    for (arguments, input) in [
        (&["decode", "--offset", "100"][..], &recording),
        (&["decode", "--offset", "100"], &stream),
        (&["decode", "--frames"], &stream),
        (&["decode", "--format", "resp"], &stream),
    ] {
        let plain = run_on(arguments, input).ok();
        let ran = run_on(arguments, &gzip(input)).ok();
        assert!(!plain.out.is_empty() && ran.out == plain.out, "{arguments:?} {}", ran.text());
    }
}

/// It does not grow, so the run would wait for ever.
#[test]
fn a_compressed_recording_is_not_replayed() {
    let folder = Folder::new("compressed-replay");
    folder.write("recorded.gz", gzip(b"+CONTINUE\r\n*1\r\n$4\r\nPING\r\n"));
    let ran = run(&["replay", &folder.path("recorded.gz")]);
    let expected = "recorded.gz: the recording is compressed (gzip; `gzip -dc FILE` decompresses it)\n";
    assert!(ran.code == 1 && ran.err.ends_with(expected), "{}", ran.err);
}

#[test]
fn a_compressed_file_is_not_followed() {
    let folder = Folder::new("followed");
    let aof = commands(&["SELECT 0", "SET k v"]);
    for file in files().into_iter().map(|(_, file)| file).chain([gzip(&aof), gzip(&gzip(&aof))]) {
        folder.write("a", &file);
        let ran = run(&["decode", "--follow", &folder.path("a")]);
        assert_eq!((ran.code, ran.text()), (2, ""), "{}", ran.err);
        let message = "--follow needs a file that grows, and a compressed file does not: remove --follow";
        assert!(ran.err.contains(message), "{}", ran.err);
    }
}

#[test]
fn a_folder_whose_last_increment_is_compressed_is_not_followed() {
    let folder = Folder::new("followed-folder");
    let aof = commands(&["SELECT 0", "SET k v"]);
    folder.write("a.1.base.aof", &aof);
    folder.write("a.1.incr.aof", gzip(&aof));
    folder.write("a.manifest", b"file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n");
    let ran = run(&["decode", "--follow", &folder.path("a.manifest"), "--format", "resp"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.out, aof.repeat(2));
    assert!(
        ran.err.ends_with("a.1.incr.aof: nothing is appended to a compressed file: remove --follow\n"),
        "{}",
        ran.err
    );
}
