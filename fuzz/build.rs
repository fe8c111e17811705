//! Builds hiredis for the target `differential`, from the source that the benchmarks fetch.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_PEERS").is_none() {
        return;
    }
    let peers = Path::new("../benches/peers");
    let fetched = Command::new(peers.join("fetch")).status().is_ok_and(|status| status.success());
    assert!(fetched, "hiredis could not be fetched; without the feature `peers` everything else builds");
    let hiredis = peers.join("vendor/hiredis");
    let mut build = cc::Build::new();
    build.include(&hiredis).opt_level(2).debug(true).warnings(false).define("_GNU_SOURCE", None);
    for file in ["alloc.c", "read.c", "sds.c", "hiredis.c", "net.c", "dict.c", "async.c", "sockcompat.c"] {
        build.file(hiredis.join(file));
    }
    build.compile("hiredis");
}
