//! Builds the libraries as C programs link them, and the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

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
#[derive(Clone, Copy, PartialEq, Eq)]
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
            let target = folder("debug");
            cargo(&target, &[]);
            let built = target.join("debug");
            let mut link = Command::new(root().join("packaging/link-shared"));
            run(link.arg(built.join("libredtail.a")).arg(built.join("libredtail.so")).arg(SONAME));
            built
        }),
        How::Sanitized => SANITIZED.get_or_init(|| {
            let target = folder("asan");
            // A stable compiler has the sanitizer behind this switch. An explicit target excludes build scripts.
            let sanitizer =
                [("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address"), ("CARGO_BUILD_TARGET", TRIPLE)];
            cargo(&target, &sanitizer);
            target.join(TRIPLE).join("debug")
        }),
    }
}

/// Before 1.0 each minor version is an interface of its own.
pub(crate) const SONAME: &str =
    concat!("libredtail.so.", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

fn cargo(target: &Path, environment: &[(&str, &str)]) {
    let mut command = Command::new(env!("CARGO"));
    let features = if cfg!(feature = "tls") { "capi,tls" } else { "capi" };
    command.args(["rustc", "--lib", "--features", features, "--crate-type", "staticlib", "--target-dir"]).arg(target);
    run(command.envs(environment.iter().copied()).current_dir(root()));
}

/// Compiles a program of this repository, linked with the static library, and gives its path.
pub(crate) fn program(source: &str, how: How) -> PathBuf {
    let library = library(how);
    let name = Path::new(source).file_name().expect("a file").to_string_lossy().replace('.', "-");
    let folder = folder(if how == How::Sanitized { "programs-asan" } else { "programs" });
    let program = folder.join(&name);
    // Tests run side by side, and two of them may want the same program.
    let fresh = folder.join(format!("{name}.{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    let mut command = compiler(source);
    command.args(["-g", "-O1", "-fno-omit-frame-pointer", "-pthread"]);
    if how == How::Sanitized {
        command.arg("-fsanitize=address");
    }
    command
        .arg(root().join(source))
        .arg(library.join("libredtail.a"))
        .args(["-lm", "-ldl", "-lgcc_s", "-o"])
        .arg(&fresh);
    run(&mut command);
    fs::rename(&fresh, &program).expect("rename the program");
    program
}

/// A compiler for this source, with our header and all warnings as errors.
pub(crate) fn compiler(source: &str) -> Command {
    let (program, standard) = if source.ends_with(".cpp") { ("c++", "-std=c++17") } else { ("cc", "-std=c11") };
    let mut command = Command::new(program);
    command.arg(standard).args(WARNINGS).arg("-I").arg(root().join("include"));
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
