//! Every shell block of README and docs is run against real servers, and every systemd unit is verified and started.
//!
//! A block marked `sh,ignore` is not run: it needs root, another machine or another service. The two commands that
//! `.ci/run` runs are not run once more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::command;
use crate::help::{eventually, free_port};
use crate::server::{Kind, Server};

/// The blocks of a page that are run, in order.
struct Page {
    name: String,
    blocks: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Page> {
    let ci = fs::read_to_string(root().join(".ci/run")).expect("the commands of CI");
    let docs = fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.push(root().join("README.md"));
    paths.sort();
    let page = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a page");
        let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("a block").to_owned());
        let blocks = blocks.filter(|block| !block.lines().all(|line| ci.contains(line))).collect();
        Page { name: path.file_name().expect("a name").to_string_lossy().into_owned(), blocks }
    };
    paths.into_iter().map(page).filter(|page| !page.blocks.is_empty()).collect()
}

/// A folder with programs that replace those of the PATH: commands that would run forever end, a warning of the doctor
/// is no failure, and `ssh HOST` runs its command here.
fn programs(folder: &Path) {
    let tool = env!("CARGO_BIN_EXE_redtail");
    let redtail = format!(
        r#"#!/bin/bash
case $1 in
tail | record) 
    case "$*" in
    *--count* | *--until*) exec {tool} "$@" ;;
    # After the whole snapshot, which has 100 keys.
    *--positions*) exec {tool} "$@" --count 200 ;;
    *) exec {tool} "$@" --count 3 ;;
    esac ;;
doctor) {tool} "$@"; code=$?; [ $code = 3 ] || exit $code ;;
replay)
    {tool} "$@" >address & replay=$!
    until [ -s address ]; do kill -0 $replay || exit; sleep 0.1; done
    {tool} tail "$(head -n 1 address)" --from snapshot --count 1
    kill $replay
    wait $replay ;;
*) exec {tool} "$@" ;;
esac
"#
    );
    let cat = "#!/bin/bash\nshift\nexec \"$@\"\n";
    for (name, text) in [("redtail", redtail.as_str()), ("ssh", cat)] {
        let path = folder.join(name);
        fs::write(&path, text).expect("write a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("make it executable");
    }
}

/// Writes to the server as long as the closure runs.
fn under_load<T>(server: &Server, run: impl FnOnce() -> T) -> T {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            for number in (0..).take_while(|_| !is_done.load(Ordering::Relaxed)) {
                client.pipeline(&[command(&["SET", &format!("user:{}", number % 100), "v"])]);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let result = run();
        is_done.store(true, Ordering::Relaxed);
        result
    })
}

fn run(page: &Page, block: &str, folder: &Path, names: &[(&str, String)]) -> Output {
    let block = names.iter().fold(block.to_owned(), |block, (name, real)| block.replace(name, real));
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("a PATH"));
    let script = format!("set -euo pipefail\n{block}");
    let mut bash = Command::new("timeout");
    bash.args(["120", "bash", "-c", &script]).current_dir(folder.join(&page.name)).env("PATH", path);
    bash.stdin(Stdio::null()).output().expect("run bash")
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn every_documented_command_runs() {
    let old = Server::start(Kind::Redis70);
    let folder = std::env::temp_dir().join(format!("redtail-documented-{}", std::process::id()));
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    programs(&folder.join("bin"));
    let mut failed = Vec::new();
    let pages = pages();
    assert!(pages.iter().map(|page| page.blocks.len()).sum::<usize>() > 20, "the blocks were not found");
    under_load(&old, || {
        for page in &pages {
            let inside = folder.join(&page.name);
            fs::create_dir_all(&inside).expect("a folder");
            // Files that a reader of these pages has.
            if ["compressed.md", "migration.md"].contains(&page.name.as_str()) {
                for end in ["gz", "lz4", "xz", "zst"] {
                    let name = format!("dump.rdb.{end}");
                    fs::copy(root().join("tests/data/compressed").join(&name), inside.join(&name)).expect("copy");
                }
                fs::copy(root().join("tests/data/redis-7.0.15.rdb"), inside.join("dump.rdb")).expect("copy");
            }
            let new = Server::start(Kind::Valkey91);
            let names = [
                ("localhost:6379", old.address()),
                ("old:6379", old.address()),
                ("old-shard-1:7000", old.address()),
                ("/dev/tcp/127.0.0.1/6379", format!("/dev/tcp/127.0.0.1/{}", old.port)),
                ("-h localhost", format!("-h 127.0.0.1 -p {}", old.port)),
                ("new:6379", new.address()),
                ("-h new", format!("-h 127.0.0.1 -p {}", new.port)),
                ("127.0.0.1:7777", format!("127.0.0.1:{}", free_port())),
            ];
            for block in &page.blocks {
                let output = run(page, block, &folder, &names);
                let text = String::from_utf8_lossy(&output.stdout);
                let is_refused = text.contains("errors: ") && !text.contains("errors: 0,");
                if !output.status.success() || is_refused {
                    let errors = String::from_utf8_lossy(&output.stderr);
                    failed.push(format!("{}: {}\n{block}{text}{errors}", page.name, output.status));
                }
            }
        }
    });
    fs::remove_dir_all(&folder).expect("remove the folder");
    assert!(failed.is_empty(), "{} failed:\n\n{}", failed.len(), failed.join("\n\n"));
}

