//! Policies from a real Redis that is killed again and again.

mod common;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Readers, document, refused, store, until, version};
use redis::{Client, Connection};
use tandem_policy::{Source, Timing, Watch};

const KEY: &str = "tandem:policy:line";
const CHANNEL: &str = "tandem:policy";

/// A server of its own on a socket in `folder`, which keeps what it was told when it is killed.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Server {
        let socket = folder.join("redis.sock");
        // What a killed server left; the new one would not bind over it on every version.
        let _ = std::fs::remove_file(&socket);
        let child = program()
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--daemonize", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        Server { child, socket }
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    fn connect(&self) -> Connection {
        let client = Client::open(self.url()).unwrap();
        let began = Instant::now();
        loop {
            let ready = client.get_connection().and_then(|mut connection| {
                redis::cmd("PING").exec(&mut connection)?;
                Ok(connection)
            });
            match ready {
                Ok(connection) => return connection,
                Err(error) if began.elapsed() > Duration::from_secs(60) => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }
}

/// Debian and Ubuntu have the server's program in redis-tools under another name; the package
/// redis-server would start a service on this machine.
fn program() -> Command {
    let found = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    let path = found("redis-server").or_else(|| found("redis-check-rdb"));
    let path = path.expect("no redis-server in PATH: apt-get install redis-tools");
    let mut command = Command::new(path);
    command.arg0("redis-server");
    command
}

fn set(connection: &mut Connection, text: &str) {
    redis::cmd("SET").arg(KEY).arg(text).exec(connection).unwrap();
    redis::cmd("PUBLISH").arg(CHANNEL).arg("line").exec(connection).unwrap();
}

/// Nothing is found by looking again and again: only messages and new connections bring news.
fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing { quiet: Duration::from_secs(3600), retry: ms(1), longest: ms(100), ..Timing::default() }
}

fn source(server: &Server) -> Source {
    format!("{}#line", server.url()).parse().unwrap()
}

#[test]
fn ten_kills_and_100_changes_lose_none_and_tear_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = store();
    let mut server = Server::start(folder.path());
    let mut connection = server.connect();
    let watch = Watch::start(source(&server), store.clone(), timing()).unwrap();
    until("a key that is not there", &store, |s| s.report().refused.contains_key("policy_absent"));
    let readers = Readers::start(&store, 2);
    let mut kills = 0;
    for v in 1..=100 {
        if v % 3 == 0 {
            let before = refused(&store);
            let bad = ["name: [", "name: other\nversion: 1\ndefault: cpu-only\n", "\u{1}"];
            set(&mut connection, bad[v as usize % bad.len()]);
            until("a refusal", &store, |store| refused(store) > before);
            assert_eq!(version(&store), v - 1, "the last good one stays");
        }
        if v % 10 == 0 {
            kills += 1;
            drop(server);
            until("the loss", &store, |store| !store.report().connected);
            assert_eq!(version(&store), v - 1, "the last good one stays");
            server = Server::start(folder.path());
            connection = server.connect();
            // The watcher may or may not be back: its message may be one that it never gets.
        }
        set(&mut connection, &document("line", v));
        until("a change", &store, |store| version(store) == v);
    }
    let status = store.report();
    assert_eq!((kills, status.losses), (10, 10), "{status:?}");
    assert_eq!((status.changes, status.connected), (100, true), "{status:?}");
    assert!(readers.join() > 0);
    drop(watch);
}

#[test]
fn a_change_made_while_the_connection_was_lost_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store();
    let server = Server::start(folder.path());
    let mut connection = server.connect();
    set(&mut connection, &document("line", 1));
    let _watch = Watch::start(source(&server), store.clone(), timing()).unwrap();
    until("version 1", &store, |store| version(store) == 1);
    // Whoever else is connected is cut off, and the key changed without a word.
    redis::cmd("SET").arg(KEY).arg(document("line", 2)).exec(&mut connection).unwrap();
    for kind in ["normal", "pubsub"] {
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes");
        kill.exec(&mut connection).unwrap();
    }
    until("version 2", &store, |store| version(store) == 2);
    assert_eq!(store.report().losses, 1);
}

#[test]
fn a_server_that_never_says_anything_is_asked_and_one_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = store();
    let nowhere: Source =
        format!("redis+unix://{}/none#line", folder.path().display()).parse().unwrap();
    let watch = Watch::start(nowhere, store.clone(), timing()).unwrap();
    until("trouble", &store, |store| !store.report().trouble.is_empty());
    drop(watch);

    let server = Server::start(folder.path());
    let mut connection = server.connect();
    set(&mut connection, &document("line", 1));
    let timing = Timing { quiet: Duration::from_millis(1), ..timing() };
    let _watch = Watch::start(source(&server), store.clone(), timing).unwrap();
    until("version 1", &store, |store| version(store) == 1);
    // A client that forgets to publish.
    redis::cmd("SET").arg(KEY).arg(document("line", 2)).exec(&mut connection).unwrap();
    until("version 2", &store, |store| version(store) == 2);
}
