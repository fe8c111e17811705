//! The examples as programs: how they are built, started and killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use crate::cargo::cargo;

/// The program of `examples/sqlite`, a package of its own.
pub(crate) fn sqlite() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite");
        let manifest = ["build", "--locked", "--manifest-path", "examples/sqlite/Cargo.toml", "--target-dir"];
        run(cargo().args(manifest).arg(&target));
        target.join("debug/redtail-sqlite")
    })
}

fn run(command: &mut Command) {
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A running program, killed (SIGKILL) when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(program: &Path, args: &[&str]) -> Running {
        Running(Command::new(program).args(args).spawn().expect("start a program"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("kill the program");
        self.0.wait().expect("wait for the program");
    }
}
