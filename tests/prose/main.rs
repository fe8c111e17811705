//! Holds prose to plain English: unwanted habits, long lines, long sentences and long test names have a maximum count.
//!
//! `cargo test --test prose counts -- --nocapture` prints the counts; a maximum above 0 needs a reason.
//! `PROSE=src/net cargo test --test prose list -- --nocapture` prints each finding below a path.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

mod extract;
mod made_up;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use extract::{Paragraph, Word, lines, paragraphs, wrapped};

/// Unwanted phrases, their spellings, and the maximum count of each.
const HABITS: &[(&str, &[&str], usize)] = &[
    ("words (for message)", &["words"], 0),
    ("stand(s)", &["stand", "stands"], 0),
    ("so many/much/long/often", &["so many", "so much", "so long", "so often"], 0),
    ("go(es) on", &["go on", "goes on"], 0),
    ("is over", &["is over"], 0),
    ("by itself", &["by itself"], 0),
    ("is told", &["is told"], 0),
    ("is said", &["is said"], 0),
    ("way(s)", &["way", "ways"], 0),
    ("place(s)", &["place", "places"], 0),
    ("look(s)", &["look", "looks"], 0),
    ("mend(s)", &["mend", "mends"], 0),
    ("behind (for after)", BEHIND, 0),
];

/// Bytes and positions are before or after one another. Behind are a server that lags, and what a lock or a pipe hides.
const BEHIND: &[&str] = &[
    "behind it",
    "behind its",
    "behind them",
    "behind that",
    "behind those",
    "behind any",
    "behind the position",
    "behind the first",
    "behind the last",
    "behind the end",
    "behind the snapshot",
    "behind a snapshot",
    "behind the writes",
    "behind the stored",
    "behind the gap",
    "behind a gap",
    "events behind",
    "commands behind",
    "writes behind",
    "arguments behind",
    "position behind",
    "bytes behind the",
    "one behind the other",
];

/// For each top folder or page: the maximum count of long lines and of long sentences.
const LENGTHS: &[(&str, usize, usize)] = &[
    ("src", 0, 0),
    ("include", 0, 0),
    ("docs", 0, 0),
    ("README.md", 0, 0),
    ("ARCHITECTURE.md", 0, 0),
    ("CHANGELOG.md", 0, 0),
    ("CONTRIBUTING.md", 0, 0),
    ("tests", 0, 0),
    ("examples", 0, 0),
    ("benches", 0, 0),
    ("fuzz", 0, 0),
];

/// The maximum count of long test names.
const LONG_NAMES: usize = 0;

const LINE_CHARACTERS: usize = 120;
const SENTENCE_WORDS: usize = 40;
const NAME_CHARACTERS: usize = 60;

/// One breach of a rule.
struct Finding {
    path: String,
    line: usize,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The index in [`HABITS`].
    Habit(usize),
    Line,
    Sentence,
    Name,
}

impl Finding {
    fn is_in(&self, folder: &str) -> bool {
        Path::new(&self.path).starts_with(folder)
    }
}

/// The findings in the whole repository.
fn findings() -> &'static [Finding] {
    static FINDINGS: OnceLock<Vec<Finding>> = OnceLock::new();
    FINDINGS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        LENGTHS.iter().for_each(|(folder, ..)| collect(&root.join(folder), &mut files));
        assert!(files.len() > 300, "the files were not found");
        files.sort();
        let path = |file: &String| Path::new(file).strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        files.iter().flat_map(|file| check(&path(file), &fs::read_to_string(file).unwrap())).collect()
    })
}

fn collect(path: &Path, files: &mut Vec<String>) {
    if path.is_dir() {
        if !["target", "vendor"].iter().any(|built| path.file_name().unwrap() == *built) {
            fs::read_dir(path).unwrap().flatten().for_each(|entry| collect(&entry.path(), files));
        }
    } else if path.extension().is_some_and(|end| ["md", "rs", "c", "h", "cpp", "hpp"].iter().any(|known| end == *known))
    {
        files.push(path.to_str().unwrap().to_owned());
    }
}

fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add =
        |line: usize, kind: Kind, text: String| found.push(Finding { path: path.to_owned(), line, kind, text });
    let prose = lines(path, text);
    let physical: Vec<&str> = text.lines().collect();
    for number in wrapped(&prose) {
        let length = physical[number - 1].chars().count();
        if length > LINE_CHARACTERS {
            add(number, Kind::Line, format!("{length} characters"));
        }
    }
    for paragraph in paragraphs(&prose) {
        for (habit, (_, phrases, _)) in HABITS.iter().enumerate() {
            for word in phrases.iter().flat_map(|phrase| occurrences(&paragraph, phrase)) {
                add(word.line, Kind::Habit(habit), physical[word.line - 1].trim().to_owned());
            }
        }
        for sentence in paragraph.words.split_inclusive(ends_sentence).filter(|words| words.len() > SENTENCE_WORDS) {
            let begin: Vec<&str> = sentence.iter().take(8).map(|word| word.text.as_str()).collect();
            add(sentence[0].line, Kind::Sentence, format!("{} words: {} ...", sentence.len(), begin.join(" ")));
        }
    }
    if path.starts_with("src/") || path.starts_with("tests/") {
        for (line, name) in tests(&physical).filter(|(_, name)| name.len() > NAME_CHARACTERS) {
            add(line, Kind::Name, format!("{} characters: {name}", name.len()));
        }
    }
    found.sort_by_key(|finding| finding.line);
    found
}

