//! gpu-worker as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tandem_engine::{Engine, EngineChoice, EngineError, EngineOptions, Model, load_engine_with};
use tandem_worker::{Absent, RemoteEngine};

/// gpu-worker; killed when dropped.
pub struct Worker {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub listen: String,
}

impl Worker {
    pub fn start(model: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gpu-worker"))
            .args(["--threads", "1", "-o", "json", "--model"])
            .arg(model)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let listen = line["listen"].as_str().unwrap().to_owned();
        assert_eq!(line["pid"], child.id());
        Self { child, stdout, listen }
    }

    /// The tiny model on any free port.
    pub fn tiny() -> Self {
        Self::start(&super::tiny(), &["--engine", "rten", "--listen", "127.0.0.1:0"])
    }

    pub fn connect(&self, model: &Model) -> Result<RemoteEngine, EngineError> {
        RemoteEngine::connect(model, self.listen.parse().unwrap(), Absent::Refuse)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn port(&self) -> &str {
        self.listen.strip_prefix("tcp://").unwrap()
    }

    /// Ends it by SIGTERM; its exit code and what it counted.
    pub fn stop(mut self) -> (Option<i32>, serde_json::Value) {
        self.signal(Signal::TERM);
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, serde_json::from_str(text.trim()).unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Heads of the tiny model by the runtime in this process.
pub fn in_process(model: &Model, tensor: &[u8], choice: EngineChoice) -> Vec<u8> {
    let threads = std::num::NonZeroUsize::new(1);
    let options = EngineOptions { choice, threads, ..EngineOptions::default() };
    let mut heads = Slot::of(model.heads_bytes());
    load_engine_with(model, &options).unwrap().run(tensor, heads.bytes()).unwrap();
    heads.bytes().to_vec()
}

/// f32 heads need an aligned slot.
struct Slot(Vec<u64>, usize);

impl Slot {
    fn of(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(8)], bytes)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the memory of the u64s, exclusively borrowed; every bit pattern is a u8.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.1) }
    }
}

pub fn remote(
    engine: &mut RemoteEngine,
    model: &Model,
    tensor: &[u8],
) -> Result<Vec<u8>, EngineError> {
    let mut heads = vec![0; model.heads_bytes()];
    engine.run_by(tensor, &mut heads, Instant::now() + super::LONG)?;
    Ok(heads)
}
