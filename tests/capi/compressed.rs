//! Compressed files through C: their contents, and the errors.

use std::fs::File;
use std::process::Command;

use crate::build::{How, program, root, run};

/// What the program writes to standard output and to standard error.
fn read(file: &str, bytes: &[u8], args: &[&str]) -> (Vec<u8>, String) {
    let path = crate::build::folder("compressed").join(file);
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new(program("tests/c/compressed.c", How::Debug));
    let output = run(command.args(args).stdin(File::open(&path).unwrap()));
    (output.stdout, String::from_utf8(output.stderr).unwrap())
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/data").join(name)).unwrap()
}

#[test]
fn compressed_files_are_read_in_c() {
    let mut dump = data("valkey-9.1.2.rdb");
    let checksum = dump.len() - 8;
    dump[checksum..].fill(0);
    let features = match (cfg!(feature = "tls"), cfg!(feature = "compression")) {
        (true, true) => "tls,compression",
        (true, false) => "tls",
        (false, true) => "compression",
        (false, false) => "",
    };
    let (bytes, said) = read("plain", &dump, &[]);
    assert!(bytes == dump && said == format!("{features}, none, REDTAIL_END: "), "{said}");
    let vcs = |codec, name| [&[b'V', b'C', b'S', 1, codec, 0, 1], &data(name)[..]].concat();
    for (file, name, command) in [
        (data("compressed/dump.rdb.gz"), "gzip", "gzip -dc FILE"),
        (data("compressed/dump.rdb.lz4"), "LZ4", "lz4 -dc FILE"),
        (data("compressed/dump.rdb.xz"), "xz", "xz -dc FILE"),
        (data("compressed/dump.rdb.zst"), "zstd", "zstd -dc FILE"),
        (vcs(1, "compressed/dump.rdb.lz4"), "LZ4 in a VCS envelope", "tail -c +8 FILE | lz4 -dc"),
        (vcs(2, "compressed/dump.rdb.zst"), "zstd in a VCS envelope", "tail -c +8 FILE | zstd -dc"),
    ] {
        let (bytes, said) = read("whole", &file, &[]);
        if cfg!(feature = "compression") {
            assert!(bytes == dump, "{name}");
            assert_eq!(said, format!("{features}, {name}, REDTAIL_END: "));
            let (_, said) = read("cut", &file[..file.len() / 2], &[]);
            let expected = format!(
                "REDTAIL_ERROR_COMPRESSION: the compressed data ({name}) is cut off at byte {}, after ",
                file.len() / 2
            );
            assert!(said.contains(&expected), "{said}");
        } else {
            assert!(bytes.is_empty() && said.contains(command) && said.contains("REDTAIL_ERROR_COMPRESSION"), "{said}");
        }
    }
    let (_, said) = read("failing", b"", &["fail", "5"]);
    assert!(said.ends_with("REDTAIL_ERROR_COMPRESSION: the callback read failed with 5"), "{said}");
}
