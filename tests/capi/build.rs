//! Builds the libraries as C programs link them, and the programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock};

use crate::cargo::without_package;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder for what tests build, kept between runs.
pub(crate) fn folder(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let folder = target.join("capi").join(name);
    fs::create_dir_all(&folder).expect("a folder for the build");
    folder.canonicalize().expect("the folder just made")
}

/// How library and program are built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// With debug assertions and overflow checks.
    Debug,
    /// The same with AddressSanitizer in the library and in the program.
    Sanitized,
}

/// The folder with `libredtail.a` and `libredtail.so`.
pub(crate) fn library(how: How) -> &'static Path {
    static DEBUG: OnceLock<PathBuf> = OnceLock::new();
    static SANITIZED: OnceLock<PathBuf> = OnceLock::new();
    match how {
        How::Debug => DEBUG.get_or_init(|| {
            // With the dependencies that the tests have built.
            let built = cargo("debug", None, &[]);
            let mut link = Command::new(root().join("packaging/link-shared"));
            run(link.arg(built.join("libredtail.a")).arg(built.join("libredtail.so")).arg(SONAME));
            built
        }),
        How::Sanitized => SANITIZED.get_or_init(|| {
            let compiler = stdout(Command::new("rustc").arg("-vV"));
            let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
            // A stable compiler has the sanitizer behind this switch. An explicit target excludes build scripts.
            cargo(
                "asan",
                Some(&folder("asan")),
                &[("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address"), ("CARGO_BUILD_TARGET", host)],
            )
        }),
    }
}

/// Before 1.0 each minor version is an interface of its own.
pub(crate) const SONAME: &str =
    concat!("libredtail.so.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// Builds the static library with cargo in this target folder, and gives the folder that has it.
fn cargo(name: &str, target: Option<&Path>, environment: &[(&str, &str)]) -> PathBuf {
    let built = folder(name).join("library");
    let mut command = Command::new(root().join("packaging/cargo-into"));
    let mut features = "capi".to_owned();
    for (is_on, feature) in [(cfg!(feature = "tls"), ",tls"), (cfg!(feature = "compression"), ",compression")] {
        features += if is_on { feature } else { "" };
    }
    command.arg(&built).args(["libredtail.a", "rustc", "--lib", "--features", &features]);
    command.args(target.map(|target| format!("--target-dir={}", target.display())));
    command.args(["--crate-type", "staticlib"]);
    run(without_package(&mut command)
        .env("CARGO", env!("CARGO"))
        .envs(environment.iter().copied())
        .current_dir(root()));
    built
}

/// Compiles a program of this repository, once, linked with the static library, and gives its path.
pub(crate) fn program(source: &str, how: How) -> PathBuf {
    type Once = Arc<OnceLock<PathBuf>>;
    static BUILT: Mutex<BTreeMap<(String, How), Once>> = Mutex::new(BTreeMap::new());
    let built = BUILT.lock().expect("no test panicked here").entry((source.to_owned(), how)).or_default().clone();
    built.get_or_init(|| compiled(source, how)).clone()
}

fn compiled(source: &str, how: How) -> PathBuf {
    let library = library(how);
    let name = Path::new(source).file_name().expect("a file").to_string_lossy().replace('.', "-");
    let program = folder(if how == How::Sanitized { "programs-asan" } else { "programs" }).join(name);
    let fresh = program.with_extension("built");
    let mut command = compiler(source);
    command.args(["-g", "-O1", "-fno-omit-frame-pointer", "-pthread"]);
    if how == How::Sanitized {
        command.arg("-fsanitize=address");
    }
    command
        .arg(root().join(source))
        .arg(library.join("libredtail.a"))
        .args(["-lm", "-ldl", "-lgcc_s"])
        .args(source.ends_with("/uv.c").then_some("-luv"))
        .args(source.ends_with("/sqlite.c").then_some("-lsqlite3"))
        .arg("-o")
        .arg(&fresh);
    run(&mut command);
    for_this_machine(&fresh, &program);
    program
}

/// Gives a program that was built its final name. If the environment has a RUNNER, as an emulator, then it runs it.
pub(crate) fn for_this_machine(built: &Path, program: &Path) {
    let Ok(runner) = std::env::var("RUNNER") else {
        return fs::rename(built, program).expect("rename the program");
    };
    let foreign = program.with_extension("foreign");
    fs::rename(built, &foreign).expect("rename the program");
    fs::write(built, format!("#!/bin/sh\nexec {runner} '{}' \"$@\"\n", foreign.display())).expect("a script");
    fs::set_permissions(built, fs::Permissions::from_mode(0o755)).expect("make the script executable");
    fs::rename(built, program).expect("rename the script");
}

/// A compiler for this source, with our header and all warnings as errors.
pub(crate) fn compiler(source: &str) -> Command {
    let (mut command, standard) = match source {
        _ if source.starts_with("examples/cpp/") => (cc("CXX", "c++"), "-std=c++20"),
        _ if source.ends_with(".cpp") => (cc("CXX", "c++"), "-std=c++17"),
        _ => (cc("CC", "cc"), "-std=c11"),
    };
    command.arg(standard).args(WARNINGS).arg("-I").arg(root().join("include"));
    command
}

/// A compiler with its arguments from the environment, as make has it.
pub(crate) fn cc(variable: &str, default: &str) -> Command {
    let chosen = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let mut parts = chosen.split_whitespace();
    let mut command = Command::new(parts.next().expect("a compiler"));
    command.args(parts);
    command
}

pub(crate) const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: see tests/tools"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A command that runs a program under valgrind: any error or leak makes it exit with 99.
pub(crate) fn valgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all"]);
    command.args(["--errors-for-leak-kinds=all", "--fair-sched=yes"]).arg(program);
    command
}

/// The standard output of a command that must succeed.
pub(crate) fn stdout(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).expect("UTF-8")
}
