//! Builds hiredis, libvalkey and the loops around them, from the sources fetched by `./fetch`. Without a network it
//! uses Debian's libhiredis, and no libvalkey.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=fetch");
    println!("cargo::rerun-if-changed=src/hiredis.c");
    println!("cargo::rerun-if-changed=src/libvalkey.c");
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
    println!("cargo::rustc-check-cfg=cfg(libvalkey)");
    let vendor = Path::new("vendor/libvalkey");
    if vendor.join("src/read.c").exists() && libvalkey(vendor).is_some() {
        println!("cargo::rustc-cfg=libvalkey");
    } else {
        println!("cargo::warning=libvalkey could not be built, and is left out");
    }
}

/// One object that shows nothing but the loop: other names of libvalkey are also those of hiredis.
fn libvalkey(vendor: &Path) -> Option<()> {
    let mut build = cc::Build::new();
    build.file("src/libvalkey.c").opt_level(3).warnings(false).define("_GNU_SOURCE", None);
    build.include(vendor.join("include")).include(vendor.join("include/valkey")).include(vendor.join("src"));
    for file in ["alloc", "async", "conn", "dict", "dns", "net", "read", "sds", "sockcompat", "timer", "valkey"] {
        build.file(vendor.join(format!("src/{file}.c")));
    }
    let object = PathBuf::from(std::env::var_os("OUT_DIR")?).join("libvalkey.o");
    let ran = |command: &mut Command| command.status().is_ok_and(|status| status.success()).then_some(());
    ran(Command::new("ld").arg("-r").arg("-o").arg(&object).args(build.try_compile_intermediates().ok()?))?;
    ran(Command::new("objcopy").arg("--keep-global-symbol=libvalkey_run").arg(&object))?;
    cc::Build::new().object(object).try_compile("libvalkey_peer").ok()
}
