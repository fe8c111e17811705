//! Checks the rules of the source tree: levels, circles, import paths, and what each room must not do.
//!
//! `cargo test --test rooms picture -- --nocapture` prints the figures.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

mod imports;
mod made_up;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use imports::{Arrow, File, Function, Tree};

/// The rooms, each a folder of `src`, from the ground up. A room imports only rooms of lower levels.
const LEVELS: &[(&str, u8)] = &[
    ("base", 0),
    ("resp", 1),
    ("rdb", 1),
    ("replication", 2),
    ("io", 3),
    ("owned", 3),
    ("net", 4),
    ("replay", 5),
    ("topology", 5),
    ("capi", 6),
    ("bin", 7),
];

/// Two rooms of one level of which the first may import the second.
const NEIGHBOURS: &[(&str, &str)] = &[("owned", "io")];

/// The rooms that compute and do nothing else.
const CORE: &[&str] = &["base", "resp", "rdb", "replication"];

const NOT_IN_CORE: &[&str] = &[
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

/// `io` knows files and buffers.
const NOT_IN_IO: &[&str] =
    &["std::net", "std::os::unix::net", "socket2", "TcpStream", "TcpListener", "UnixStream", "std::thread", "thread::"];

const LONGEST_FILE: usize = 700;
const LONGEST_FUNCTION: usize = 100;

struct House {
    tree: Tree,
    arrows: Vec<Arrow>,
    unresolved: Vec<String>,
}

impl House {
    /// The sources of this repository.
    fn ours() -> &'static Self {
        static OURS: OnceLock<House> = OnceLock::new();
        OURS.get_or_init(|| {
            let root = source_folder();
            let files = rust_files(&root).into_iter();
            let house = Self::new(files.map(|path| (below(&root, &path), fs::read_to_string(path).unwrap())).collect());
            assert!(house.tree.files.len() > 30 && house.arrows.len() > 300, "the sources were not found");
            house
        })
    }

    fn new(sources: BTreeMap<String, String>) -> Self {
        let tree = Tree::read(&sources);
        let (arrows, unresolved) = tree.arrows();
        Self { tree, arrows, unresolved }
    }

    fn path(&self, file: usize) -> &str {
        &self.tree.files[file].path
    }

    fn upward(&self) -> Vec<String> {
        let is_upward = |arrow: &&Arrow| {
            let (from, to) = (room(self.path(arrow.from)), room(self.path(arrow.to)));
            let is_root = from == "lib" || to == "lib";
            !is_root && from != to && level(from) <= level(to) && !NEIGHBOURS.contains(&(from, to))
        };
        self.list(self.arrows.iter().filter(is_upward))
    }

    fn detours(&self) -> Vec<String> {
        self.list(self.arrows.iter().filter(|arrow| arrow.detour.is_some()))
    }

    /// One line for each pair of files: `a.rs:12 imports X, Y of b.rs`.
    fn list<'a>(&self, arrows: impl Iterator<Item = &'a Arrow>) -> Vec<String> {
        let mut pairs: BTreeMap<_, (usize, BTreeSet<String>)> = BTreeMap::new();
        for arrow in arrows {
            let detour = arrow.detour.as_ref().map_or(String::new(), |face| format!(" (through {face})"));
            let (_, names) = pairs.entry((arrow.from, arrow.to)).or_insert((arrow.line, BTreeSet::new()));
            names.insert(format!("{}{detour}", arrow.name));
        }
        let line = |((from, to), (line, names)): (&(usize, usize), &(usize, BTreeSet<String>))| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{}:{line} imports {} of {}", self.path(*from), names.join(", "), self.path(*to))
        };
        pairs.iter().map(line).collect()
    }

    /// For each circle its files, and below them the imports that tie it.
    fn circles(&self) -> Vec<String> {
        let describe = |circle: &Vec<usize>| {
            let files: Vec<&str> = circle.iter().map(|&file| self.path(file)).collect();
            let ties =
                |arrow: &&Arrow| circle.contains(&arrow.from) && circle.contains(&arrow.to) && !arrow.extends_parent;
            let ties = self.list(self.arrows.iter().filter(ties));
            format!("{}\n    {}", files.join(", "), ties.join("\n    "))
        };
        self.tree.circles(&self.arrows).iter().map(describe).collect()
    }

    /// The lines of code that contain a forbidden name.
    fn lines_with(&self, names: &[&str], is_meant: impl Fn(&File) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for file in self.tree.files.iter().filter(|file| is_meant(file)) {
            for (number, line) in self.tree.code(file) {
                let names = names.iter().filter(|name| contains(line, name));
                found.extend(names.map(|name| format!("{}:{number}: {name} in: {}", file.path, line.trim())));
            }
        }
        found
    }
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn level(room: &str) -> u8 {
    LEVELS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is no known room")).1
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` is in the line, and not as the end of another name: `to_vec` is not in `into_vec`.
fn contains(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !(word.starts_with(is_name) && line[..at].ends_with(is_name)))
}

#[track_caller]
fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}; {} break this:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    assert_none(&House::ours().upward(), "a room imports only rooms of lower levels");
    let both_ways = NEIGHBOURS.iter().find(|&&(from, to)| NEIGHBOURS.contains(&(to, from)));
    assert_eq!(both_ways, None, "neighbours import each other");
    assert!(NEIGHBOURS.iter().all(|(from, to)| level(from) == level(to)), "neighbours are rooms of one level");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_none(&House::ours().circles(), "imports between files make no circle");
}

#[test]
fn an_import_names_the_real_path() {
    let house = House::ours();
    assert_none(
        &house.detours(),
        "a folder's re-exports are for files outside of it (the crate root's for other crates) and show only what is inside",
    );
    assert_none(&house.unresolved, "each path leads to a definition");
}

#[test]
fn the_sources_are_lib_rs_and_a_folder_for_each_room() {
    let root = source_folder();
    let entries = |folder: &Path| -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    let rooms = LEVELS.iter().map(|(room, _)| (*room).to_owned());
    assert_eq!(entries(&root), rooms.chain(["lib.rs".to_owned()]).collect());
    assert_eq!(entries(&root.join("bin")), BTreeSet::from(["redtail".to_owned()]));

    let house = House::ours();
    let known: BTreeSet<&str> = house.tree.files.iter().map(|file| file.path.as_str()).collect();
    let files: Vec<String> = rust_files(&root).iter().map(|path| below(&root, path)).collect();
    let stray: Vec<&String> = files.iter().filter(|path| !known.contains(path.as_str())).collect();
    assert!(stray.is_empty(), "no `mod` declares {stray:?}");
}

#[test]
fn the_core_has_no_io_clock_thread_allocation_or_unsafe() {
    let found = House::ours().lines_with(NOT_IN_CORE, |file| CORE.contains(&room(&file.path)));
    assert_none(&found, "the core computes and does nothing else");
}

#[test]
fn io_has_no_sockets_and_no_threads() {
    let found = House::ours().lines_with(NOT_IN_IO, |file| room(&file.path) == "io");
    assert_none(&found, "io knows files and buffers only");
}

#[test]
fn unsafe_code_is_at_home_in_the_c_room_only() {
    let house = House::ours();
    let is_unsafe = |line: &str| {
        let words = line.replace("unsafe_code", "").replace("unsafe_op_in_unsafe_fn", "");
        words.split(|c: char| !is_name(c)).any(|word| word == "unsafe")
    };
    for file in house.tree.files.iter().filter(|file| room(&file.path) != "capi") {
        assert_eq!(house.tree.code(file).find(|(_, line)| is_unsafe(line)), None, "{}", file.path);
    }
}

#[test]
fn only_lib_rs_and_the_c_room_ask_for_the_feature_capi() {
    let is_elsewhere = |file: &File| file.path != "lib.rs" && room(&file.path) != "capi";
    let found = House::ours().lines_with(&["feature = \"capi\"", "feature=\"capi\""], is_elsewhere);
    assert_none(&found, "the feature capi is asked for in lib.rs and capi only");
}

#[test]
fn a_file_is_one_idea_and_says_which() {
    let files = || House::ours().tree.files.iter();
    let silent: Vec<String> =
        files().filter(|file| !file.text.starts_with("//!")).map(|file| file.path.clone()).collect();
    assert_none(&silent, "a file begins with what it is");
    let lines = files().map(|file| (&file.path, file.text.lines().count()));
    let long = lines.filter(|(_, lines)| *lines > LONGEST_FILE).map(|(path, lines)| format!("{path}: {lines} lines"));
    assert_none(&long.collect::<Vec<_>>(), &format!("a file has at most {LONGEST_FILE} lines"));
}

#[test]
fn a_function_fits_on_a_page() {
    let mut long = Vec::new();
    for file in &House::ours().tree.files {
        for Function { name, line, lines } in file.functions.iter().filter(|function| function.lines > LONGEST_FUNCTION)
        {
            long.push(format!("{}:{line}: {name} has {lines} lines", file.path));
        }
    }
    assert_none(&long, &format!("a function has at most {LONGEST_FUNCTION} lines"));
}

/// Prints the figures, even if the sources break the rules.
#[test]
fn picture() {
    let house = House::ours();
    let files = &house.tree.files;
    let rooms: BTreeSet<&str> = files.iter().map(|file| room(&file.path)).filter(|room| *room != "lib").collect();
    let levels: BTreeSet<u8> = rooms.iter().map(|room| level(room)).collect();
    let pairs: BTreeSet<_> = house.arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
    let through_root = house.arrows.iter().filter(|arrow| arrow.detour.as_deref() == Some("lib.rs"));
    let through_root: BTreeSet<_> = through_root.map(|arrow| arrow.from).collect();
    let (circles, upward, detours) = (house.circles(), house.upward(), house.detours());
    let longest_file = files.iter().max_by_key(|file| file.text.lines().count()).unwrap();
    let functions = files.iter().flat_map(|file| file.functions.iter().map(move |function| (file, function)));
    let (file, longest) = functions.max_by_key(|(_, function)| function.lines).unwrap();

    println!("rooms: {}, levels: {}, files: {}", rooms.len(), levels.len(), files.len());
    println!("arrows between files: {}", pairs.len());
    println!("files that import through the crate root: {}", through_root.len());
    println!("largest file: {}, {} lines", longest_file.path, longest_file.text.lines().count());
    println!("longest function: {} in {}:{}, {} lines", longest.name, file.path, longest.line, longest.lines);
    for (title, found) in [("circles", circles), ("upward imports", upward), ("detours", detours)] {
        println!("{title}: {}", found.len());
        found.iter().for_each(|entry| println!("  {entry}"));
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
    let added: Vec<&str> = std.split("dep:").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    // The first is for Windows alone.
    assert_eq!(added, ["same-file", "socket2"]);
}

#[test]
fn every_pitfall_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = root.join("tests");
    let page = fs::read_to_string(tests.join("PITFALLS.md")).unwrap();
    // A merge may keep both versions of a row.
    let rows = page.lines().filter(|line| !line.starts_with("| ---")).filter_map(|line| line.rsplit_once(" | "));
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = rows.filter(|(pitfall, _)| !seen.insert(*pitfall)).collect();
    assert!(twice.is_empty(), "tests/PITFALLS.md has these twice: {twice:?}");
    let is_name = |word: &&str| word.contains('_') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 40, "only {} names were found", named.len());
    let bridges = ["tests", "src"].into_iter().flat_map(|it| rust_files(&root.join("examples/bridges/nats").join(it)));
    let files = rust_files(&tests).into_iter().chain(rust_files(&root.join("src"))).chain(bridges);
    let code: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let missing: Vec<_> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "tests/PITFALLS.md names tests that do not exist: {missing:?}");
}
