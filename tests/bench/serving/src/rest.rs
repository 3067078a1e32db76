//! REST with binary tensors, over one connection that stays open.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{Answer, Ask, Way, number};

const HEADER_LENGTH: &str = "inference-header-content-length";

/// A connection to one server.
pub struct Connection {
    sender: SendRequest<Pieces>,
    host: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_owned() })
    }

    /// Sends a body of pieces to a path.
    ///
    /// # Errors
    /// Where the connection ended.
    pub async fn post(
        &mut self,
        path: &str,
        header_length: Option<usize>,
        pieces: Vec<Bytes>,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::post(path).header(HOST, &self.host);
        request = match header_length {
            Some(length) => request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(HEADER_LENGTH, length),
            None => request.header(CONTENT_TYPE, "application/json"),
        };
        self.sender.ready().await?;
        Ok(self.sender.send_request(request.body(Pieces(pieces.into()))?).await?)
    }

    /// A small answer: JSON; a refusal is an error with its text.
    ///
    /// # Errors
    /// As [`Connection::post`], and what the server refused.
    pub async fn json(&mut self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let response = match body {
            Some(body) => self.post(path, None, vec![body.to_string().into()]).await?,
            None => {
                let request = Request::get(path).header(HOST, &self.host);
                self.sender.ready().await?;
                self.sender.send_request(request.body(Pieces(VecDeque::new()))?).await?
            }
        };
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
    }
}

/// Inferences over a connection.
pub struct Rest {
    connection: Connection,
    path: String,
    /// The request's JSON behind its id.
    behind: String,
    payload: Vec<Bytes>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    model_version: Option<String>,
}

impl Rest {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: &str, ask: &Ask) -> anyhow::Result<Self> {
        let inputs: Vec<Value> = ask
            .inputs
            .iter()
            .map(|input| {
                json!({
                    "name": input.name,
                    "datatype": input.datatype,
                    "shape": input.shape,
                    "parameters": { "binary_data_size": input.bytes.len() },
                })
            })
            .collect();
        let outputs = json!([{ "name": ask.output, "parameters": { "binary_data": true } }]);
        Ok(Self {
            connection: Connection::open(address).await?,
            path: format!("/v2/models/{}/infer", ask.model),
            behind: format!(",\"inputs\":{},\"outputs\":{outputs}}}", Value::Array(inputs)),
            payload: ask.inputs.iter().map(|input| input.bytes.clone()).collect(),
        })
    }
}

impl Way for Rest {
    async fn infer(&mut self, id: u64) -> anyhow::Result<Answer> {
        let json = format!("{{\"id\":\"{id}\"{}", self.behind);
        let length = json.len();
        let mut pieces = vec![Bytes::from(json)];
        pieces.extend(self.payload.iter().cloned());
        let response = self.connection.post(&self.path, Some(length), pieces).await?;
        let status = response.status();
        let length = response.headers().get(HEADER_LENGTH);
        let length = length.map(|text| text.to_str().unwrap_or_default().parse::<usize>());
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        let length = length.context("no binary output came")??;
        ensure!(length <= body.len(), "the answer's JSON is cut off");
        let head: Head = serde_json::from_slice(&body[..length])?;
        let version = head.model_version.unwrap_or_default();
        Ok(Answer { id: number(&head.id)?, version, output: body.slice(length..) })
    }
}

/// A body of pieces that lie where they are.
pub struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Cx<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|data| data.len() as u64).sum())
    }
}
