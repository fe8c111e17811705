//! README and docs as a book: the length of the pages, their links, the table of contents, their programs.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

mod bridges;
mod messages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const README_WORDS: usize = 900;
const PAGE_WORDS: usize = 1_500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the pages in docs.
fn pages() -> BTreeSet<String> {
    let names = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let pages: BTreeSet<String> =
        names.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md")).collect();
    assert!(pages.len() > 30, "the pages were not found");
    pages
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of the links of a page, without those inside of code.
fn links(text: &str) -> Vec<String> {
    let joined: Vec<&str> = prose(text).collect();
    let text: String = joined.join("\n").split('`').step_by(2).collect::<Vec<_>>().join("code");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned());
    targets.collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn readme_and_pages_are_short() {
    let words = |path: &str| read(path).split_whitespace().count();
    assert!(words("README.md") <= README_WORDS, "README.md has {} words", words("README.md"));
    let long: Vec<String> = pages()
        .iter()
        .map(|page| (page, words(&format!("docs/{page}"))))
        .filter(|(_, words)| *words > PAGE_WORDS)
        .map(|(page, words)| format!("docs/{page} has {words} words"))
        .collect();
    assert_eq!(long, Vec::<String>::new(), "at most {PAGE_WORDS}");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut sources: Vec<String> = pages().iter().map(|page| format!("docs/{page}")).collect();
    let others = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "fuzz/README.md"];
    sources.extend(others.map(String::from));
    let mut broken = Vec::new();
    let mut count = 0;
    // tests/release makes the links of README addresses of files in the repository.
    let manifest = read("Cargo.toml");
    let repository = manifest.lines().find_map(|line| line.strip_prefix("repository = \"")?.strip_suffix('"'));
    let prefixes = ["blob", "raw"].map(|kind| format!("]({}/{kind}/HEAD/", repository.unwrap_or("https://none")));
    for source in sources {
        let text = prefixes.iter().fold(read(&source), |text, prefix| text.replace(prefix, "]("));
        for target in links(&text).into_iter().filter(|target| !target.contains("://")) {
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file: PathBuf =
                if path.is_empty() { root().join(&source) } else { root().join(&source).parent().unwrap().join(path) };
            let is_heading = || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
            if !file.exists() || !anchor.is_empty() && !is_heading() {
                broken.push(format!("{source}: {target}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(count > 100, "the links were not found");
}

#[test]
fn the_table_of_contents_names_every_page_once() {
    let named = links(&read("docs/SUMMARY.md"));
    let expected: Vec<String> = pages().into_iter().filter(|page| page != "SUMMARY.md").collect();
    let mut sorted = named.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
}

/// A page whose Rust programs are not in the tests of the documentation would never be compiled.
#[test]
fn every_page_with_a_rust_program_is_compiled() {
    let library = read("src/lib.rs");
    let is_compiled = |page: &String| library.contains(&format!("include_str!(\"../docs/{page}\")"));
    let has_program = |page: &String| read(&format!("docs/{page}")).contains("```rust");
    let missing: Vec<String> = pages().into_iter().filter(|page| has_program(page) && !is_compiled(page)).collect();
    assert_eq!(missing, Vec::<String>::new(), "add these to `mod pages` in src/lib.rs");
}

/// The first commands of README: the demonstration, then the tests. CI runs both.
#[test]
fn readme_begins_with_the_two_commands_of_a_developer() {
    let readme = read("README.md");
    let blocks: Vec<&str> = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks[..2], ["cargo run --release --features cli\n", "tests/run\n"]);
    let ci = read(".ci/run");
    assert!(blocks[..2].iter().all(|command| ci.contains(command.trim())), ".ci/run runs something else");
}

/// The page of a module groups its items by their purpose.
#[test]
fn the_page_of_each_module_names_every_item() {
    let (mut missing, mut count) = (BTreeSet::new(), 0);
    for line in read("tests/interface/rust.txt").lines() {
        let kinds = ["struct ", "enum ", "trait ", "type ", "const ", "fn ", "const fn "];
        let Some((_, item)) = line.split_once("pub ") else { continue };
        let Some(path) = kinds.iter().find_map(|kind| item.strip_prefix(kind)?.strip_prefix("redtail::")) else {
            continue;
        };
        let path = path.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')).next().unwrap();
        let mut modules: Vec<&str> = path.trim_end_matches(':').split("::").collect();
        let name = modules.pop().unwrap();
        // Otherwise a function or a constant of a type.
        if !modules.iter().any(|module| module.starts_with(char::is_uppercase)) {
            count += 1;
            let folder = modules.iter().fold(PathBuf::from("src"), |folder, module| folder.join(module));
            let file = folder.join(if modules.is_empty() { "lib.rs" } else { "mod.rs" });
            let text = read(file.to_str().unwrap());
            let mut page = text.lines().filter(|line| line.starts_with("//!"));
            if !page.any(|line| line.contains(&format!("`{name}`")) || line.contains(&format!("`{name}::"))) {
                missing.insert(format!("{}: {name}", file.display()));
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    assert!(count > 200, "the items were not found");
}

/// An apostrophe in a description would end the list, which is one quoted text.
#[cfg(unix)]
#[test]
fn the_long_checks_can_be_listed() {
    let output = std::process::Command::new(root().join("tests/soak")).output().unwrap();
    let (listed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    assert!(
        ["kills", "operator", "matrix"].iter().all(|name| listed.lines().any(|line| line.starts_with(name))),
        "{listed}"
    );
}

#[test]
fn public_types_have_an_example() {
    let listed = read("tests/interface/rust.txt");
    let is_public = |name: &str| {
        listed.lines().any(|line| {
            let kinds = ["pub struct ", "pub enum ", "pub trait "];
            kinds.iter().any(|kind| {
                let path = line.split_once(kind).map_or("", |(_, rest)| rest.split(['<', ' ', '(']).next().unwrap());
                path.rsplit("::").next() == Some(name)
            })
        })
    };
    let (mut files, mut without, mut count) = (Vec::new(), Vec::new(), 0);
    messages::sources(&root().join("src"), &["src/capi", "src/bin"], &mut files);
    for (file, text) in &files {
        let mut has_example = false;
        for line in text.lines() {
            match line.trim_start_matches("pub ").split_once(' ') {
                _ if line.starts_with("///") => has_example |= line.contains("```"),
                Some(("struct" | "enum" | "trait", rest)) if line.starts_with("pub ") => {
                    let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                    if is_public(name) {
                        count += 1;
                        if !has_example {
                            without.push(format!("{file}: {name}"));
                        }
                    }
                }
                _ => {}
            }
            // The documentation of another item begins after the end of one.
            if line.is_empty() || line.starts_with('}') {
                has_example = false;
            }
        }
    }
    assert!(count > 100, "the types were not found");
    assert_eq!(without, Vec::<String>::new(), "each of these needs an example");
}