/// The units of the repository, each with its text.
fn units() -> Vec<(PathBuf, String)> {
    let folders = ["examples/deploy", "examples/bridges/kafka", "examples/bridges/nats"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).expect("a folder").flatten());
    let units = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "service"));
    units.map(|path| (path.clone(), fs::read_to_string(path).expect("a unit"))).collect()
}

/// The value of the setting, with its continued lines.
pub(crate) fn setting<'a>(unit: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let joined = unit.replace("\\\n", " ");
    let prefix = format!("{name}=");
    let values: Vec<String> = joined.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect();
    values.into_iter()
}

#[test]
fn systemd_accepts_every_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("systemd-analyze is not installed");
        return;
    }
    let folder = std::env::temp_dir().join(format!("redtail-units-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    for (path, text) in units() {
        let name = path.file_name().expect("a name").to_string_lossy().replace('@', "@orders");
        // The bridges are not installed.
        fs::write(folder.join(&name), text.replace("/usr/local/bin/", "/bin/true ")).expect("write the unit");
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(folder.join(&name)).output();
        let output = output.expect("run systemd-analyze");
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
    }
    fs::remove_dir_all(&folder).expect("remove the folder");
}

/// With the target and the user that the unit and its page document.
#[test]
#[ignore = "needs real servers: tests/run"]
fn every_unit_of_the_tool_starts_as_documented() {
    let server = Server::start(Kind::Redis70);
    server.call(&["ACL", "SETUSER", "cdc", "on", ">secret", "+psync", "+replconf", "+ping", "+info"]);
    let page = fs::read_to_string(root().join("docs/deployment.md")).expect("the page");
    assert!(page.contains("TARGET=cdc@redis.example:6379"));
    let units: Vec<(PathBuf, String)> =
        units().into_iter().filter(|(path, _)| path.parent().is_some_and(|it| it.ends_with("deploy"))).collect();
    assert!(!units.is_empty());
    for (path, text) in units {
        let folder = std::env::temp_dir().join(format!("redtail-unit-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        fs::write(folder.join("password"), "secret\n").expect("write the password");
        let tool = folder.join("bin/redtail");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_redtail"), &tool).expect("a link");
        let target = text.lines().find_map(|line| line.strip_prefix("#   TARGET=")).expect("a documented target");
        let start = setting(&text, "ExecStart").next().expect("ExecStart").replace("/usr/local/bin/redtail", "redtail");
        let mut unit = Command::new("sh")
            .args(["-c", &format!("exec {start}")])
            .env("PATH", format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("a PATH")))
            .envs([("CREDENTIALS_DIRECTORY", &folder), ("STATE_DIRECTORY", &folder)])
            .env("TARGET", target.replace("redis.example:6379", &server.address()))
            .stdin(Stdio::null())
            .spawn()
            .expect("start the unit");
        let written = || {
            let files = fs::read_dir(&folder).expect("the folder").flatten();
            let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
            texts.filter(|text| text.contains("\"command\"")).collect::<String>()
        };
        under_load(&server, || {
            eventually("the unit writes", || {
                assert!(unit.try_wait().expect("its state").is_none(), "{} has ended", path.display());
                written().contains("user:")
            });
        });
        assert!(Command::new("kill").args(["-TERM", &unit.id().to_string()]).status().expect("kill").success());
        assert!(unit.wait().expect("its end").success(), "{}", path.display());
        assert!(folder.join("position").exists(), "{} has saved no position", path.display());
        fs::remove_dir_all(&folder).expect("remove the folder");
    }
}
