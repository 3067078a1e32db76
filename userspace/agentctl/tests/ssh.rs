//! `--target ssh://`: over a stand-in for ssh that writes down what it was given and runs the remote
//! command here, and over a real sshd with keys of its own: the machine's, or the one that
//! `scripts/setup --all` has unpacked.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use common::{Bench, card, command, lines, script, stderr};
use serde_json::Value;

/// Where cargo put the program under test: the path of the other machine's shell.
fn programs() -> &'static str {
    Path::new(env!("CARGO_BIN_EXE_agentctl")).parent().unwrap().to_str().unwrap()
}

/// Writes its arguments to `given`, greets like a talkative login, runs the last one in a shell.
fn stand_in(bench: &Bench) -> String {
    let given = bench.path("given");
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\necho 'Welcome to the board'\n\
         for last in \"$@\"; do :; done\nPATH='{}':$PATH exec sh -c \"$last\"\n",
        given.display(),
        programs(),
    );
    script(&bench.path("ssh"), &text)
}

fn over(ssh: &str, target: &str, arguments: &[&str]) -> Output {
    let all = [&["--target", target, "--ssh-command", ssh], arguments].concat();
    command(&all).output().unwrap()
}

#[test]
fn the_agent_answers_through_ssh_and_ssh_is_asked_as_git_asks_it() {
    let bench = Bench::start();
    let ssh = stand_in(&bench);
    let socket = bench.path("agent.sock");
    let target = format!("ssh://root@board:2222{}", socket.display());
    let image = card("baseline.jpg");
    let output = over(&ssh, &target, &["inspect", image.to_str().unwrap(), "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lines(&output)[0]["verdict"]["result"], "pass");
    let given = fs::read_to_string(bench.path("given")).unwrap();
    let proxy = format!("agentctl proxy '{}'", socket.display());
    assert_eq!(given.lines().collect::<Vec<_>>(), ["-T", "-p", "2222", "root@board", &proxy]);

    // Words for the shell, from the environment, as GIT_SSH_COMMAND's.
    let mut status = command(&["--target", &target, "status", "-o", "json"]);
    let output = status.env("TANDEM_SSH", format!("{ssh} -v")).output().unwrap();
    assert_eq!(lines(&output)[0]["simulated"], true, "{}", stderr(&output));
    assert!(fs::read_to_string(bench.path("given")).unwrap().starts_with("-v\n-T\n"));
    // An answer of megabytes, and one that is broken off.
    let tensor = bench.path("tensor.bin");
    let image = image.to_str().unwrap();
    let output = over(&ssh, &target, &["tensor", image, tensor.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::metadata(tensor).unwrap().len(), 3 * 416 * 416);
}

/// The error's code and message, as `-o json` tells them.
fn error(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    let said = stderr(output);
    let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let text = |key: &str| error["error"][key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn what_fails_is_told_apart_and_keeps_the_others_words() {
    let bench = Bench::start();
    let fails = |name: &str, body: &str| {
        let ssh = script(&bench.path(name), &format!("#!/bin/sh\n{body}\n"));
        error(&over(&ssh, "ssh://board", &["status", "-o", "json"]))
    };
    let (code, message) = fails("unreachable", "echo 'ssh: no route to host' >&2; exit 255");
    assert_eq!(code, "ssh_failed");
    assert!(message.contains("cannot reach board: ssh: no route to host"), "{message}");
    let (code, message) = fails("bare", "echo 'sh: agentctl: not found' >&2; exit 127");
    assert_eq!(code, "ssh_no_agentctl");
    assert!(message.contains("not found"), "{message}");
    assert_eq!(fails("old", "exit 2").0, "ssh_no_proxy");
    assert_eq!(fails("shell", "echo This account has no shell.; exit 0").0, "ssh_no_proxy");

    let nobody = format!("ssh://board{}", bench.path("nobody.sock").display());
    let (code, message) = error(&over(&stand_in(&bench), &nobody, &["status", "-o", "json"]));
    assert_eq!(code, "ssh_no_agent");
    assert!(message.contains("nobody.sock") && message.contains("start agentd"), "{message}");

    let mut missing = command(&["--target", "ssh://board", "status", "-o", "json"]);
    let (code, message) = error(&missing.env("PATH", "/nonexistent").output().unwrap());
    assert_eq!(code, "ssh_missing");
    assert!(message.contains("openssh-client"), "{message}");
}

#[test]
fn options_in_a_host_never_reach_ssh() {
    let bench = Bench::start();
    let ssh = stand_in(&bench);
    for target in ["ssh://-oProxyCommand=id", "ssh://-x@board", "ssh://root@-x"] {
        let output = over(&ssh, target, &["status"]);
        assert_eq!(output.status.code(), Some(2), "{target}");
        assert!(stderr(&output).contains("must not begin with -"), "{}", stderr(&output));
    }
    assert!(!bench.path("given").exists());
}

/// A real sshd, which lets one key in.
struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The machine's sshd, or the unpacked one: the program, and its package's root.
fn installed() -> (PathBuf, PathBuf) {
    let unpacked = common::userspace().join("../.tandem/sshd");
    let found = [Path::new("/"), &unpacked].map(|root| (root.join("usr/sbin/sshd"), root.into()));
    let found = found.into_iter().find(|(sshd, _)| sshd.is_file());
    found.expect("a machine with sshd, or scripts/setup --all, which fetches it")
}

/// Whether sshd refuses this account whatever its key: run as root it reads the password's field.
fn is_locked() -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    let root = shadow.lines().find_map(|line| line.strip_prefix("root:"));
    root.is_some_and(|rest| rest.starts_with('!'))
}

impl Sshd {
    /// `None`, with the reason printed, where the account is locked.
    fn start() -> Option<Sshd> {
        let (sshd, package) = installed();
        let as_root = fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if as_root && is_locked() {
            eprintln!(
                "skipped: root is locked (! in /etc/shadow), and sshd lets no locked account in"
            );
            return None;
        }
        if as_root {
            fs::create_dir_all("/run/sshd").expect("sshd as root needs it");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path(key))
                .status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut settings = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n\
             SetEnv PATH={}:/usr/bin:/bin\n",
            path("host").display(),
            path("user.pub").display(),
            programs(),
        );
        // From OpenSSH 9.8 on it is several programs, which know each other by the package's paths.
        for (setting, program) in
            [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")]
        {
            let program = package.join("usr/lib/openssh").join(program);
            if package != Path::new("/") && program.is_file() {
                settings += &format!("{setting} {}\n", program.display());
            }
        }
        fs::write(path("sshd_config"), settings).unwrap();
        // It ends with this program, whatever ends that.
        let process = tandem_qemu::leashed(sshd)
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut sshd = Sshd { folder, port, process, log: Arc::default() };
        let mut words = BufReader::new(sshd.process.stderr.take().unwrap()).lines();
        let mut heard = String::new();
        while !heard.contains("Server listening") {
            match words.next() {
                Some(line) => heard.push_str(&line.unwrap()),
                None => panic!("sshd ended: {heard}"),
            }
        }
        let log = sshd.log.clone();
        std::thread::spawn(move || {
            words.map_while(Result::ok).for_each(|line| log.lock().unwrap().push_str(&line));
        });
        Some(sshd)
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client that knows nothing but this key and that host.
    fn client(&self, key: &str) -> String {
        let nothing =
            "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no";
        let known = self.path("known");
        format!(
            "{nothing} -o UserKnownHostsFile={} -i {}",
            known.display(),
            self.path(key).display()
        )
    }
}

#[test]
fn the_agent_answers_through_a_real_sshd() {
    let Some(sshd) = Sshd::start() else { return };
    let bench = Bench::start();
    let target =
        |socket: &str| format!("ssh://127.0.0.1:{}{}", sshd.port, bench.path(socket).display());
    let client = sshd.client("user");
    let image = card("baseline.jpg");
    let image = image.to_str().unwrap();
    let output = over(&client, &target("agent.sock"), &["inspect", image, image, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{} {}", stderr(&output), sshd.log());
    assert_eq!(lines(&output).len(), 2);
    let tensor = bench.path("tensor.bin");
    let output = over(&client, &target("agent.sock"), &["tensor", image, tensor.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::metadata(tensor).unwrap().len(), 3 * 416 * 416);

    let status = ["status", "-o", "json"];
    let (code, message) = error(&over(&client, &target("nobody.sock"), &status));
    assert_eq!(
        (code.as_str(), message.contains("start agentd")),
        ("ssh_no_agent", true),
        "{message}"
    );
    // A key that the board does not know: ssh's own words.
    let (code, message) = error(&over(&sshd.client("host"), &target("agent.sock"), &status));
    assert_eq!(
        (code.as_str(), message.contains("Permission denied")),
        ("ssh_failed", true),
        "{message}"
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, message) = error(&over(&client, &format!("ssh://127.0.0.1:{free}"), &status));
    assert_eq!((code.as_str(), message.contains("refused")), ("ssh_failed", true), "{message}");
}