/// The first word of each occurrence of the phrase.
fn occurrences<'a>(paragraph: &'a Paragraph, phrase: &'a str) -> impl Iterator<Item = &'a Word> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let length = phrase.len();
    let is_same = move |words: &&[Word]| words.iter().zip(&phrase).all(|(word, wanted)| word.core == *wanted);
    paragraph.words.windows(length).filter(is_same).map(|words| &words[0])
}

fn ends_sentence(word: &Word) -> bool {
    word.text.trim_end_matches([')', '"', '\'', '*', '_', ']']).ends_with(['.', '!', '?'])
}

/// The tests of a Rust file: line and name.
fn tests<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    let marks = lines.iter().enumerate().filter(|(_, line)| line.trim() == "#[test]");
    marks.filter_map(|(mark, _)| {
        let (number, line) = lines.iter().enumerate().skip(mark + 1).find(|(_, line)| line.contains("fn "))?;
        let name = line.split_once("fn ")?.1;
        Some((number + 1, name.split(|c: char| !c.is_alphanumeric() && c != '_').next()?))
    })
}

fn of_kind(kind: Kind, folder: &str) -> Vec<&'static Finding> {
    findings().iter().filter(|finding| finding.kind == kind && finding.is_in(folder)).collect()
}

/// The message for a count above its maximum.
fn excess(what: &str, found: &[&Finding], maximum: usize) -> Option<String> {
    let line = |finding: &&Finding| format!("  {}:{}: {}\n", finding.path, finding.line, finding.text);
    let first: String = found.iter().take(20).map(line).collect();
    (found.len() > maximum).then(|| format!("{what}: {}, at most {maximum} allowed; the first:\n{first}", found.len()))
}

#[track_caller]
fn assert_none(excesses: impl Iterator<Item = String>) {
    let messages: Vec<String> = excesses.collect();
    assert!(messages.is_empty(), "\n{}", messages.join("\n"));
}

#[test]
fn habits_stay_below_their_maximum() {
    let habits = HABITS.iter().enumerate();
    assert_none(habits.filter_map(|(index, (name, _, most))| excess(name, &of_kind(Kind::Habit(index), ""), *most)));
}

#[test]
fn lines_of_prose_have_at_most_120_characters() {
    let long = |(folder, most, _): &(&str, usize, usize)| {
        excess(&format!("long lines in {folder}"), &of_kind(Kind::Line, folder), *most)
    };
    assert_none(LENGTHS.iter().filter_map(long));
}

#[test]
fn sentences_have_at_most_40_words() {
    let long = |(folder, _, most): &(&str, usize, usize)| {
        excess(&format!("long sentences in {folder}"), &of_kind(Kind::Sentence, folder), *most)
    };
    assert_none(LENGTHS.iter().filter_map(long));
}

#[test]
fn names_of_tests_have_at_most_60_characters() {
    assert_none(excess("long names of tests", &of_kind(Kind::Name, ""), LONG_NAMES).into_iter());
}

/// Prints the present counts of the tables above.
#[test]
fn counts() {
    for (index, (name, _, most)) in HABITS.iter().enumerate() {
        println!("{name}: {} (at most {most})", of_kind(Kind::Habit(index), "").len());
    }
    for (folder, lines, sentences) in LENGTHS {
        let (long_lines, long_sentences) = (of_kind(Kind::Line, folder).len(), of_kind(Kind::Sentence, folder).len());
        println!(
            "{folder}: {long_lines} long lines (at most {lines}), {long_sentences} long sentences (at most {sentences})"
        );
    }
    println!("long names of tests: {} (at most {LONG_NAMES})", of_kind(Kind::Name, "").len());
}

/// Prints each finding below the path in `PROSE`.
#[test]
fn list() {
    let folder = std::env::var("PROSE").unwrap_or_default();
    for finding in findings().iter().filter(|finding| finding.is_in(folder.trim_end_matches('/'))) {
        let kind = match finding.kind {
            Kind::Habit(index) => HABITS[index].0,
            Kind::Line => "long line",
            Kind::Sentence => "long sentence",
            Kind::Name => "long name",
        };
        println!("{}:{}: [{kind}] {}", finding.path, finding.line, finding.text);
    }
}
