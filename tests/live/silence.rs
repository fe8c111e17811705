//! The documented programs that save or commit positions, while nobody writes: after the last write their file reaches
//! the end of the stream, WAIT succeeds, and the server shuts down without a wait.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::{fs, thread};

use redtail::topology::{ClusterCheckpoint, Positions};
use redtail::{Ack, Checkpoint, Event, Options, Position};

use crate::cargo::cargo;
use crate::cluster::nodes::Nodes;
use crate::quiet::{pinging, pings, silence};
use crate::server::{Kind, Server};

#[allow(dead_code, reason = "its main")]
#[path = "../../examples/tokio.rs"]
mod tokio_example;

/// The documented Rust programs that save or commit: a source, and a text that only the program contains.
const CHECKPOINT: (&str, &str) = ("src/io/checkpoint.rs", "Checkpoint::open(");
const MERGED: (&str, &str) = ("src/topology/cluster/positions.rs", "ClusterCheckpoint::open(");
const FOLLOW: (&str, &str) = ("src/topology/cluster/source.rs", "ClusterCheckpoint::open(");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust programs of a source, of its documentation or of a text in Markdown.
fn documented(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a source");
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let comments = |line: &&str| !is_rust || line.trim_start().starts_with("//");
    let lines = text.lines().filter(comments).map(|line| {
        let line = if is_rust { line.trim_start().trim_start_matches(['/', '!']) } else { line };
        line.strip_prefix(' ').unwrap_or(line)
    });
    let (mut programs, mut open) = (Vec::new(), None);
    for line in lines {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => programs.extend(open.take()),
            (Some(_), None) => open = Some(String::new()),
            (None, Some(program)) => {
                // A hidden line.
                program.push_str(line.strip_prefix("# ").unwrap_or(line));
                program.push('\n');
            }
            (None, None) => {}
        }
    }
    programs
}

/// A program that is part of this documentation, compiled.
fn compiled((source, mark): (&str, &str), addresses: &[(&str, &str)]) -> PathBuf {
    let programs = documented(&root().join(source));
    let program = programs.into_iter().find(|program| program.contains(mark)).expect("the documented program");
    let program = addresses.iter().fold(program, |program, (shown, real)| program.replace(shown, real));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented");
    fs::create_dir_all(&folder).expect("a folder");
    let name = format!("{}-{}", source.replace(['/', '.'], "_"), std::process::id());
    let file = folder.join(&name).with_extension("rs");
    fs::write(&file, format!("fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{program}}}\n")).expect("write");
    let built = folder.join(name);
    let deps = library().parent().expect("a folder").join("deps");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--extern"]).arg(format!("redtail={}", library().display()));
    let status =
        rustc.arg("-L").arg(format!("dependency={}", deps.display())).arg(&file).arg("-o").arg(&built).status();
    assert!(status.expect("rustc").success(), "{}", file.display());
    built
}

/// The library as a program links it.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = cargo();
        cargo.args(["build", "--all-features", "--lib", "--example", "resume", "--message-format", "json"]);
        let output = cargo.output().expect("cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let mut files = messages.split('"').filter(|text| text.ends_with("/libredtail.rlib"));
        PathBuf::from(files.next_back().expect("the library"))
    })
}

/// A running program; ends when dropped.
struct Program(Child);

impl Program {
    fn start(program: &Path, folder: &Path, args: &[&str]) -> Program {
        let mut command = Command::new(program);
        Program(command.args(args).current_dir(folder).stdout(Stdio::null()).spawn().expect("start a program"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn single(program: &Path, args: &[&str], server: Server, saved: impl Fn(&Path) -> Option<Position>) {
    let folder = server.folder().to_owned();
    let program = Program::start(program, &folder, args);
    let mut servers = [server];
    silence(&mut servers, |_| saved(&folder).map(|position| position.offset));
    drop(program);
}

fn deployment(program: (&str, &str)) {
    let mut nodes = Nodes::start(Kind::Redis70, 3, 0);
    nodes.servers.iter().for_each(pings);
    let folder = nodes.servers[0].folder().to_owned();
    let program = compiled(program, &[("10.0.0.1:7000", &nodes.servers[0].address())]);
    let program = Program::start(&program, &folder, &[]);
    let positions = || -> Positions {
        let file = ClusterCheckpoint::open(folder.join("orders.positions"), "it").expect("a whole file");
        file.position().unwrap_or_default()
    };
    let offset_of = |server: &Server| {
        let id = server.call(&["CLUSTER", "MYID"]).text();
        positions().shards.iter().find(|saved| saved.node == id).map(|saved| saved.position.offset)
    };
    silence(&mut nodes.servers, offset_of);
    drop(program);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_documented_checkpoint_is_at_the_end_in_silence() {
    let server = pinging();
    let program = compiled(CHECKPOINT, &[("127.0.0.1:6379", &server.address())]);
    single(&program, &[], server, |folder| {
        Checkpoint::open(folder.join("orders.position"), "it").expect("a whole file").position()
    });
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_resume_example_is_at_the_end_in_silence() {
    let server = pinging();
    let address = server.address();
    let program = library().parent().expect("a folder").join("examples/resume");
    single(&program, &[&address, "file"], server, |folder| {
        Some(fs::read_to_string(folder.join("file")).ok()?.parse().expect("a position"))
    });
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_documented_cluster_checkpoint_is_at_the_end_in_silence() {
    deployment(MERGED);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_documented_cluster_is_at_the_end_in_silence() {
    deployment(FOLLOW);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tokio_example_acknowledges_silence() {
    let server = pinging();
    let address = server.address();
    let mut options = Options::default();
    options.ack = Ack::Received;
    let follower = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let end = |event: Event<'_>| match event {
            Event::Disconnected(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        runtime
            .block_on(async { tokio_example::follow(&address, options, end).await.map_err(|error| error.to_string()) })
    });
    // It has no file.
    silence(&mut [server], |_| Some(u64::MAX));
    follower.join().expect("no panic").expect("it follows");
}

/// No other documented program saves or commits: it would be tested here.
#[test]
fn all_documented_programs_that_save_or_commit_are_run() {
    let mut sources = vec![root().join("README.md")];
    let mut folders = vec![root().join("src"), root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_text = path.extension().is_some_and(|extension| extension == "rs" || extension == "md");
            if path.is_dir() {
                folders.push(path)
            } else if is_text {
                sources.push(path)
            }
        }
    }
    let run = [CHECKPOINT, MERGED, FOLLOW].map(|(source, _)| root().join(source));
    for source in sources {
        let saves = |program: &String| program.contains(".save(") || program.contains(".commit(");
        let count = documented(&source).iter().filter(|program| saves(program)).count();
        assert_eq!(count, usize::from(run.contains(&source)), "{}", source.display());
    }
}
