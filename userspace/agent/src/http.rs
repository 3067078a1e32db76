//! The inspection API over HTTP. Its document is `openapi.json`, beside this file and at
//! `/v1/openapi.json`.

mod body;
mod stream;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use crate::api::{ApiError, Inspection};
use crate::channels::ChannelReport;
use crate::control::ImageRequest;
use crate::control::frame::MAX_FRAME_BYTES;
use crate::counters::to_prometheus;
use crate::routing::JobOptions;
use crate::service::{PassedList, Service, Status};

/// Largest body, the same as the largest message of the socket.
pub const MAX_BODY_BYTES: usize = MAX_FRAME_BYTES as usize;

/// What a client may say beside the image, as a query or as `x-tandem-…` headers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    name: Option<String>,
    deadline_ms: Option<u32>,
    recipe: Option<String>,
    stream: Option<String>,
    priority: Option<u8>,
    /// The part at the gate that the image shows.
    tag: Option<u32>,
    /// Epoch of that tag; the newest part with the tag without it.
    gate_epoch: Option<u32>,
}

/// Which parts a client asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    /// Sequence of the part that it saw last.
    #[serde(default)]
    after: u64,
    /// How long to wait for one, at most half a minute.
    #[serde(default)]
    wait_ms: u32,
}

/// The routes over one service.
pub fn router(service: Arc<Service>) -> Router {
    limited(service, MAX_BODY_BYTES)
}

fn limited(service: Arc<Service>, body_bytes: usize) -> Router {
    Router::new()
        .route("/v1/inspect", post(inspect))
        .route("/v1/inspect/stream", post(stream::inspect))
        .route("/v1/triggers", get(triggers))
        .route("/v1/channels", get(channels))
        .route("/v1/verdicts", get(verdicts::follow))
        .route("/v1/openapi.json", get(document))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body_bytes))
        .with_state(service)
}

/// An [`ApiError`] with its status.
struct Failure(ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = status_of(&self.0.code);
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(1));
        }
        response
    }
}

/// The status of an error code. What the client can mend is 4xx.
fn status_of(code: &str) -> StatusCode {
    match code {
        "image_too_large" | "body_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "image_format" | "image_unsupported" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "recipe_unknown" | "tag_unknown" | "not_found" => StatusCode::NOT_FOUND,
        "gate_off" | "tag_missing" => StatusCode::CONFLICT,
        "wrong_method" => StatusCode::METHOD_NOT_ALLOWED,
        "busy" | "stopping" => StatusCode::SERVICE_UNAVAILABLE,
        "no_answer" => StatusCode::GATEWAY_TIMEOUT,
        "bad_frame" | "bad_request" => StatusCode::BAD_REQUEST,
        code if code.starts_with("image_") => StatusCode::BAD_REQUEST,
        code if code.starts_with("recipe_") => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn inspect(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    query: Result<Query<Options>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Inspection>, Failure> {
    let query = known(query, "name, deadline_ms, recipe, stream, priority, tag, gate_epoch")?;
    let options = with_headers(query, &headers)?;
    let body = body.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let message = "The body is above the limit, send a smaller image";
            return ApiError::new("body_too_large", "body", message);
        }
        ApiError::new("bad_request", "body", error.body_text())
    })?;
    let request = ImageRequest {
        name: options.name.unwrap_or_else(|| "image".to_owned()),
        bytes: Vec::from(body).into(),
        deadline_ms: options.deadline_ms,
        recipe: options.recipe,
        options: JobOptions {
            stream: options.stream.unwrap_or_default(),
            priority: options.priority,
            id: None,
        },
    };
    if options.gate_epoch.is_some() && options.tag.is_none() {
        let message = "gate_epoch says of which epoch a tag is: give tag, too";
        return Err(ApiError::new("tag_missing", "gate_epoch", message).into());
    }
    Ok(Json(match options.tag {
        None => service.inspect(request).await?,
        Some(tag) => {
            // Looked up before the image is read: a part that nobody knows takes no slot.
            let part = service.part(tag, options.gate_epoch)?;
            service.inspect_part(request, Some(part)).await?
        }
    }))
}

/// Parts that passed the trigger, each with the tag that its image is to bring.
async fn triggers(
    State(service): State<Arc<Service>>,
    query: Result<Query<Since>, QueryRejection>,
) -> Result<Json<PassedList>, Failure> {
    let since = known(query, "after, wait_ms")?;
    let wait = Duration::from_millis(since.wait_ms.into());
    Ok(Json(service.triggers(since.after, wait).await?))
}

/// The query, or what is wrong with it and what there is.
fn known<T>(query: Result<Query<T>, QueryRejection>, names: &str) -> Result<T, ApiError> {
    query.map(|Query(query)| query).map_err(|error| {
        let message = format!("{}; known are {names}", error.body_text());
        ApiError::new("bad_request", "query", message)
    })
}

/// A query wins over the header of the same name.
fn with_headers(query: Options, headers: &HeaderMap) -> Result<Options, ApiError> {
    let text = |name: &'static str| match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.to_owned())),
        Some(Err(_)) => Err(ApiError::new("bad_request", name, "The header is not plain text")),
    };
    let number = |query: Option<u32>, name: &'static str| match (query, text(name)?) {
        (None, Some(text)) => text.parse().map(Some).map_err(|_| {
            let message = format!("{text:?} is no whole number below 2^32");
            ApiError::new("bad_request", name, message)
        }),
        (query, _) => Ok(query),
    };
    let priority = match (query.priority, text("x-tandem-priority")?) {
        (None, Some(text)) => Some(text.parse().map_err(|_| {
            let message = format!("{text:?} is no priority, use 0 to 255");
            ApiError::new("bad_request", "x-tandem-priority", message)
        })?),
        (priority, _) => priority,
    };
    Ok(Options {
        deadline_ms: number(query.deadline_ms, "x-tandem-deadline-ms")?,
        tag: number(query.tag, "x-tandem-tag")?,
        gate_epoch: number(query.gate_epoch, "x-tandem-gate-epoch")?,
        name: query.name.or(text("x-tandem-name")?),
        recipe: query.recipe.or(text("x-tandem-recipe")?),
        stream: query.stream.or(text("x-tandem-stream")?),
        priority,
    })
}

/// 200 while verdicts are made as they should be; 503 while the agent works on its fallback, with
/// the same body.
async fn healthz(State(service): State<Arc<Service>>) -> (StatusCode, Json<Status>) {
    let status = service.status().await;
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(status))
}

async fn channels(State(service): State<Arc<Service>>) -> Json<ChannelReport> {
    Json(service.channels())
}

async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let text = to_prometheus(&service.stats(), service.agent().channels().all());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("http/openapi.json"))
}

async fn not_found() -> Failure {
    let message = "No such path; GET /v1/openapi.json tells which there are";
    Failure(ApiError::new("not_found", "path", message))
}

async fn wrong_method() -> Failure {
    let message = "Use POST for what takes images and GET for the rest; see GET /v1/openapi.json";
    Failure(ApiError::new("wrong_method", "method", message))
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
