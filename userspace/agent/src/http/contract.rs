//! schemathesis reads the API's document and asks what it promises and what it does not: every answer
//! must be one that the document names.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::router;
use crate::service::testing::with_service;

#[test]
fn schemathesis_finds_no_answer_that_the_document_does_not_promise() {
    with_service(|service| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/openapi.json", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(service)).await });
        let folder = tempfile::tempdir().unwrap(); // it keeps what it found
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tandem/venv/bin/python");
        let mut command = Command::new(python);
        command.args(["-m", "schemathesis.cli", "run", &url, "--seed", "1"]);
        // Events without an end: `stream::tests` reads them.
        command.args(["--exclude-path", "/v1/verdicts", "--max-examples", "25"]);
        // Whether bytes are an image no schema tells: such a request may be refused.
        command.args(["--exclude-checks", "positive_data_acceptance"]);
        command.args(["--request-timeout", "60", "--no-color"]);
        command.current_dir(folder.path()).kill_on_drop(true).stdin(Stdio::null());
        let ran =
            command.output().await.expect("a Python in .tandem/venv; run scripts/setup --all");
        let said = String::from_utf8_lossy(&ran.stdout);
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(
            ran.status.success(),
            "{said}{errors}without schemathesis, run scripts/setup --all"
        );
        assert!(said.contains("6 selected"), "{said}");
        print!("{said}");
    });
}
