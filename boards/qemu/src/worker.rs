//! The GPU worker's place: a process on the host that runs the main model.

use crate::Files;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use tandem_qemu::leashed;

/// A running `gpu-worker`; killed when dropped.
pub struct Worker {
    child: Child,
    // Kept open: what it prints at its end has a reader.
    _output: BufReader<ChildStdout>,
    port: u16,
}

impl Worker {
    /// Starts one on a port of its own, or on `port`; returns when it listens.
    ///
    /// # Errors
    /// What it said.
    pub fn start(files: &Files, port: u16) -> Result<Self> {
        let program = files.root.join("target/release/gpu-worker");
        let model = files.root.join("userspace/models/yolov3-tiny/1");
        let mut child = leashed(&program)
            .args(["--listen", &format!("127.0.0.1:{port}"), "-o", "json", "--model"])
            .arg(model)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}; cargo xtask qemu build makes it", program.display()))?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().context("gpu-worker has no output")?);
        output.read_line(&mut line)?;
        let told: serde_json::Value = serde_json::from_str(&line)
            .with_context(|| format!("gpu-worker said {line:?} instead of its address"))?;
        let address = told["listen"].as_str().unwrap_or_default();
        match address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()) {
            Some(port) => Ok(Self { child, _output: output, port }),
            None => bail!("gpu-worker tells no address: {line}"),
        }
    }

    /// Kills it as a fault of the device would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the guest reaches it: the host is 10.0.2.2 there.
    pub fn engine(&self) -> String {
        format!("tcp://10.0.2.2:{}", self.port)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}
