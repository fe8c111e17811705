//! Builds the follower in C.

fn main() {
    println!("cargo::rerun-if-changed=src/follow.c");
    cc::Build::new().file("src/follow.c").include("../../include").opt_level(3).compile("redtail_latency_c");
}
