//! The few requests that the demo and the tests make, over a plain socket.

use crate::machine::PATIENCE;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

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

/// `GET path`.
///
/// # Errors
/// The socket's, or an answer that is no HTTP.
pub fn get(address: &str, path: &str) -> Result<Response> {
    request(address, "GET", path, &[])
}

/// `POST path` with a body.
///
/// # Errors
/// As [`get`].
pub fn post(address: &str, path: &str, body: &[u8]) -> Result<Response> {
    request(address, "POST", path, body)
}

fn request(address: &str, method: &str, path: &str, body: &[u8]) -> Result<Response> {
    let mut stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: \
         {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("an answer without head")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("an answer that begins {head:?}"))?;
    if head.contains("transfer-encoding: chunked") {
        bail!("{method} {path}: a chunked answer, which this client does not read");
    }
    Ok(Response { status, body: answer.split_off(end + 4) })
}
