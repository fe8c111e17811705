//! Builds the callers in C.

fn main() {
    println!("cargo::rerun-if-changed=src/calls.c");
    cc::Build::new().file("src/calls.c").include("../../include").opt_level(2).compile("redtail_calls");
}
