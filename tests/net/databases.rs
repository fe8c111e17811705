//! Which databases a command is about.

use redtail::io::RecordingReader;
use redtail::{Event, Options};

/// The databases, of 0 to 4, that the last of these commands reaches.
fn reached(lines: &[&str]) -> Vec<u32> {
    let mut bytes = Vec::new();
    for line in lines {
        let args: Vec<&str> = line.split(' ').collect();
        bytes.extend(format!("*{}\r\n", args.len()).into_bytes());
        args.iter().for_each(|arg| bytes.extend(format!("${}\r\n{arg}\r\n", arg.len()).into_bytes()));
    }
    let mut reader = RecordingReader::commands(bytes.as_slice(), Options::default(), 0);
    let mut reached = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Command(command) = event {
            reached = (0..5).filter(|&db| command.reaches_db(db)).collect();
        }
    }
    reached
}

#[test]
fn commands_reach_the_selected_database_and_those_they_name() {
    for (line, databases) in [
        ("SET k v", &[1][..]),
        ("FLUSHDB", &[1]),
        ("flushall", &[0, 1, 2, 3, 4]),
        ("FUNCTION LOAD x", &[0, 1, 2, 3, 4]),
        ("SCRIPT LOAD x", &[0, 1, 2, 3, 4]),
        ("SWAPDB 0 3", &[0, 3]),
        ("move k 3", &[1, 3]),
        ("MOVE k 1", &[1]),
        ("COPY DB 3 REPLACE", &[1]),
        ("COPY DB DB DB 3 REPLACE", &[1, 3]),
        ("COPY a b replace db 4", &[1, 4]),
        ("COPY a b REPLACE", &[1]),
        // Nobody can say.
        ("MOVE k x", &[0, 1, 2, 3, 4]),
        ("SWAPDB 0", &[0, 1, 2, 3, 4]),
    ] {
        assert_eq!(reached(&["SELECT 1", line]), databases, "{line}");
    }
    assert_eq!(reached(&["SET k v"]), [0, 1, 2, 3, 4], "none is selected");
}
