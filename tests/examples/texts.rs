//! What all examples have in common: they are short, begin with what they show, handle errors, and are on their page.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of the examples: each of these folders, without those below it.
fn sources() -> Vec<PathBuf> {
    let folders = ["", "c", "cpp", "go", "python", "sqlite/src"].map(|folder| root().join("examples").join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let ends = ["rs", "c", "cpp", "go", "py"];
    let is_source = |path: &PathBuf| path.extension().is_some_and(|end| ends.iter().any(|it| end == *it));
    let sources: Vec<PathBuf> = files.filter(is_source).collect();
    assert!(sources.len() > 12, "the examples were not found");
    sources
}

#[test]
fn every_example_is_on_its_page_and_begins_with_a_comment() {
    let page = fs::read_to_string(root().join("docs/examples.md")).unwrap();
    for source in sources() {
        let path = source.strip_prefix(root()).unwrap().display().to_string();
        assert!(page.contains(&format!("](../{path}) |")), "docs/examples.md does not name {path}");
        let text = fs::read_to_string(&source).unwrap();
        let first = text.lines().next().unwrap();
        assert!(["//! ", "/* ", "// ", "\"\"\""].iter().any(|mark| first.starts_with(mark)), "{path}: {first}");
    }
}

#[test]
fn examples_are_short_and_never_panic() {
    for source in sources() {
        let text = fs::read_to_string(&source).unwrap();
        let (path, lines) = (source.display(), text.lines().count());
        assert!(lines <= 120, "{path} has {lines} lines");
        let program = text.split("#[cfg(test)]").next().unwrap();
        let found = [".unwrap()", ".expect(", "panic!"].iter().find(|call| program.contains(**call));
        assert_eq!(found, None, "{path}");
    }
}
