//! Compares redtail with its peers: one process, interleaved rounds, thread CPU time.
//!
//! `./run [--json] [--check] [--rounds N] [--size MIB] [--peer NAME]... [CORPUS...]`
//!
//! Before timing, all must agree on the number of frames and on the total length of their bulk strings. Each is timed
//! twice: when it only parses and counts frames, and when the caller also visits each element.

mod allocations;
mod feed;
mod hiredis;
#[cfg(libvalkey)]
mod libvalkey;
mod ours;
mod table;
mod theirs;

#[path = "../../corpora/mod.rs"]
mod corpora;

use corpora::Kind;

/// The result of a run. The layout is that of the C side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Outcome {
    frames: u64,
    bytes: u64,
}

/// One method of parsing, and the same with a visit of each string.
struct Method {
    name: &'static str,
    run: Run,
    visit: Run,
}

type Run = fn(&[u8]) -> Outcome;

macro_rules! method {
    ($name:literal, $($run:ident)::+) => {
        Method { name: $name, run: $($run)::+::<false>, visit: $($run)::+::<true> }
    };
}

/// The first is redtail's own figure, the base of all ratios.
fn methods(kind: Kind) -> Vec<Method> {
    let mut methods = match kind {
        Kind::Commands => vec![
            method!("redtail", ours::batch),
            method!("redtail_next", ours::next),
            Method { name: OURS_IN_C, run: ours::c_callback::<false>, visit: ours::c_callback::<true> },
            method!("redtail_parts", ours::parts),
            method!("redtail_tape", ours::tape),
        ],
        Kind::Large => vec![method!("redtail", ours::parts), method!("redtail_whole", ours::batch)],
        Kind::Replies2 | Kind::Replies3 => vec![
            // Frames are found without their elements, and elements without their frames.
            Method { name: OURS, run: ours::frames::<false>, visit: ours::tokens },
            method!("redtail_frames", ours::frames),
            Method { name: OURS_IN_C, run: ours::c_tokens, visit: ours::c_tokens },
        ],
    };
    methods.extend([
        Method { name: MEMCPY, run: ours::copy, visit: ours::copy },
        method!("hiredis_noop", hiredis::noop),
        method!("hiredis_default", hiredis::default_replies),
    ]);
    #[cfg(libvalkey)]
    methods
        .extend([method!("libvalkey_noop", libvalkey::noop), method!("libvalkey_default", libvalkey::default_replies)]);
    if kind != Kind::Replies3 {
        methods.push(method!("redis_protocol_resp2", theirs::redis_protocol_resp2));
        methods.push(method!("resp_rs_resp2", theirs::resp_rs_resp2));
    }
    if kind != Kind::Replies2 {
        methods.push(method!("redis_protocol_resp3", theirs::redis_protocol_resp3));
        methods.push(method!("resp_rs_resp3", theirs::resp_rs_resp3));
    }
    methods.push(method!("redis_rs", theirs::redis_rs));
    if matches!(kind, Kind::Commands | Kind::Large) {
        methods.push(method!("redis_event", theirs::redis_event));
    }
    methods
}

/// The first is redtail.
const OURS: &str = "redtail";
const OURS_IN_C: &str = "redtail_c";
/// The lower bound, without parsing.
const MEMCPY: &str = "memcpy";

/// Copies of the corpus before each timed pass, so that each method finds the cache in the same state. Without them,
/// the method after a slow peer pays for the memory that the next ones then find in the cache.
const WARM_UPS: usize = 4;

fn main() {
    let wish = Wish::read();
    let mut results = Vec::new();
    eprintln!("hiredis {}", env!("HIREDIS"));
    for &(name, kind, what) in corpora::CORPORA {
        if !wish.corpora.is_empty() && !wish.corpora.iter().any(|wanted| wanted == name) {
            continue;
        }
        let Some(corpus) = corpus(name, wish.size) else {
            eprintln!("{name}: no redis-server to capture it from, left out");
            continue;
        };
        let result = measure(name, kind, &corpus, &wish);
        if !wish.check {
            table::print(&result, what);
        }
        results.push(result);
    }
    if wish.json {
        println!("{}", table::json(&results));
    }
}

