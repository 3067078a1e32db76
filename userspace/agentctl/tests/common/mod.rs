//! The program as its own process, and a whole agent whose main model is a stand-in that sees one planned
//! object, so no weights are needed.

#![allow(dead_code)] // each test uses some of it

#[path = "../../../agent/src/testing/one_object.rs"]
mod one_object;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tandem_agent::server::Socket;
use tandem_agent::service::Service;
use tandem_agent::setup::Setup;

use one_object::OneObject;

/// An agent on a socket in a folder of its own.
pub struct Bench {
    folder: tempfile::TempDir,
    pub service: Arc<Service>,
    pub runtime: tokio::runtime::Runtime,
}

pub fn userspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub fn card(name: &str) -> PathBuf {
    userspace().join("agent/testdata").join(name)
}

impl Bench {
    pub fn start() -> Bench {
        Bench::with(|_, _| ())
    }

    /// With another set-up; the path is the folder's.
    pub fn with(change: impl FnOnce(&mut Setup, &Path)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let recipes = folder.path().join("recipes");
        std::fs::create_dir(&recipes).unwrap();
        let empty = "[[rules]]\nname = \"empty\"\nkind = \"count\"\nmax = 0\n";
        let model = "model = \"yolov3-tiny/1\"\n";
        std::fs::write(recipes.join("passes.toml"), model).unwrap();
        std::fs::write(recipes.join("fails.toml"), format!("{model}{empty}")).unwrap();
        let mut setup = Setup::near(&userspace());
        setup.models = userspace().join("models");
        setup.recipes = recipes;
        setup.recipe = "passes".to_owned();
        change(&mut setup, folder.path());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let socket = folder.path().join("agent.sock");
        let service = runtime.block_on(async {
            let prepared = setup.prepare().unwrap();
            let service = setup.start_with(prepared, Box::new(OneObject)).unwrap();
            assert!(service.wait_ready(Duration::from_secs(20)).await);
            let socket = Socket::bind(&socket).unwrap();
            let served = Arc::clone(&service);
            tokio::spawn(async move { socket.serve(served).await });
            service
        });
        Bench { folder, service, runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let target = format!("unix://{}", self.path("agent.sock").display());
        agentctl(&[&["--target", &target], arguments].concat())
    }

    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        lines(&self.run(&[arguments, &["-o", "json"]].concat()))
    }
}

pub fn agentctl(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The program, not run yet.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
    command
        .args(arguments)
        .current_dir(userspace())
        .env("TANDEM_DEADLINE_MS", "60000") // a busy machine is not late
        .env_remove("TANDEM_TARGET")
        .env_remove("TANDEM_SSH");
    command
}

pub fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A program of the shell, to be run.
pub fn script(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}
