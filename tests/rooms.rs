//! The rules of the house, read off the sources: a room uses only rooms below it, and the core does nothing but compute.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the ground up. Files directly in `src` are rooms of their own.
const LEVELS: &[(&str, u8)] = &[
    ("error", 0),
    ("excerpt", 0),
    ("limits", 0),
    ("status", 0),
    ("resp", 1),
    ("rdb", 1),
    ("replication", 2),
    ("fresh", 2),
    ("net", 3),
    ("replay", 3),
    ("checkpoint", 3),
    ("snapshot_file", 3),
    ("whole", 3),
    ("topology", 4),
    ("capi", 5),
    ("bin", 6),
];

/// Rooms of one level that may use each other in this direction.
const NEIGHBOURS: &[(&str, &str)] = &[("excerpt", "limits"), ("error", "limits"), ("replay", "net")];

const CORE: &[&str] = &["error", "excerpt", "limits", "status", "resp", "rdb", "replication"];

struct Source {
    path: PathBuf,
    room: String,
    /// Without comments and without the module of tests.
    code: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let source = |path: PathBuf| {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let before_tests = text.split("#[cfg(test)]").next().unwrap();
        let code: Vec<&str> = before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        Source { room: first.trim_end_matches(".rs").to_owned(), code: code.join("\n"), path, text }
    };
    let sources: Vec<Source> = files.into_iter().map(source).collect();
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

fn level(room: &str) -> u8 {
    LEVELS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is no known room")).1
}

/// Which room a name re-exported at the root comes from, by the `pub use` lines of lib.rs.
fn roots(lib: &Source) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for item in lib.code.split(';').filter_map(|item| item.split("pub use ").nth(1)) {
        let (room, rest) = item.split_once("::").unwrap();
        for name in rest.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
            names.insert(name.to_owned(), room.to_owned());
        }
    }
    names
}

/// The first names after `crate::` (in the tool: `redtail::`), also inside braces.
fn used(source: &Source) -> Vec<String> {
    let prefix = if source.room == "bin" { "redtail::" } else { "crate::" };
    let mut names = Vec::new();
    for rest in source.code.split(prefix).skip(1) {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let group = rest.strip_prefix('{').map(|group| group.split(';').next().unwrap());
        let Some(group) = group else {
            names.push(rest.chars().take_while(|&c| is_name(c)).collect());
            continue;
        };
        let mut depth = 0;
        for piece in group.split_inclusive(['{', '}', ',']) {
            let name: String = piece.trim().chars().take_while(|&c| is_name(c)).collect();
            if depth == 0 && !name.is_empty() {
                names.push(name);
            }
            match piece.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                _ => {}
            }
        }
    }
    names
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let sources = sources();
    let roots = roots(sources.iter().find(|source| source.room == "lib").unwrap());
    let mut uses = 0;
    for source in sources.iter().filter(|source| source.room != "lib") {
        for name in used(source) {
            let Some(room) = LEVELS
                .iter()
                .map(|(room, _)| *room)
                .find(|room| *room == name)
                .or(roots.get(&name).map(String::as_str))
            else {
                // Inside the tool, `crate::` is the tool itself.
                panic!("{}: {name} is neither a room nor a name of the root", source.path.display());
            };
            uses += 1;
            let below = level(room) < level(&source.room);
            let neighbour = NEIGHBOURS.contains(&(source.room.as_str(), room));
            assert!(
                below || room == source.room || neighbour,
                "{} uses {room} ({name}), which is not below it",
                source.path.display()
            );
        }
    }
    assert!(uses > 100, "only {uses} uses were found");
}

#[test]
fn the_core_has_no_io_no_clock_no_thread_no_allocation_and_no_unsafe() {
    let forbidden = [
        "std::",
        "alloc::",
        "unsafe",
        "Vec<",
        "Vec::",
        "vec![",
        "String::",
        ": String",
        "<String>",
        "to_string()",
        "Box<",
        "Box::",
        "format!",
        "to_vec()",
        "to_owned()",
        "Instant",
        "SystemTime",
        "println",
        "panic!",
        ".unwrap()",
        ".expect(",
        "todo!",
        "unimplemented!",
        "unreachable!",
    ];
    let sources = sources();
    for source in sources.iter().filter(|source| CORE.contains(&source.room.as_str())) {
        for (number, line) in source.code.lines().enumerate() {
            for word in forbidden {
                let is_name = |c: char| c.is_alphanumeric() || c == '_';
                // The end of another name is not meant: `to_vec` in `into_vec`.
                let found = line
                    .match_indices(word)
                    .any(|(at, _)| !(word.starts_with(is_name) && line[..at].ends_with(is_name)));
                assert!(!found, "{}: code line {}: {word} in: {line}", source.path.display(), number + 1);
            }
        }
    }
}

#[test]
fn unsafe_code_is_at_home_in_the_c_room_only() {
    for source in sources().iter().filter(|source| source.room != "capi") {
        let found = source.code.lines().find(|line| {
            let words = line.replace("unsafe_code", "").replace("unsafe_op_in_unsafe_fn", "");
            words.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
        });
        assert_eq!(found, None, "{}", source.path.display());
    }
}

#[test]
fn a_file_is_one_idea_and_says_which() {
    for source in sources() {
        assert!(source.text.starts_with("//!"), "{} does not say what it is", source.path.display());
        let lines = source.text.lines().count();
        assert!(lines <= 700, "{} has {lines} lines", source.path.display());
    }
}

#[test]
fn the_library_depends_on_little() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let always: Vec<&str> = section
        .lines()
        .filter(|line| line.contains('=') && !line.trim_start().starts_with('#') && !line.contains("optional = true"))
        .map(|line| line.split('=').next().unwrap().trim())
        .collect();
    assert_eq!(always, ["memchr", "thiserror"]);
    let std = manifest.lines().find(|line| line.starts_with("std = ")).unwrap();
    assert_eq!(std.matches("dep:").count(), 1, "std adds socket2 and nothing else: {std}");
}

#[test]
fn every_pitfall_has_its_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let page = fs::read_to_string(tests.join("PITFALLS.md")).unwrap();
    let is_name = |word: &&str| word.contains('_') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 40, "only {} names were found", named.len());
    let mut code = String::new();
    let mut folders = vec![tests];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let missing: Vec<_> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "tests/PITFALLS.md names tests that do not exist: {missing:?}");
}
