//! Builds the drain in C.

fn main() {
    println!("cargo::rerun-if-changed=src/drain.c");
    // As programs are usually compiled.
    cc::Build::new().file("src/drain.c").include("../../include").opt_level(2).compile("redtail_drain_c");
}
