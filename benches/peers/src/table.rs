//! Prints the results.

use std::fmt::Write;

use crate::{MEMCPY, Measured, OURS, OURS_IN_C, Times};

/// Medians, spread and ratios of one corpus.
pub fn print(result: &Measured, what: &str) {
    let Measured { name, frames, bytes, .. } = result;
    println!("\n{name}: {what}; {frames} frames, {:.1} bytes each", *bytes as f64 / *frames as f64);
    println!(
        "  {:<22}{:>10}{:>10}{:>10}{:>10}{:>8}{:>12}{:>10}{:>8}",
        "", "ns/frame", "least", "most", "GB/s", "ratio", "of hiredis", "visiting", "ratio"
    );
    let (ours, hiredis, visited) = (parsed(result, OURS), parsed(result, "hiredis_noop"), visited(result, OURS));
    for Times { peer, parsed: seconds, visited: visits } in &result.times {
        let each = |seconds: f64| seconds * 1e9 / *frames as f64;
        let (median, least, most) = (middle(seconds), least(seconds), seconds.iter().copied().fold(0.0, f64::max));
        println!(
            "  {peer:<22}{:>10.1}{:>10.1}{:>10.1}{:>10.2}{:>8.2}{:>12}{:>10.1}{:>8.2}",
            each(median),
            each(least),
            each(most),
            *bytes as f64 / median / 1e9,
            median / ours,
            // The speed of each redtail method, relative to hiredis.
            if peer.starts_with(OURS) { format!("{:.2}", hiredis / median) } else { String::new() },
            each(middle(visits)),
            middle(visits) / visited,
        );
    }
}

/// Prints one JSON object: each peer's time divided by redtail's, without and with a visit of each element. redtail's
/// other methods appear only in the table.
pub fn json(results: &[Measured]) -> String {
    let each = |value: &dyn Fn(&Measured) -> String| {
        results.iter().map(|result| format!("\"{}\":{}", result.name, value(result))).collect::<Vec<_>>().join(",")
    };
    let ratios = |result: &Measured, of: fn(&Times) -> &[f64], ours: f64| {
        let mut text = String::from("{");
        // Of some streams there is no method in C.
        let peers = result.times.iter().filter(|times| !times.peer.starts_with(OURS) && times.peer != MEMCPY);
        for times in peers.filter(|_| ours.is_finite()) {
            let comma = if text.len() > 1 { "," } else { "" };
            write!(text, "{comma}\"{}\":{:.2}", times.peer, middle(of(times)) / ours).expect("memory");
        }
        text + "}"
    };
    let fraction = |result: &Measured| format!("{:.3}", parsed(result, MEMCPY) / parsed(result, OURS));
    format!(
        "{{\"ratios\":{{{}}},\"visited\":{{{}}},\"visited_in_c\":{{{}}},\
        \"memcpy_fraction\":{{{}}},\"allocations\":{{{}}}}}",
        each(&|result| ratios(result, |times| &times.parsed, parsed(result, OURS))),
        each(&|result| ratios(result, |times| &times.visited, visited(result, OURS))),
        each(&|result| ratios(result, |times| &times.visited, visited(result, OURS_IN_C))),
        each(&fraction),
        each(&|result| result.allocations.to_string()),
    )
}

fn parsed(result: &Measured, peer: &str) -> f64 {
    result.times.iter().find(|times| times.peer == peer).map_or(f64::NAN, |times| middle(&times.parsed))
}

fn visited(result: &Measured, peer: &str) -> f64 {
    result.times.iter().find(|times| times.peer == peer).map_or(f64::NAN, |times| middle(&times.visited))
}

fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}
