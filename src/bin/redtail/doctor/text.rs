//! The report as text of 80 columns.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::doctor::facts::Known;
use crate::doctor::findings::finding::Severity;
use crate::doctor::findings::remedy::Remedy;
use crate::doctor::report::{Learned, Report, Verdict};

const WIDTH: usize = 80;
/// The start of the second and third columns.
const ABOUT: usize = 7;
const WHAT: usize = 22;

pub(super) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}\n", report.target)?;
    for finding in &report.findings {
        let (label, style) = label(finding.severity);
        let what = wrapped(&finding.what, WHAT);
        writeln!(out, " {style}{label:<4}{style:#}  {:<15}{what}", finding.about)?;
        // A good finding with a remedy advises something better.
        if finding.severity != Severity::Good || !finding.fix.is_empty() {
            if !finding.why.is_empty() {
                writeln!(out, "{:ABOUT$}{}", "", wrapped(&finding.why, ABOUT))?;
            }
            fix(&finding.fix, out)?;
        }
    }
    if !report.starts.is_empty() {
        let cluster = if matches!(report.learned, Learned::Cluster(_)) { " --cluster" } else { "" };
        writeln!(out, "\n where to start (redtail tail{cluster} --from ...)")?;
    }
    for start in &report.starts {
        let (severity, label) = match start.possible {
            Known::Yes => (Severity::Good, "yes"),
            Known::No => (Severity::Warn, "no"),
            Known::Unknown => (Severity::Unknown, "?"),
        };
        let style = self::label(severity).1;
        writeln!(out, " {style}{label:<4}{style:#}  {:<18}{}", start.name, wrapped(&start.how, ABOUT + 18))?;
    }
    let verdict = verdict(report);
    if report.verdict() == Verdict::Good && verdict.chars().count() >= WIDTH {
        writeln!(out, "\n It can be followed:")?;
        return fix(&[report.tail.clone().into()], out);
    }
    writeln!(out, "\n {}", wrapped(&verdict, 1))
}

fn fix(remedies: &[Remedy], out: &mut impl Write) -> io::Result<()> {
    let style = Style::new().bold();
    for Remedy { kind, text } in remedies {
        // A command is never wrapped, so that it can be copied.
        writeln!(out, "{:>ABOUT$}> {style}{}{style:#}", kind.as_str(), printable(text))?;
    }
    Ok(())
}

fn label(severity: Severity) -> (&'static str, Style) {
    let (label, color) = match severity {
        Severity::Good => ("good", AnsiColor::Green),
        Severity::Warn => ("warn", AnsiColor::Yellow),
        Severity::Bad => ("bad", AnsiColor::Red),
        Severity::Unknown => ("?", AnsiColor::Cyan),
        Severity::Note => ("note", AnsiColor::Cyan),
    };
    (label, Style::new().fg_color(Some(color.into())))
}

fn verdict(report: &Report) -> String {
    let plural = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts = [
        plural(report.count(Severity::Warn), "warning", "warnings"),
        plural(report.count(Severity::Unknown), "thing could not be checked", "things could not be checked"),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match report.verdict() {
        Verdict::Good => format!("It can be followed: {}", report.tail),
        Verdict::Warnings if report.starts.iter().any(|start| start.possible == Known::Yes) => {
            format!("It can be followed; {parts} (exit code 3).")
        }
        Verdict::Warnings => format!("Could not check whether it can be followed; {parts} (exit code 3)."),
        Verdict::Impossible => "It can't be followed.".into(),
    }
}

/// Removes control characters of the server's text, which a terminal would execute.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Wraps text in a column that begins at `indent`.
fn wrapped(text: &str, indent: usize) -> String {
    // A word with hyphens is the name of a setting.
    let whole = textwrap::WordSplitter::NoHyphenation;
    let options = textwrap::Options::new(WIDTH - indent).break_words(false).word_splitter(whole);
    textwrap::wrap(&printable(text), options).join(&format!("\n{:indent$}", ""))
}
