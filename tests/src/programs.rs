//! Programs as processes, with a bound on their time.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::repository::root;

/// A bound that only a hang exceeds.
pub const LONG: Duration = Duration::from_secs(240);

/// What a process came to.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as text.
    pub fn stdout_text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// Standard output as one JSON value a line.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
        };
        self.stdout_text().lines().map(parse).collect()
    }

    /// `error` of the JSON line on standard error.
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.stderr));
        value["error"].clone()
    }

    /// Fails unless the process exited with `code`, without a panic.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "signal {:?}, said: {}", self.signal, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// Runs a program to its end; kills it and fails after [`LONG`].
pub fn run(command: &mut Command) -> Ran {
    use std::os::unix::process::ExitStatusExt;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipes = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let stdout = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipes.0.read_to_end(&mut bytes).map(|_| bytes)
    });
    let stderr = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipes.1.read_to_end(&mut bytes).map(|_| bytes)
    });
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("waiting for a child") {
            break status;
        }
        if since.elapsed() > LONG {
            child.kill().expect("killing a child");
            panic!("{command:?} did not end within {LONG:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let read = |reader: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        reader.join().expect("a reader").expect("a child's output")
    };
    Ran {
        code: status.code(),
        signal: status.signal(),
        stdout: read(stdout),
        stderr: String::from_utf8_lossy(&read(stderr)).into_owned(),
    }
}

/// `cargo build` of what cargo does not build for a test of another package; the profile's folder.
/// Without it a stale program would be tested in silence.
fn build(arguments: &[&str]) -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    // target/release/deps/NAME
    let folder = own.ancestors().nth(2).expect("the profile's folder").to_owned();
    let target = folder.parent().expect("the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).env("CARGO_TARGET_DIR", target);
    command.args(["build", "--quiet", "--release"]).args(arguments);
    let status = command.status().expect("cargo");
    assert!(status.success(), "cargo build {arguments:?} fails");
    folder
}

/// Folder of the programs, brought up to date once per process.
fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["--bins", "-p", "tandem-agentctl", "-p", "tandem-agent"]))
}

/// An example of a package, up to date.
pub fn example(package: &str, name: &str) -> PathBuf {
    build(&["-p", package, "--example", name]).join("examples").join(name)
}

/// `agentctl` with no environment that would change what it does; runs in the repository's root.
pub fn agentctl() -> Command {
    let mut command = Command::new(built().join("agentctl"));
    // A busy machine must not turn a slow answer into another one.
    command.env("TANDEM_DEADLINE_MS", "60000");
    command.current_dir(root());
    for name in ["TANDEM_TARGET", "TANDEM_MODELS", "TANDEM_RECIPES"] {
        command.env_remove(name);
    }
    command
}

/// Runs `agentctl` with these arguments.
pub fn ctl(arguments: &[&str]) -> Ran {
    run(agentctl().args(arguments))
}
