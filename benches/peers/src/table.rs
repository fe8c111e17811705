//! Prints the results.

use std::fmt::Write;

use crate::{MEMCPY, Measured, OURS};

/// Medians, spread and ratios of one corpus.
pub fn print(result: &Measured, what: &str) {
    let Measured { name, frames, bytes, .. } = result;
    println!("\n{name}: {what}; {frames} frames, {:.1} bytes each", *bytes as f64 / *frames as f64);
    println!(
        "  {:<22}{:>10}{:>10}{:>10}{:>10}{:>8}{:>12}",
        "", "ns/frame", "least", "most", "GB/s", "ratio", "of hiredis"
    );
    let (ours, hiredis) = (median(result, OURS), median(result, "hiredis_noop"));
    for (peer, seconds) in &result.seconds {
        let each = |seconds: f64| seconds * 1e9 / *frames as f64;
        let (median, least, most) = (middle(seconds), least(seconds), seconds.iter().copied().fold(0.0, f64::max));
        println!(
            "  {peer:<22}{:>10.1}{:>10.1}{:>10.1}{:>10.2}{:>8.2}{:>12}",
            each(median),
            each(least),
            each(most),
            *bytes as f64 / median / 1e9,
            median / ours,
            // The speed of each redtail method, relative to hiredis.
            if peer.starts_with(OURS) { format!("{:.2}", hiredis / median) } else { String::new() },
        );
    }
}

/// Prints one JSON object: each peer's time divided by redtail's. redtail's other methods appear only in the table.
pub fn json(results: &[Measured]) -> String {
    let each = |value: &dyn Fn(&Measured) -> String| {
        results.iter().map(|result| format!("\"{}\":{}", result.name, value(result))).collect::<Vec<_>>().join(",")
    };
    let ratios = |result: &Measured| {
        let ours = median(result, OURS);
        let mut text = String::from("{");
        for (peer, seconds) in result.seconds.iter().filter(|(peer, _)| !peer.starts_with(OURS) && *peer != MEMCPY) {
            let comma = if text.len() > 1 { "," } else { "" };
            write!(text, "{comma}\"{peer}\":{:.2}", middle(seconds) / ours).expect("memory");
        }
        text + "}"
    };
    let fraction = |result: &Measured| format!("{:.3}", median(result, MEMCPY) / median(result, OURS));
    format!(
        "{{\"ratios\":{{{}}},\"memcpy_fraction\":{{{}}},\"allocations\":{{{}}}}}",
        each(&ratios),
        each(&fraction),
        each(&|result| result.allocations.to_string()),
    )
}

fn median(result: &Measured, peer: &str) -> f64 {
    result.seconds.iter().find(|(name, _)| *name == peer).map_or(f64::NAN, |(_, seconds)| middle(seconds))
}

fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}
