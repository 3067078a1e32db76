//! The protocol over HTTP with JSON, and with bytes behind it.

pub mod decode;
pub mod infer;
pub mod json_data;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Kind, ServeError};
use crate::model::{Model, PLATFORM};
use crate::shared_memory::Region;
use crate::statistics::{BatchStatistics, StatisticDuration};
use crate::{Core, SERVER_NAME};

/// Largest body of everything but inferences, in bytes.
const SMALL_BODY: usize = 1 << 20;

type Served = Result<Json<Value>, ServeError>;
type Serving = State<Arc<Core>>;

impl IntoResponse for ServeError {
    fn into_response(self) -> axum::response::Response {
        let status = match self.kind {
            Kind::InvalidArgument => StatusCode::BAD_REQUEST,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.message }))).into_response()
    }
}

#[derive(Deserialize)]
struct ModelPath {
    name: String,
    #[serde(default)]
    version: String,
}

/// The routes.
pub fn router(core: Arc<Core>) -> Router {
    let mut router = Router::new()
        .route("/v2", get(metadata))
        .route("/v2/", get(metadata))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/stats", get(all_stats));
    for prefix in ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"] {
        router = router
            .route(prefix, get(model_metadata))
            .route(&format!("{prefix}/ready"), get(model_ready))
            .route(&format!("{prefix}/config"), get(model_config))
            .route(&format!("{prefix}/stats"), get(model_stats))
            .route(&format!("{prefix}/infer"), post(model_infer));
    }
    for end in ["trace", "trace/setting"] {
        router = router
            .route(&format!("/v2/{end}"), get(trace).post(set_trace))
            .route(&format!("/v2/models/{{name}}/{end}"), get(model_trace).post(set_model_trace));
    }
    let memory = "/v2/systemsharedmemory";
    router
        .route("/v2/logging", get(logging).post(set_logging))
        .route("/v2/repository/index", post(index))
        .route("/v2/repository/models/{name}/load", post(load))
        .route("/v2/repository/models/{name}/unload", post(unload))
        .route(&format!("{memory}/status"), get(memory_status))
        .route(&format!("{memory}/unregister"), post(memory_unregister_all))
        .route(&format!("{memory}/region/{{name}}/status"), get(memory_region_status))
        .route(&format!("{memory}/region/{{name}}/register"), post(memory_register))
        .route(&format!("{memory}/region/{{name}}/unregister"), post(memory_unregister))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // Bodies are counted where they are read.
        .layer(DefaultBodyLimit::disable())
        .with_state(core)
}

async fn unknown_path() -> ServeError {
    ServeError::not_found("No such path; GET /v2 lists the extensions that are offered")
}

async fn wrong_method() -> Response<Body> {
    let body = Json(json!({ "error": "Another method: GET reads, POST infers and changes" }));
    (StatusCode::METHOD_NOT_ALLOWED, body).into_response()
}

async fn metadata(State(core): Serving) -> Json<Value> {
    Json(json!({
        "name": SERVER_NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": core.extensions(),
    }))
}

async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

async fn ready(State(core): Serving) -> impl IntoResponse {
    let ready = core.repository.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready })))
}

async fn model_metadata(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    let model = core.repository.get(&path.name, &path.version)?;
    let versions = core.repository.versions(&path.name)?;
    let versions: Vec<String> = versions.iter().map(|model| model.version.to_string()).collect();
    let tensors = |specs: &[tandem_engine::tensors::TensorSpec]| -> Vec<Value> {
        let tensor = |spec: &tandem_engine::tensors::TensorSpec| json!({ "name": spec.name, "datatype": spec.datatype.name(), "shape": spec.shape });
        specs.iter().map(tensor).collect()
    };
    Ok(Json(json!({
        "name": model.name,
        "versions": versions,
        "platform": PLATFORM,
        "inputs": tensors(&model.inputs),
        "outputs": tensors(&model.outputs),
    })))
}

async fn model_ready(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    core.repository.get(&path.name, &path.version)?;
    Ok(Json(json!({ "name": path.name, "ready": true })))
}

async fn model_config(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    let model = core.repository.get(&path.name, &path.version)?;
    Ok(Json(crate::config::to_json(&model)))
}

async fn all_stats(State(core): Serving) -> Json<Value> {
    let stats: Vec<Value> = core.repository.all().iter().map(|model| stats_of(model)).collect();
    Json(json!({ "model_stats": stats }))
}

async fn model_stats(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    let models = match path.version.is_empty() {
        true => core.repository.versions(&path.name)?,
        false => vec![core.repository.get(&path.name, &path.version)?],
    };
    let stats: Vec<Value> = models.iter().map(|model| stats_of(model)).collect();
    Ok(Json(json!({ "model_stats": stats })))
}

fn stats_of(model: &Model) -> Value {
    let counts = model.statistics.counts();
    let one = |stat: StatisticDuration| json!({ "count": stat.count, "ns": stat.ns });
    let batch = |size: &u64, batch: &BatchStatistics| {
        json!({
            "batch_size": size,
            "compute_input": one(batch.compute_input),
            "compute_infer": one(batch.compute_infer),
            "compute_output": one(batch.compute_output),
        })
    };
    let batches: Vec<Value> = counts.batches.iter().map(|(size, b)| batch(size, b)).collect();
    json!({
        "name": model.name,
        "version": model.version.to_string(),
        "last_inference": counts.last_inference,
        "inference_count": counts.inference_count,
        "execution_count": counts.execution_count,
        "inference_stats": {
            "success": one(counts.success),
            "fail": one(counts.fail),
            "queue": one(counts.queue),
            "compute_input": one(counts.compute.compute_input),
            "compute_infer": one(counts.compute.compute_infer),
            "compute_output": one(counts.compute.compute_output),
        },
        "batch_stats": batches,
    })
}

