//! The few requests that the demo and the tests make.

use anyhow::{Context, Result};
use serde_json::Value;
use std::time::Duration;

/// Longest wait for an answer; the emulated processors take a minute for one of their own.
const PATIENCE: Duration = Duration::from_secs(180);
/// Most bytes of an answer: an annotated picture has one or two million.
const ANSWER_BYTES: u64 = 64 << 20;

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none; the message holds it.
    pub fn json(&self) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).with_context(|| format!("status {}: {text}", self.status))
    }
}

/// `POST path` with a body, to `address` (host and port). Any status is an answer.
///
/// # Errors
/// The socket's, one that takes too long, or an answer that is no HTTP.
pub fn post(address: &str, path: &str, body: &[u8]) -> Result<Response> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    let url = format!("http://{address}{path}");
    let answer = ureq::Agent::from(config).post(&url).send(body);
    let mut answer = answer.with_context(|| format!("POST {url}"))?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
    Ok(Response { status, body: body.with_context(|| format!("POST {url}: its answer"))? })
}
