//! `POST .../infer`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use serde::Serialize;
use serde_json::{Value, json};

use super::decode::Decoder;
use super::json_data::Numbers;
use crate::Core;
use crate::error::ServeError;
use crate::infer::tensor::join_strings;
use crate::infer::{Answered, Content, Request, held, infer};
use crate::model::Model;

/// Bytes of JSON before the tensors' bytes.
pub const HEADER_LENGTH: &str = "inference-header-content-length";
/// A body that has not come by then is given up.
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// So much of a refused body is still read, so that its client gets to the answer.
const DRAIN: usize = 64 << 20;

/// The frames of a body, one at a time, counted against the limit.
struct Frames {
    body: Body,
    left: usize,
}

impl Frames {
    async fn next(&mut self) -> Result<Option<Bytes>, ServeError> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|e| ServeError::invalid(format!("The body: {e}")))?;
            let Ok(data) = frame.into_data() else { continue };
            self.left = self.left.checked_sub(data.len()).ok_or_else(too_large)?;
            return Ok(Some(data));
        }
    }
}

fn too_large() -> ServeError {
    ServeError::too_large("The body is above the server's limit, --serve-max-bytes")
}

/// Reads a whole small body.
///
/// # Errors
/// Where it is above the limit or does not come.
pub async fn read_all(body: Body, most: usize) -> Result<Vec<u8>, ServeError> {
    let mut frames = Frames { body, left: most };
    let mut all = Vec::new();
    let read = async {
        while let Some(data) = frames.next().await? {
            all.extend_from_slice(&data);
        }
        Ok(())
    };
    tokio::time::timeout(BODY_WITHIN, read).await.unwrap_or_else(|_| Err(late()))?;
    Ok(all)
}

fn late() -> ServeError {
    ServeError::invalid("The body did not come within 60 s")
}

/// Answers an inference request.
///
/// # Errors
/// Anything that is wrong with it, or the runtime's failure.
pub async fn handle(
    core: &Core,
    path: (&str, &str),
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ServeError> {
    let mut frames = Frames { body, left: core.max_bytes };
    let (request, decoder) = match read(core, path, headers, &mut frames).await {
        Ok(read) => read,
        Err(error) => {
            frames.left = DRAIN;
            let drain = async { while let Ok(Some(_)) = frames.next().await {} };
            let _ = tokio::time::timeout(BODY_WITHIN, drain).await;
            return Err(error);
        }
    };
    let parameters = decoder.parameters;
    let (inputs, outputs) = decoder.finish()?;
    let (model, id) = (request.model.clone(), request.id.clone());
    let answered = infer(core, request, parameters, inputs, outputs).await?;
    respond(&model, &id, answered)
}

async fn read(
    core: &Core,
    (name, version): (&str, &str),
    headers: &HeaderMap,
    frames: &mut Frames,
) -> Result<(Request, Decoder), ServeError> {
    if !core.repository.is_ready() {
        return Err(ServeError::unavailable("The server is not ready"));
    }
    let mut request = Request::new(core.repository.get(name, version)?, String::new());
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(ServeError::unsupported("Bodies with a Content-Encoding are not offered"));
    }
    let header_length = number(headers, HEADER_LENGTH)?;
    let length = number(headers, "content-length")?;
    if length.is_some_and(|length| length > core.max_bytes) {
        return Err(too_large());
    }
    let read = body(core, &request.model, header_length, length, frames);
    let decoder = tokio::time::timeout(BODY_WITHIN, read).await.unwrap_or_else(|_| Err(late()))?;
    request.id = decoder.id.clone().unwrap_or_default();
    Ok((request, decoder))
}