async fn model_infer(
    State(core): Serving,
    Path(path): Path<ModelPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ServeError> {
    let answer = infer::handle(&core, (&path.name, &path.version), &headers, body).await;
    answer.inspect_err(|error| crate::infer::log_failure(&core, error))
}

/// A small JSON object; an empty body is an empty one.
async fn object(body: Body) -> Result<BTreeMap<String, Value>, ServeError> {
    let bytes = infer::read_all(body, SMALL_BODY).await?;
    if bytes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let bad = |e| ServeError::invalid(format!("A JSON object should be here: {e}"));
    serde_json::from_slice(&bytes).map_err(bad)
}

async fn index(State(core): Serving, body: Body) -> Served {
    let ready = match object(body).await?.get("ready") {
        None => false,
        Some(Value::Bool(ready)) => *ready,
        Some(_) => return Err(ServeError::invalid("ready is true or false")),
    };
    let lines = core.repository.index(ready)?.into_iter().map(|line| {
        json!({
            "name": line.name,
            "version": line.version,
            "state": line.state,
            "reason": line.reason,
        })
    });
    Ok(Json(lines.collect()))
}

async fn load(State(core): Serving, Path(path): Path<ModelPath>, body: Body) -> Served {
    if let Some(Value::Object(parameters)) = object(body).await?.get("parameters")
        && let Some(name) = parameters.keys().next()
    {
        return Err(unknown_load_parameter(name));
    }
    blocking(core, move |core| core.repository.load(&path.name)).await?;
    Ok(Json(json!({})))
}

/// A load takes what is in the folder; a client brings neither configuration nor files.
pub(crate) fn unknown_load_parameter(name: &str) -> ServeError {
    ServeError::unsupported(format!("Parameter {name}: a load takes what is in the repository"))
}

async fn unload(State(core): Serving, Path(path): Path<ModelPath>, body: Body) -> Served {
    let version = match object(body).await?.get("parameters").and_then(|all| all.get("version")) {
        None => None,
        Some(Value::String(version)) => Some(version.clone()),
        Some(Value::Number(version)) => Some(version.to_string()),
        Some(_) => return Err(ServeError::invalid("Parameter version: a number should be here")),
    };
    blocking(core, move |core| core.repository.unload(&path.name, version.as_deref())).await?;
    Ok(Json(json!({})))
}

/// Runs what takes its time beside the control plane.
pub(crate) async fn blocking(
    core: Arc<Core>,
    work: impl FnOnce(&Core) -> Result<(), ServeError> + Send + 'static,
) -> Result<(), ServeError> {
    let done = tokio::task::spawn_blocking(move || work(&core)).await;
    done.unwrap_or_else(|e| Err(ServeError::internal(e.to_string())))
}

async fn trace(State(core): Serving) -> Json<BTreeMap<String, Value>> {
    Json(core.trace.settings(None))
}

async fn set_trace(
    State(core): Serving,
    body: Body,
) -> Result<Json<BTreeMap<String, Value>>, ServeError> {
    core.trace.update(None, &object(body).await?)?;
    Ok(Json(core.trace.settings(None)))
}

async fn model_trace(
    State(core): Serving,
    Path(path): Path<ModelPath>,
) -> Result<Json<BTreeMap<String, Value>>, ServeError> {
    core.repository.get(&path.name, "")?;
    Ok(Json(core.trace.settings(Some(&path.name))))
}

async fn set_model_trace(
    State(core): Serving,
    Path(path): Path<ModelPath>,
    body: Body,
) -> Result<Json<BTreeMap<String, Value>>, ServeError> {
    core.repository.get(&path.name, "")?;
    core.trace.update(Some(&path.name), &object(body).await?)?;
    Ok(Json(core.trace.settings(Some(&path.name))))
}

async fn logging(State(core): Serving) -> Json<BTreeMap<String, Value>> {
    Json(core.log.settings())
}

async fn set_logging(
    State(core): Serving,
    body: Body,
) -> Result<Json<BTreeMap<String, Value>>, ServeError> {
    core.log.update(&object(body).await?)?;
    Ok(Json(core.log.settings()))
}

fn regions(core: &Core, name: Option<&str>) -> Served {
    let regions = core.shared_memory.status(name)?.into_iter().map(|region| {
        json!({
            "name": region.name,
            "key": region.key,
            "offset": region.offset,
            "byte_size": region.byte_size,
        })
    });
    Ok(Json(regions.collect()))
}

async fn memory_status(State(core): Serving) -> Served {
    regions(&core, None)
}

async fn memory_region_status(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    regions(&core, Some(&path.name))
}

#[derive(Deserialize)]
struct Register {
    key: String,
    #[serde(default)]
    offset: u64,
    byte_size: u64,
}

async fn memory_register(State(core): Serving, Path(path): Path<ModelPath>, body: Body) -> Served {
    let bytes = infer::read_all(body, SMALL_BODY).await?;
    let bad = |e| ServeError::invalid(format!("The registration's JSON: {e}"));
    let Register { key, offset, byte_size } = serde_json::from_slice(&bytes).map_err(bad)?;
    core.shared_memory.register(Region { name: path.name, key, offset, byte_size })?;
    Ok(Json(json!({})))
}

async fn memory_unregister(State(core): Serving, Path(path): Path<ModelPath>) -> Served {
    core.shared_memory.unregister(Some(&path.name))?;
    Ok(Json(json!({})))
}

async fn memory_unregister_all(State(core): Serving) -> Served {
    core.shared_memory.unregister(None)?;
    Ok(Json(json!({})))
}
