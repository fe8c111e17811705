//! The header, and what the libraries export.

use std::fs;
use std::process::Command;

use crate::build::{How, SONAME, WARNINGS, folder, library, root, run, stdout};

fn compiles(compiler: &str, standards: &[&str], header: &str) {
    for standard in standards {
        let language = if standard.contains("++") { "c++" } else { "c" };
        let mut command = Command::new(compiler);
        command.arg(format!("-std={standard}")).args(WARNINGS).args(["-fsyntax-only", "-x", language]);
        let main = if language == "c" { "main(void)" } else { "main()" };
        // The compiler warns about a header that is given as the program itself.
        let file =
            std::env::temp_dir().join(format!("redtail-{compiler}-{standard}-{}.{language}", std::process::id()));
        fs::write(&file, format!("#include <{header}>\nint {main} {{ return 0; }}\n")).unwrap();
        run(command.arg("-I").arg(root().join("include")).arg(&file));
        fs::remove_file(&file).unwrap();
    }
}

const C: [&str; 4] = ["c99", "c11", "c17", "c2x"];
const CPP: [&str; 4] = ["c++11", "c++14", "c++17", "c++20"];

#[test]
fn the_header_compiles_in_every_c() {
    compiles("cc", &C, "redtail.h");
}

#[test]
#[ignore = "needs g++ and clang: tests/tools"]
fn the_headers_compile_in_every_compiler() {
    compiles("gcc", &C, "redtail.h");
    compiles("clang", &C, "redtail.h");
    for compiler in ["g++", "clang++"] {
        compiles(compiler, &CPP, "redtail.h");
        compiles(compiler, &["c++17", "c++20"], "redtail.hpp");
        // With its templates in use.
        for standard in ["c++17", "c++20"] {
            let mut command = Command::new(compiler);
            command.arg(format!("-std={standard}")).args(WARNINGS).args(["-Wshadow", "-Wconversion", "-fsyntax-only"]);
            run(command.arg("-I").arg(root().join("include")).arg(root().join("tests/c/wrapper.cpp")));
        }
    }
}

/// Its options have the fields of the C structs.
#[test]
fn the_cpp_header_sets_every_field_of_the_options() {
    let [header, wrapper] =
        ["redtail.h", "redtail.hpp"].map(|name| fs::read_to_string(root().join("include").join(name)).unwrap());
    for name in ["limits", "tls", "options", "sentinel", "cluster_options"] {
        let fields =
            header.split(&format!("typedef struct redtail_{name} {{")).nth(1).unwrap().split('}').next().unwrap();
        let setters =
            wrapper.split(&format!("redtail_{name} made = {{}};")).nth(1).unwrap().split("return ").next().unwrap();
        for line in fields.lines().filter(|line| line.ends_with(';') && !line.trim_start().starts_with('*')) {
            // A callback: void (*name)(void *context, …);
            let line = line.split(")(").next().unwrap().trim_end_matches(';');
            let field = line.rsplit([' ', '*']).next().unwrap();
            assert!(setters.contains(&format!("made.{field} = ")), "{name}.{field}");
        }
    }
}

#[cfg(feature = "header")]
#[test]
fn the_header_is_what_the_sources_make() {
    let made = fs::read_to_string(env!("REDTAIL_HEADER_BUILT")).unwrap();
    let kept = fs::read_to_string(root().join("include/redtail.h")).unwrap();
    assert!(made == kept, "include/redtail.h is not what src/capi makes now: make header");
}

#[test]
fn the_header_for_bindings_has_the_same_declarations() {
    let path = root().join("include/redtail.h");
    let header = fs::read_to_string(&path).unwrap();
    let cdef = stdout(Command::new(root().join("packaging/cdef")).arg(&path));
    assert!(!cdef.contains('#') && !cdef.contains("/*") && !cdef.contains("REDTAIL_API"));
    for name in fs::read_to_string(root().join("tests/capi/symbols.txt")).unwrap().lines() {
        assert!(cdef.contains(&format!("{name}(")), "{name}");
    }
    let lines = header.lines().filter(|line| {
        line.starts_with("typedef ")
            || line.starts_with("} redtail_")
            || line.starts_with("    ") && line.ends_with(';') && !line.trim_start().starts_with('*')
    });
    for line in lines {
        assert!(cdef.lines().any(|declared| declared == line), "{line}");
    }
    for name in header.lines().filter_map(|line| line.strip_prefix("#define REDTAIL_")?.split_once(' ')) {
        let constant = format!(" REDTAIL_{} = ", name.0);
        assert!(name.0 == "API" || name.0.contains('(') || cdef.contains(&constant), "{constant}");
    }
    // A compiler takes it too, after the types that it does not include.
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-pedantic", "-fsyntax-only", "-x", "c", "-include", "stdint.h", "-include", "stddef.h"]);
    let file = folder("header").join("redtail_cdef.h");
    fs::write(&file, cdef).unwrap();
    run(command.arg(file));
}

#[test]
fn the_shared_library_exports_exactly_the_listed_symbols() {
    let shared = library(How::Debug).join("libredtail.so");
    let symbols = stdout(Command::new("nm").args(["--dynamic", "--defined-only", "--format=posix"]).arg(shared));
    let node = SONAME.replace("libredtail.so.", "REDTAIL_").replace('.', "_");
    let symbols: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next()).collect();
    let (nodes, versioned): (Vec<&str>, Vec<&str>) = symbols.into_iter().partition(|symbol| !symbol.contains('@'));
    assert_eq!(nodes, [&node]);
    let mut names: Vec<&str> =
        versioned.iter().map(|symbol| symbol.strip_suffix(&format!("@@{node}")).unwrap()).collect();
    names.sort_unstable();
    let listed = fs::read_to_string(root().join("tests/capi/symbols.txt")).unwrap();
    assert_eq!(names, listed.lines().collect::<Vec<_>>());
    assert!(names.iter().all(|name| name.starts_with("redtail_")));
}

#[test]
fn every_exported_function_is_declared() {
    let header = fs::read_to_string(root().join("include/redtail.h")).unwrap();
    for name in fs::read_to_string(root().join("tests/capi/symbols.txt")).unwrap().lines() {
        assert!(header.contains(&format!("{name}(")), "{name} is not in the header");
    }
}

#[test]
fn the_shared_library_has_its_soname() {
    let shared = library(How::Debug).join("libredtail.so");
    let dynamic = stdout(Command::new("readelf").arg("-d").arg(shared));
    assert!(dynamic.contains(&format!("[{SONAME}]")), "{dynamic}");
}
