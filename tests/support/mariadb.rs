//! A MariaDB server of a test's own: own data, own socket, gone with the test.

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The server does not run as root, and needs no user of its own: this is `nobody`.
const NOBODY: u32 = 65_534;

const MISSING: &str = "cannot run it: these tests need the package mariadb-server";

/// A server that is killed when this is dropped, also by a failing test.
pub struct MariaDb {
    folder: PathBuf,
    pub port: u16,
    options: Vec<String>,
    server: Option<Child>,
}

impl MariaDb {
    /// Installs and starts one.
    pub fn start(options: &[&str]) -> MariaDb {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("btrt-mariadb-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = MariaDb {
            folder,
            port: free.local_addr().unwrap().port(),
            options: options.iter().map(ToString::to_string).collect(),
            server: None,
        };
        drop(free);
        // In a common one, servers remove each other's temporary tables.
        server
            .options
            .push(format!("--tmpdir={}", server.folder.display()));
        let installed = unprivileged("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", &format!("--datadir={}", server.data())])
            .arg(format!("--tmpdir={}", server.folder.display()))
            .output();
        let installed =
            installed.unwrap_or_else(|error| panic!("mariadb-install-db: {error}: {MISSING}"));
        assert!(installed.status.success(), "{MISSING}: {installed:?}");
        server.launch();
        server
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.display())
    }

    /// The server's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("s.sock")
    }

    /// Starts it again after [`stop`](Self::stop), and waits until it listens.
    pub fn launch(&mut self) {
        let mut server = unprivileged("mariadbd")
            .args([
                "--no-defaults",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
            ])
            .args(["--skip-log-bin", "--performance-schema=OFF"])
            .args([
                "--innodb-buffer-pool-size=64M",
                "--innodb-log-file-size=16M",
            ])
            .arg(format!("--datadir={}", self.data()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--port={}", self.port))
            .args(&self.options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("mariadbd: {error}: {MISSING}"));
        let log = BufReader::new(server.stderr.take().unwrap());
        self.server = Some(server);
        let (ready, is_ready) = mpsc::channel();
        // It goes on reading until the server ends, or the server would wait for it.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains("ready for connections") {
                    let _ = ready.send(());
                }
            }
        });
        let is_ready = is_ready.recv_timeout(Duration::from_secs(60));
        is_ready.expect("mariadbd does not get ready");
    }

    /// Sends it a signal: SIGSTOP makes a server that accepts and never answers.
    pub fn signal(&self, signal: Signal) {
        let id = self.server.as_ref().map(Child::id).unwrap();
        kill(Pid::from_raw(id.cast_signed()), signal).unwrap();
    }

    /// Has it end in order, and waits for that.
    pub fn shut_down(&mut self) {
        self.signal(Signal::SIGTERM);
        self.server.take().map(|mut server| server.wait());
    }

    /// Ends it without a chance to put things in order.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Carries out statements as the administrator.
    pub fn sql(&self, statements: &str) -> Vec<mysql::Row> {
        let mut rows = Vec::new();
        let mut root = self.connect("root", None);
        for statement in statements.split(";\n").filter(|sql| !sql.trim().is_empty()) {
            rows.extend(root.query::<mysql::Row, _>(statement).expect(statement));
        }
        rows
    }

    /// The number that a query answers with.
    pub fn number(&self, sql: &str) -> i64 {
        mysql::from_row(self.sql(sql).remove(0))
    }

    /// The text that a query answers with.
    pub fn text(&self, sql: &str) -> String {
        mysql::from_row(self.sql(sql).remove(0))
    }

    /// A connection of one's own.
    pub fn connect(&self, user: &str, password: Option<&str>) -> Conn {
        let options = OptsBuilder::new().socket(Some(self.socket().to_string_lossy()));
        Conn::new(options.user(Some(user)).pass(password)).unwrap()
    }

    /// Runs a file through the `mysql` client, as an operator does.
    pub fn run_file(&self, user: &str, file: &Path) -> Output {
        Command::new("mysql")
            .arg("--no-defaults")
            .arg(format!("--socket={}", self.socket().display()))
            .args([&format!("-u{user}"), "-psecret"])
            .stdin(File::open(file).unwrap())
            .output()
            .unwrap_or_else(|error| panic!("mysql: {error}: {MISSING}"))
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// A command that ends with the thread that started it, and has no rights of root.
fn unprivileged(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}