async fn body(
    core: &Core,
    model: &Model,
    header_length: Option<usize>,
    length: Option<usize>,
    frames: &mut Frames,
) -> Result<Decoder, ServeError> {
    let wanted = header_length.unwrap_or(usize::MAX);
    let mut json = Vec::new();
    let mut rest = Bytes::new();
    while json.len() < wanted {
        let Some(mut data) = frames.next().await? else { break };
        rest = data.split_off(data.len().min(wanted - json.len()));
        json.extend_from_slice(&data);
    }
    if let Some(wanted) = header_length.filter(|wanted| json.len() < *wanted) {
        let have = json.len();
        let why = format!("{HEADER_LENGTH} is {wanted}, the body has {have} bytes");
        return Err(ServeError::invalid(why));
    }
    let following = match header_length {
        Some(header) => length.map(|length| length.saturating_sub(header)),
        None => Some(0),
    };
    let mut decoder = Decoder::new(model, &core.shared_memory, &json, following, core.max_bytes)?;
    drop(json);
    decoder.push(&rest)?;
    while let Some(data) = frames.next().await? {
        decoder.push(&data)?;
    }
    Ok(decoder)
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<usize>, ServeError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let bad = || ServeError::invalid(format!("{name} is no number of bytes"));
    number.map(Some).ok_or_else(bad)
}

#[derive(Serialize)]
struct InferenceResponse<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    model_name: &'a str,
    model_version: String,
    outputs: Vec<ResponseOutput<'a>>,
}

#[derive(Serialize)]
struct ResponseOutput<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Numbers(Numbers<'a>),
    Strings(Vec<&'a str>),
}

fn respond(
    model: &Model,
    id: &str,
    mut answered: Vec<Answered>,
) -> Result<Response<Body>, ServeError> {
    let mut following = VecDeque::new();
    for output in &mut answered {
        if !output.binary {
            continue;
        }
        let content = std::mem::replace(&mut output.content, Content::Strings(Vec::new()));
        let bytes = match content {
            Content::Numbers(bytes) => held(bytes),
            Content::Strings(strings) => Bytes::from(join_strings(&strings)),
            shared @ Content::Shared(..) => {
                output.binary = false;
                output.content = shared;
                continue;
            }
        };
        following.push_back(bytes);
    }
    let mut sizes = following.iter().map(Bytes::len);
    let outputs = answered
        .iter()
        .map(|output| output_of(model, output, &mut sizes))
        .collect::<Result<Vec<_>, _>>()?;
    let model_version = model.version.to_string();
    let json = InferenceResponse { id, model_name: &model.name, model_version, outputs };
    let json = serde_json::to_vec(&json).map_err(|e| ServeError::internal(e.to_string()))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    let kind = match following.is_empty() {
        true => "application/json",
        false => {
            headers.insert(HEADER_LENGTH, HeaderValue::from(json.len()));
            "application/octet-stream"
        }
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    following.push_front(Bytes::from(json));
    *response.body_mut() = Body::new(Chunks(following));
    Ok(response)
}

fn output_of<'a>(
    model: &'a Model,
    output: &'a Answered,
    sizes: &mut impl Iterator<Item = usize>,
) -> Result<ResponseOutput<'a>, ServeError> {
    let name = model.outputs[output.index].name.as_str();
    let (parameters, data) = match &output.content {
        _ if output.binary => (Some(json!({ "binary_data_size": sizes.next() })), None),
        Content::Shared(region, size) => {
            let size = json!({ "shared_memory_region": region, "shared_memory_byte_size": size });
            (Some(size), None)
        }
        Content::Numbers(bytes) => {
            let numbers = Numbers { datatype: output.datatype, bytes: (**bytes).as_ref() };
            if !numbers.are_finite() {
                return Err(ServeError::invalid(format!(
                    "Output {name:?} has NaN or infinity, which JSON cannot hold; ask for binary_data"
                )));
            }
            (None, Some(Data::Numbers(numbers)))
        }
        Content::Strings(strings) => {
            let texts = strings.iter().map(|bytes| std::str::from_utf8(bytes));
            let texts = texts.collect::<Result<Vec<&str>, _>>().map_err(|_| {
                let why = "has bytes that are not UTF-8; ask for binary_data";
                ServeError::invalid(format!("Output {name:?} {why}"))
            })?;
            (None, Some(Data::Strings(texts)))
        }
    };
    let datatype = output.datatype.name();
    Ok(ResponseOutput { name, datatype, shape: &output.shape, parameters, data })
}

/// A body of pieces that lie where they are, with its whole length known.
struct Chunks(VecDeque<Bytes>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
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
