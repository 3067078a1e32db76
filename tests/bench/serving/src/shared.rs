//! POSIX shared memory: tensors lie in a region of this client's, a REST request names them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rest::Connection;
use crate::{Answer, Ask, Way, number};

/// Names of regions are never used twice: a server may hold one that was not closed.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Inferences over a connection and a region of their own.
pub struct Shared {
    connection: Connection,
    name: String,
    path: String,
    behind: String,
    payload: Vec<Bytes>,
    region: File,
    file: PathBuf,
    output: usize,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    model_version: Option<String>,
}

impl Shared {
    /// Connects and registers a region for the inputs and an output of `output` bytes.
    ///
    /// # Errors
    /// Where nobody listens, or the server takes no shared memory.
    pub async fn open(address: &str, ask: &Ask, output: usize) -> anyhow::Result<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tandem-serving-{}-{number}", std::process::id());
        let file = PathBuf::from("/dev/shm").join(&name);
        let region = OpenOptions::new().read(true).write(true).create_new(true).open(&file);
        let region = region.with_context(|| file.display().to_string())?;
        let inputs: usize = ask.inputs.iter().map(|input| input.bytes.len()).sum();
        region.set_len((inputs + output) as u64)?;
        let mut connection = Connection::open(address).await?;
        let register =
            json!({ "key": format!("/{name}"), "offset": 0, "byte_size": inputs + output });
        let path = format!("/v2/systemsharedmemory/region/{name}/register");
        connection.json(&path, Some(&register)).await?;
        let piece = |offset: usize, size: usize| {
            json!({
                "shared_memory_region": name,
                "shared_memory_offset": offset,
                "shared_memory_byte_size": size,
            })
        };
        let mut at = 0;
        let mut tensors = Vec::new();
        for input in &ask.inputs {
            tensors.push(json!({
                "name": input.name,
                "datatype": input.datatype,
                "shape": input.shape,
                "parameters": piece(at, input.bytes.len()),
            }));
            at += input.bytes.len();
        }
        let outputs = json!([{ "name": ask.output, "parameters": piece(at, output) }]);
        Ok(Self {
            connection,
            path: format!("/v2/models/{}/infer", ask.model),
            behind: format!(",\"inputs\":{},\"outputs\":{outputs}}}", Value::Array(tensors)),
            payload: ask.inputs.iter().map(|input| input.bytes.clone()).collect(),
            region,
            file,
            output,
            name,
        })
    }

    /// Takes the region back from the server.
    ///
    /// # Errors
    /// Where the connection ended.
    pub async fn close(mut self) -> anyhow::Result<()> {
        let path = format!("/v2/systemsharedmemory/region/{}/unregister", self.name);
        self.connection.json(&path, Some(&json!({}))).await.map(drop)
    }
}

impl Way for Shared {
    async fn infer(&mut self, id: u64) -> anyhow::Result<Answer> {
        let mut at = 0;
        for bytes in &self.payload {
            self.region.write_all_at(bytes, at)?;
            at += bytes.len() as u64;
        }
        let json = format!("{{\"id\":\"{id}\"{}", self.behind);
        let response = self.connection.post(&self.path, None, vec![Bytes::from(json)]).await?;
        let status = response.status();
        let body = http_body_util::BodyExt::collect(response.into_body()).await?.to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        let head: Head = serde_json::from_slice(&body)?;
        let mut output = vec![0; self.output];
        self.region.read_exact_at(&mut output, at)?;
        let version = head.model_version.unwrap_or_default();
        Ok(Answer { id: number(&head.id)?, version, output: output.into() })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A server that has it open still keeps the memory, not the name.
        let _ = std::fs::remove_file(&self.file);
    }
}
