//! Tests of the checks on made-up text.

use super::{HABITS, Kind, check};

/// Line and habit of each finding.
fn habits(path: &str, text: &str) -> Vec<(usize, &'static str)> {
    let habit = |kind| if let Kind::Habit(index) = kind { Some(HABITS[index].0) } else { None };
    check(path, text).into_iter().filter_map(|finding| Some((finding.line, habit(finding.kind)?))).collect()
}

fn lines_of(kind: Kind, path: &str, text: &str) -> Vec<usize> {
    check(path, text).into_iter().filter(|finding| finding.kind == kind).map(|finding| finding.line).collect()
}

#[test]
fn habits_are_found_in_comments_and_messages() {
    let text =
        "//! It stands here.\n/// The way:\nfn place() { // looks\n    say(\"a message of {words}, so many\");\n}\n";
    let found = habits("src/a.rs", text);
    assert_eq!(found, [(1, "stand(s)"), (2, "way(s)"), (3, "look(s)"), (4, "so many/much/long/often")]);
    assert_eq!(habits("tests/a.rs", text).len(), 3, "strings of tests are no messages");
    let block = "/* It is\n * over. */ int way; /** A Place. */\n";
    assert_eq!(habits("include/a.h", block), [(1, "is over"), (2, "place(s)")]);
}

#[test]
fn code_is_no_prose() {
    let doc = "/// ```\n/// way\n/// ```\n/// A `way\n/// or place` and [`x`](way) and standstill, two-way.\nfn f() { way(\"way\", 'w', \"//way\") }\n";
    assert_eq!(habits("src/a.rs", doc), []);
    assert_eq!(habits("docs/a.md", "```sh\nway\n```\n\nA [link](https://place/way) of\n"), []);
    assert_eq!(habits("include/a.h", "/* Like this:\n *\n *     look(way);\n */\n"), []);
    assert_eq!(habits("src/a.rs", "const A: &str = r#\"\"// way\"#; // a 'b way\n"), [(1, "way(s)")]);
    assert_eq!(
        habits("src/a.rs", "fn f<'a>(q: char) { q == '\"' } // way\n#[cfg(test)]\nf(\"is that the way\")\n").len(),
        1
    );
}

#[test]
fn a_habit_is_found_across_lines() {
    assert_eq!(habits("src/a.rs", "    // it goes\n    // on\n"), [(1, "go(es) on")]);
    assert_eq!(habits("src/a.rs", "// it goes\n\n// on\n"), []);
    assert_eq!(habits("docs/a.md", "It is\ntold.\n\n- by\n- itself\n"), [(1, "is told")]);
}

#[test]
fn long_lines_are_found_but_in_tables_code_and_addresses() {
    let long = "x ".repeat(61);
    let text = format!("{long}\n\n| {long} |\n\n```\n{long}\n```\nhttps://x {long}\n{}\n", "é".repeat(120));
    assert_eq!(lines_of(Kind::Line, "docs/a.md", &text), [1]);
    assert_eq!(lines_of(Kind::Line, "src/a.rs", &format!("/// {long}\nlet a = 1; // {long}\n")), [1]);
}

#[test]
fn long_sentences_are_found_across_lines() {
    let sentence =
        |words: usize| format!("/// {}\n/// `a b c` end (here). {}.\n", "x ".repeat(words - 3), "y ".repeat(40));
    assert_eq!(lines_of(Kind::Sentence, "src/a.rs", &sentence(40)), []);
    assert_eq!(lines_of(Kind::Sentence, "src/a.rs", &sentence(41)), [1]);
    let message = format!("fn f() {{\n    say(\"{}\")\n}}\n", "x {} ".repeat(21));
    assert_eq!(lines_of(Kind::Sentence, "src/a.rs", &message), [2]);
}

#[test]
fn long_names_of_tests_are_found() {
    let text = |length: usize| format!("fn {0}() {{}}\n#[test]\n#[ignore]\nfn {0}() {{}}\n", "a".repeat(length));
    assert_eq!(lines_of(Kind::Name, "tests/a.rs", &text(60)), []);
    assert_eq!(lines_of(Kind::Name, "tests/a.rs", &text(61)), [4]);
}
