//! The inspection API over HTTP: `POST /v1/inspect`, `GET /healthz`, `GET /metrics`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use crate::api::{ApiError, Inspection};
use crate::control::ImageRequest;
use crate::control::frame::MAX_FRAME_BYTES;
use crate::counters::to_prometheus;
use crate::service::{Service, Status};

/// Largest body, the same as the largest message of the socket.
pub const MAX_BODY_BYTES: usize = MAX_FRAME_BYTES as usize;

/// What a client may say beside the image, as a query or as `x-tandem-…` headers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    name: Option<String>,
    deadline_ms: Option<u32>,
    recipe: Option<String>,
}

/// The routes over one service.
pub fn router(service: Arc<Service>) -> Router {
    limited(service, MAX_BODY_BYTES)
}

fn limited(service: Arc<Service>, body_bytes: usize) -> Router {
    Router::new()
        .route("/v1/inspect", post(inspect))
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
        "recipe_unknown" | "not_found" => StatusCode::NOT_FOUND,
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
    let Query(query) = query.map_err(|error| {
        let message = format!("{}; known are name, deadline_ms, recipe", error.body_text());
        ApiError::new("bad_request", "query", message)
    })?;
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
    };
    Ok(Json(service.inspect(request).await?))
}

/// A query wins over the header of the same name.
fn with_headers(query: Options, headers: &HeaderMap) -> Result<Options, ApiError> {
    let text = |name: &'static str| match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.to_owned())),
        Some(Err(_)) => Err(ApiError::new("bad_request", name, "The header is not plain text")),
    };
    let deadline_ms = match (query.deadline_ms, text("x-tandem-deadline-ms")?) {
        (None, Some(text)) => Some(text.parse().map_err(|_| {
            let message = format!("{text:?} is no number of milliseconds");
            ApiError::new("bad_request", "x-tandem-deadline-ms", message)
        })?),
        (deadline, _) => deadline,
    };
    Ok(Options {
        name: query.name.or(text("x-tandem-name")?),
        deadline_ms,
        recipe: query.recipe.or(text("x-tandem-recipe")?),
    })
}

/// 200 while verdicts are made as they should be; 503 while the agent works on its fallback, with
/// the same body.
async fn healthz(State(service): State<Arc<Service>>) -> (StatusCode, Json<Status>) {
    let status = service.status().await;
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(status))
}

async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let text = to_prometheus(&service.stats());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn not_found() -> Failure {
    let message = "Known are POST /v1/inspect, GET /healthz and GET /metrics";
    Failure(ApiError::new("not_found", "path", message))
}

async fn wrong_method() -> Failure {
    let message = "Use POST for /v1/inspect and GET for /healthz and /metrics";
    Failure(ApiError::new("wrong_method", "method", message))
}

#[cfg(test)]
mod tests;