/// All measurements of one corpus.
pub struct Measured {
    name: &'static str,
    frames: u64,
    bytes: usize,
    allocations: u64,
    times: Vec<Times>,
}

/// CPU seconds of each round of one method.
struct Times {
    peer: &'static str,
    parsed: Vec<f64>,
    /// With a visit of each element.
    visited: Vec<f64>,
}

fn measure(name: &'static str, kind: Kind, corpus: &[u8], wish: &Wish) -> Measured {
    let mut methods = methods(kind);
    methods.retain(|method| {
        wish.peers.is_empty() || method.name == OURS || wish.peers.iter().any(|wanted| wanted == method.name)
    });
    let expected = (methods[0].visit)(corpus);
    for method in methods.iter().filter(|method| method.name != MEMCPY) {
        let peer = method.name;
        assert_eq!((method.visit)(corpus), expected, "{name}: {peer} does not agree with redtail on frames and bytes");
        assert_eq!((method.run)(corpus).frames, expected.frames, "{name}: {peer} does not agree with itself");
    }
    eprintln!("{name}: all agree on {} frames and {} bytes of strings", expected.frames, expected.bytes);
    // The harness's buffer is the only allocation outside the parser.
    let harness = allocations::during(|| _ = ours::copy(corpus));
    let allocations = allocations::during(|| _ = (methods[0].visit)(corpus)) - harness;
    assert_eq!(allocations, 0, "{name}: redtail allocates");

    let mut times: Vec<Times> =
        methods.iter().map(|method| Times { peer: method.name, parsed: Vec::new(), visited: Vec::new() }).collect();
    let seconds = |run: Run| {
        for _ in 0..WARM_UPS {
            std::hint::black_box(ours::copy(std::hint::black_box(corpus)));
        }
        let began = hiredis::cpu();
        std::hint::black_box(run(std::hint::black_box(corpus)));
        hiredis::cpu() - began
    };
    for _ in 0..if wish.check { 0 } else { wish.rounds } {
        for (method, times) in methods.iter().zip(&mut times) {
            times.parsed.push(seconds(method.run));
            times.visited.push(seconds(method.visit));
        }
    }
    Measured { name, frames: expected.frames, bytes: corpus.len(), allocations, times }
}

fn corpus(name: &str, size: usize) -> Option<Vec<u8>> {
    if name != "captured" {
        return Some(corpora::make(name, size));
    }
    // A capture takes a while: one is cached.
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(format!("captured-{size}.bin"));
    if let Ok(bytes) = std::fs::read(&kept) {
        return Some(bytes);
    }
    let bytes = corpora::server::captured(size).expect("a capture from redis-server")?;
    std::fs::create_dir_all(kept.parent()?).expect("the package's folder is writable");
    std::fs::write(&kept, &bytes).expect("target is writable");
    Some(bytes)
}

struct Wish {
    json: bool,
    check: bool,
    rounds: usize,
    size: usize,
    corpora: Vec<String>,
    /// Always with redtail; all peers if empty.
    peers: Vec<String>,
}

impl Wish {
    fn read() -> Self {
        let mut wish =
            Self { json: false, check: false, rounds: 9, size: corpora::SIZE, corpora: Vec::new(), peers: Vec::new() };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let number = |args: &mut std::iter::Skip<std::env::Args>| {
                args.next().and_then(|text| text.parse::<usize>().ok()).expect("a number")
            };
            match arg.as_str() {
                "--json" => wish.json = true,
                "--check" => wish.check = true,
                "--peer" => wish.peers.extend(args.next()),
                "--rounds" => wish.rounds = number(&mut args),
                "--size" => wish.size = number(&mut args) << 20,
                name if corpora::CORPORA.iter().any(|(known, ..)| *known == name) => wish.corpora.push(arg),
                _ => {
                    eprintln!(
                        "usage: redtail-peers [--json] [--check] [--rounds N] [--size MIB] [--peer NAME]... [CORPUS...]"
                    );
                    std::process::exit(2);
                }
            }
        }
        wish
    }
}
