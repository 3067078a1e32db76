//! Clients that others wrote, against the server as its own process: `tests/clients/*.py`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// A repository of its own for each server, and a server in it.
struct Server {
    process: Child,
    folder: tempfile::TempDir,
    addresses: [String; 2],
    metrics: String,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models"), &models);
        let tiny = root().join("userspace/engine/tests/data/models/tiny-v5");
        copy(&tiny, &models.join("tiny-v5"));
        std::fs::copy(tiny.join("1/expected.f32"), folder.path().join("expected.f32")).unwrap();
        // A folder of which half has come.
        copy(&models.join("text"), &models.join("broken"));
        let sums = format!("{}  model.onnx\n", "0".repeat(64));
        std::fs::write(models.join("broken/1/SHA256SUMS"), sums).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_tandem-serve"))
            .args(["--serve-rest", "127.0.0.1:0", "--serve-grpc", "127.0.0.1:0", "--threads", "1"])
            .args(["--serve-metrics", "127.0.0.1:0"])
            .args(["--serve-max-bytes", "1048576", "--serve-models"])
            .arg(&models)
            .arg("--trace-file")
            .arg(folder.path().join("trace.json"))
            .args(options)
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut address = |name| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(name).unwrap().to_owned()
        };
        let addresses = ["rest ", "grpc "].map(&mut address);
        let metrics = address("metrics ");
        Self { process, folder, addresses, metrics }
    }

    /// Runs a script with its server's addresses; `None` where the clients are not installed.
    fn check(&self, script: &str, checks: &[&str]) -> Option<()> {
        let clients = root().join(".tandem/clients");
        if !clients.join("tritonclient").is_dir() {
            eprintln!("skipped: no .tandem/clients; scripts/test installs them");
            return None;
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let output = Command::new(root().join(".tandem/venv/bin/python"))
            .arg(here.join(script))
            .args(&self.addresses)
            .arg(self.folder.path())
            .args(checks)
            .env("PYTHONPATH", clients)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{wrong}");
        assert!(said.contains("checked "), "{said}");
        Some(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Loading goes on behind open doors: `ready` says when it is over.
fn wait_ready(server: &Server) {
    use std::io::{Read, Write};
    let until = std::time::Instant::now() + std::time::Duration::from_secs(300);
    loop {
        let mut answer = String::new();
        if let Ok(mut stream) = std::net::TcpStream::connect(&server.addresses[0]) {
            let ask = "GET /v2/health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            stream.write_all(ask.as_bytes()).unwrap();
            stream.read_to_string(&mut answer).unwrap();
        }
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
        assert!(std::time::Instant::now() < until, "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn nvidias_client() {
    let server = Server::start(&["--allow-shared-memory"]);
    wait_ready(&server);
    server.check("triton.py", &[]);
}

#[test]
fn the_working_groups_clients() {
    let server = Server::start(&[]);
    wait_ready(&server);
    server.check("working_group.py", &[]);
}

/// Python's prometheus_client reads what a scrape brings.
#[test]
fn prometheus() {
    let server = Server::start(&[]);
    wait_ready(&server);
    server.check("metrics.py", &[&server.metrics]);
}
