//! Builds hiredis and the loop around it, from the source fetched by `./fetch`. Without a network it uses Debian's
//! libhiredis.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=fetch");
    println!("cargo::rerun-if-changed=src/hiredis.c");
    println!("cargo::rerun-if-changed=src/redtail.c");
    cc::Build::new().file("src/redtail.c").include("../../include").opt_level(3).compile("redtail_peer");
    let fetched = Command::new("./fetch").status().is_ok_and(|status| status.success());
    let vendor = Path::new("vendor/hiredis");
    let mut build = cc::Build::new();
    build.file("src/hiredis.c").opt_level(3).warnings(false).define("_GNU_SOURCE", None);
    if fetched && vendor.join("read.c").exists() {
        build.include(vendor);
        for file in ["alloc.c", "read.c", "sds.c", "hiredis.c", "net.c", "dict.c", "async.c", "sockcompat.c"] {
            build.file(vendor.join(file));
        }
        println!("cargo::rustc-env=HIREDIS=1.5, built from its source");
        build.compile("hiredis_peer");
    } else {
        println!("cargo::warning=hiredis could not be fetched: Debian's libhiredis is used, which has no RESP3");
        println!("cargo::rustc-env=HIREDIS=0.14, the system's library (without RESP3)");
        build.include("/usr/include/hiredis").compile("hiredis_peer");
        println!("cargo::rustc-link-lib=hiredis");
    }
}
