//! `POST /v1/inspect/stream`: images in, verdicts out, over one request.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use super::body::{BodyReader, growing};
use super::{Failure, known};
use crate::api::{ApiError, Inspection};
use crate::control::ImageRequest;
use crate::control::frame::{self, FrameError};
use crate::routing::JobOptions;
use crate::service::Service;

/// Most images of one stream that are under way at once.
const MAX_WINDOW: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// Of each image, from the moment at which its last byte came.
    deadline_ms: Option<u32>,
    recipe: Option<String>,
    /// For routing policies.
    stream: String,
    /// For routing policies, 255 the highest.
    priority: Option<u8>,
    /// Images under way at once.
    window: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (deadline_ms, recipe, stream, priority) = Default::default();
        Options { deadline_ms, recipe, stream, priority, window: 4 }
    }
}

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Line {
    /// Which image, from 0.
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection: Option<Inspection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ApiError>,
}

/// Each image as its length (u32, little endian) and its bytes; each verdict as a line of JSON, when it is
/// there. The next image is read when fewer than `window` are under way, so a client that sends faster
/// than verdicts come, or does not read them, is held up by its own connection.
pub(super) async fn inspect(
    State(service): State<Arc<Service>>,
    query: Result<Query<Options>, QueryRejection>,
    body: Body,
) -> Result<Response, Failure> {
    let options = known(query, "deadline_ms, recipe, stream, priority, window")?;
    if !(1..=MAX_WINDOW).contains(&options.window) {
        let message = format!("window is {}, use 1 to {MAX_WINDOW}", options.window);
        return Err(ApiError::new("bad_request", "window", message).into());
    }
    let (lines, response) = growing("application/x-ndjson", options.window);
    tokio::spawn(feed(service, options, BodyReader::new(body), lines));
    Ok(response)
}

async fn feed(
    service: Arc<Service>,
    options: Options,
    mut body: BodyReader,
    lines: mpsc::Sender<Bytes>,
) {
    let window = Arc::new(Semaphore::new(options.window));
    for index in 0.. {
        let Ok(place) = window.clone().acquire_owned().await else { break };
        let image = tokio::select! {
            image = frame::read_bytes(&mut body) => image,
            () = lines.closed() => break, // nobody reads the verdicts
        };
        match image {
            Ok(None) => break,
            Ok(Some(bytes)) => {
                let request = ImageRequest {
                    name: index.to_string(),
                    bytes: bytes.into(),
                    deadline_ms: options.deadline_ms,
                    recipe: options.recipe.clone(),
                    options: JobOptions {
                        stream: options.stream.clone(),
                        priority: options.priority,
                        id: None,
                    },
                };
                let (service, lines) = (service.clone(), lines.clone());
                tokio::spawn(async move {
                    let line = Line::of(index, service.inspect(request).await);
                    let _ = lines.send(line).await; // the client may have gone
                    drop(place);
                });
            }
            Err(error) => {
                let _ = lines.send(Line::of(index, Err(broken(&error)))).await;
                break;
            }
        }
    }
}

fn broken(error: &FrameError) -> ApiError {
    let message =
        format!("{error}. An image is its length in 4 bytes, little endian, and its bytes");
    ApiError::new("bad_request", "body", message)
}

impl Line {
    fn of(index: u64, outcome: Result<Inspection, ApiError>) -> Bytes {
        let (inspection, error) = match outcome {
            Ok(inspection) => (Some(inspection), None),
            Err(error) => (None, Some(error)),
        };
        let mut line = serde_json::to_vec(&Line { index, inspection, error }).unwrap_or_default();
        line.push(b'\n');
        line.into()
    }
}

#[cfg(test)]
mod tests;
