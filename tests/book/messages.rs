//! The messages of the sources, and those of the pages on troubleshooting.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{pages, read, root};

/// The calls whose text is an error message, in the tool and in the library.
const TOOL: &[&str] = &["Err", "Message", "HistoryLost", "failed", "ok_or", "ok_or_else", "map_err", "rule"];
const LIBRARY: &[&str] = &["error", "Fatal"];

/// Folders whose messages the tool never prints as errors: for other programs of the library, and the findings of the
/// doctor.
const OTHERS: &[&str] = &["src/capi", "src/owned", "src/resp", "src/bin/redtail/doctor"];

/// The Rust files below the folder, without those in the other folders.
pub(crate) fn sources(folder: &Path, others: &[&str], found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !others.contains(&name.as_str()) {
            sources(&path, others, found);
        } else if name.ends_with(".rs") {
            found.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}

/// The text of a literal, with `…` for each of its parameters; `None` for one that is no text.
fn text(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    let source = literal.to_string();
    let inside = source.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut chars) = (String::new(), inside.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next()? {
                '\n' => while chars.next_if(|next| next.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                escaped => text.push(escaped),
            },
            '{' if chars.next_if_eq(&'{').is_some() => text.push('{'),
            '{' => {
                chars.by_ref().find(|next| *next == '}')?;
                text.push('…');
            }
            '}' => text.push(*chars.next_if_eq(&'}').as_ref()?),
            '`' => {}
            char => text.push(char),
        }
    }
    Some(text)
}

/// Shorter texts are names.
fn is_message(text: &str) -> bool {
    text.split_whitespace().count() >= 3 && text.split(|c: char| !c.is_ascii_lowercase()).any(|word| word.len() > 1)
}

fn texts(tokens: TokenStream) -> Vec<String> {
    let inside = |token: TokenTree| match token {
        TokenTree::Group(group) => texts(group.stream()),
        token => text(&token).into_iter().filter(|text| is_message(text)).collect(),
    };
    tokens.into_iter().flat_map(inside).collect()
}

fn messages(tokens: TokenStream, calls: &[&str], found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(name) if calls.iter().any(|call| name == call) => {
                if let Some(TokenTree::Group(group)) = tokens.get(at + 1)
                    && group.delimiter() == Delimiter::Parenthesis
                {
                    // Other texts in a call are arguments of its message; a rule has a message for each of its cases.
                    let most = if name == "rule" { usize::MAX } else { 1 };
                    found.extend(texts(group.stream()).into_iter().take(most));
                }
            }
            TokenTree::Group(group) => messages(group.stream(), calls, found),
            _ => {}
        }
    }
}

/// The messages of the pages: the first cell of each row.
fn documented() -> Vec<String> {
    let pages = pages().into_iter().filter(|page| page.starts_with("troubleshooting"));
    let rows = pages.flat_map(|page| {
        let text = read(&format!("docs/{page}"));
        let rows = text.split("| message").skip(1).flat_map(|table| {
            table.lines().skip(2).take_while(|line| line.starts_with('|')).map(str::to_owned).collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>()
    });
    let cell = |row: String| {
        let row = row.replace("\\|", "\0").replace(['\\', '`'], "");
        row.split('|').nth(1).unwrap().trim().replace('\0', "|")
    };
    rows.map(cell).collect()
}

#[test]
fn every_message_is_documented_and_every_row_is_a_message() {
    let (mut files, mut found) = (Vec::new(), BTreeSet::new());
    sources(&root().join("src"), OTHERS, &mut files);
    for (name, source) in files {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let calls = if name.starts_with("src/bin") { TOOL } else { LIBRARY };
        messages(source.parse().unwrap_or_else(|error| panic!("{name}: {error}")), calls, &mut found);
    }
    assert!(found.len() > 150, "the messages were not found");
    let rows = documented();
    let undocumented: Vec<&String> = found.iter().filter(|message| !rows.contains(message)).collect();
    assert_eq!(undocumented, Vec::<&String>::new(), "add these to a page docs/troubleshooting*.md");
    let unknown: Vec<&String> = rows.iter().filter(|row| !found.contains(*row)).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "no source has these");
    let unique: BTreeSet<&String> = rows.iter().collect();
    assert_eq!(unique.len(), rows.len(), "a message has two rows");
}
