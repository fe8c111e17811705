//! Builds the drain in C.

fn main() {
    println!("cargo::rerun-if-changed=src/drain.c");
    cc::Build::new().file("src/drain.c").include("../../include").opt_level(3).compile("redtail_drain_c");
}
