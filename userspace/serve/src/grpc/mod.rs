//! The protocol over gRPC.

mod convert;
pub mod infer;

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use crate::error::{Kind, ServeError};
use crate::model::PLATFORM;
use crate::proto::grpc_inference_service_server::{
    GrpcInferenceService, GrpcInferenceServiceServer,
};
use crate::proto::log_settings_response::SettingValue as LogValue;
use crate::proto::repository_index_response::ModelIndex;
use crate::proto::system_shared_memory_status_response::RegionStatus;
use crate::proto::trace_setting_response::SettingValue as TraceValue;
use crate::proto::*;
use crate::rest::{blocking, unknown_load_parameter};
use crate::shared_memory::Region;
use crate::{Core, SERVER_NAME};

/// Answers of a stream that its client has not read yet.
const STREAM_DEPTH: usize = 4;

/// The service over one core.
pub struct Service {
    core: Arc<Core>,
}

/// The service with its limits on messages, for a server.
pub fn service(core: Arc<Core>) -> GrpcInferenceServiceServer<Service> {
    let most = core.max_bytes;
    GrpcInferenceServiceServer::new(Service { core })
        .max_decoding_message_size(most)
        .max_encoding_message_size(usize::MAX)
}

impl From<ServeError> for Status {
    fn from(error: ServeError) -> Self {
        match error.kind {
            Kind::InvalidArgument => Status::invalid_argument(error.message),
            Kind::NotFound => Status::not_found(error.message),
            Kind::TooLarge => Status::resource_exhausted(error.message),
            Kind::Unavailable => Status::unavailable(error.message),
            Kind::Unsupported => Status::unimplemented(error.message),
            Kind::Internal => Status::internal(error.message),
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn ok<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

fn named(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

fn no_other_repository(name: &str) -> Result<(), ServeError> {
    match name.is_empty() {
        true => Ok(()),
        false => Err(ServeError::invalid("There is one repository, without a name")),
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    type ModelStreamInferStream =
        Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Answer<ServerLiveResponse> {
        ok(ServerLiveResponse { live: true })
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Answer<ServerReadyResponse> {
        ok(ServerReadyResponse { ready: self.core.repository.is_ready() })
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Answer<ModelReadyResponse> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let found = self.core.repository.get(&name, &version);
        match found {
            Err(error) if error.kind != Kind::Unavailable => Err(error.into()),
            found => ok(ModelReadyResponse { ready: found.is_ok() }),
        }
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Answer<ServerMetadataResponse> {
        ok(ServerMetadataResponse {
            name: SERVER_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: self.core.extensions().into_iter().map(str::to_owned).collect(),
        })
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Answer<ModelMetadataResponse> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let model = self.core.repository.get(&name, &version)?;
        let versions = self.core.repository.versions(&name)?;
        ok(ModelMetadataResponse {
            name,
            versions: versions.iter().map(|model| model.version.to_string()).collect(),
            platform: PLATFORM.to_owned(),
            inputs: convert::metadata(&model.inputs),
            outputs: convert::metadata(&model.outputs),
        })
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Answer<ModelInferResponse> {
        let answer = infer::handle(&self.core, request.into_inner()).await;
        let answer = answer.inspect_err(|error| crate::infer::log_failure(&self.core, error));
        ok(answer?)
    }

    /// Requests of a stream run one after the other, and are answered in their order. An error is the
    /// answer to its request; the stream goes on.
    async fn model_stream_infer(
        &self,
        request: Request<tonic::Streaming<ModelInferRequest>>,
    ) -> Answer<Self::ModelStreamInferStream> {
        let (core, mut requests) = (self.core.clone(), request.into_inner());
        let (answers, stream) = mpsc::channel(STREAM_DEPTH);
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let request = match request {
                    Ok(request) => request,
                    Err(status) => {
                        let _ = answers.send(Err(status)).await;
                        return;
                    }
                };
                let id = request.id.clone();
                let answer = tokio::select! {
                    answer = infer::handle(&core, request) => answer,
                    // Nobody reads any more: what waits is taken out of its queue.
                    () = answers.closed() => return,
                };
                let answer = match answer {
                    Ok(response) => ModelStreamInferResponse {
                        error_message: String::new(),
                        infer_response: Some(response),
                    },
                    Err(error) => ModelStreamInferResponse {
                        error_message: error.message,
                        infer_response: Some(ModelInferResponse { id, ..Default::default() }),
                    },
                };
                if answers.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        ok(Box::pin(ReceiverStream::new(stream)))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Answer<ModelConfigResponse> {
        let ModelConfigRequest { name, version } = request.into_inner();
        let model = self.core.repository.get(&name, &version)?;
        ok(ModelConfigResponse { config: Some(convert::config(&model)) })
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Answer<ModelStatisticsResponse> {
        let ModelStatisticsRequest { name, version } = request.into_inner();
        let repository = &self.core.repository;
        let models = match (named(&name), named(&version)) {
            (None, None) => repository.all(),
            (Some(name), None) => repository.versions(name)?,
            (_, Some(version)) => vec![repository.get(&name, version)?],
        };
        let model_stats = models.iter().map(|model| convert::statistics(model)).collect();
        ok(ModelStatisticsResponse { model_stats })
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Answer<RepositoryIndexResponse> {
        let RepositoryIndexRequest { repository_name, ready } = request.into_inner();
        no_other_repository(&repository_name)?;
        let lines = self.core.repository.index(ready)?.into_iter();
        let models = lines.map(|line| ModelIndex {
            name: line.name,
            version: line.version,
            state: line.state.to_owned(),
            reason: line.reason,
        });
        ok(RepositoryIndexResponse { models: models.collect() })
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Answer<RepositoryModelLoadResponse> {
        let RepositoryModelLoadRequest { repository_name, model_name, parameters } =
            request.into_inner();
        no_other_repository(&repository_name)?;
        if let Some(name) = parameters.keys().next() {
            return Err(unknown_load_parameter(name).into());
        }
        blocking(self.core.clone(), move |core| core.repository.load(&model_name)).await?;
        ok(RepositoryModelLoadResponse {})
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Answer<RepositoryModelUnloadResponse> {
        use crate::proto::model_repository_parameter::ParameterChoice as Given;
        let RepositoryModelUnloadRequest { repository_name, model_name, parameters } =
            request.into_inner();
        no_other_repository(&repository_name)?;
        let given = parameters.get("version").and_then(|one| one.parameter_choice.as_ref());
        let version = match given {
            None => None,
            Some(Given::StringParam(version)) => Some(version.clone()),
            Some(Given::Int64Param(version)) => Some(version.to_string()),
            Some(_) => {
                let why = "Parameter version: a number should be here";
                return Err(ServeError::invalid(why).into());
            }
        };
        let unload = move |core: &Core| core.repository.unload(&model_name, version.as_deref());
        blocking(self.core.clone(), unload).await?;
        ok(RepositoryModelUnloadResponse {})
    }

    async fn system_shared_memory_status(
        &self,
        request: Request<SystemSharedMemoryStatusRequest>,
    ) -> Answer<SystemSharedMemoryStatusResponse> {
        let name = request.into_inner().name;
        let regions = self.core.shared_memory.status(named(&name))?.into_iter();
        let regions = regions.map(|Region { name, key, offset, byte_size }| {
            (name.clone(), RegionStatus { name, key, offset, byte_size })
        });
        ok(SystemSharedMemoryStatusResponse { regions: regions.collect() })
    }

    async fn system_shared_memory_register(
        &self,
        request: Request<SystemSharedMemoryRegisterRequest>,
    ) -> Answer<SystemSharedMemoryRegisterResponse> {
        let SystemSharedMemoryRegisterRequest { name, key, offset, byte_size } =
            request.into_inner();
        self.core.shared_memory.register(Region { name, key, offset, byte_size })?;
        ok(SystemSharedMemoryRegisterResponse {})
    }

    async fn system_shared_memory_unregister(
        &self,
        request: Request<SystemSharedMemoryUnregisterRequest>,
    ) -> Answer<SystemSharedMemoryUnregisterResponse> {
        self.core.shared_memory.unregister(named(&request.into_inner().name))?;
        ok(SystemSharedMemoryUnregisterResponse {})
    }

    async fn trace_setting(
        &self,
        request: Request<TraceSettingRequest>,
    ) -> Answer<TraceSettingResponse> {
        let TraceSettingRequest { settings, model_name } = request.into_inner();
        let model = named(&model_name);
        if let Some(model) = model {
            self.core.repository.get(model, "")?;
        }
        // A setting without a value clears it: a model without settings follows the global ones.
        let changes: BTreeMap<String, Value> = settings
            .into_iter()
            .filter(|(_, setting)| !setting.value.is_empty())
            .map(|(name, setting)| (name, json!(setting.value)))
            .collect();
        if !changes.is_empty() {
            self.core.trace.update(model, &changes)?;
        }
        let settings = self.core.trace.settings(model).into_iter().map(|(name, value)| {
            let value = match value {
                Value::Array(all) => all.iter().map(convert::plain).collect(),
                one => vec![convert::plain(&one)],
            };
            (name, TraceValue { value })
        });
        ok(TraceSettingResponse { settings: settings.collect() })
    }

    async fn log_settings(
        &self,
        request: Request<LogSettingsRequest>,
    ) -> Answer<LogSettingsResponse> {
        use crate::proto::log_settings_request::setting_value::ParameterChoice as Given;
        let settings = request.into_inner().settings.into_iter();
        let changes: BTreeMap<String, Value> = settings
            .filter_map(|(name, setting)| {
                let value = match setting.parameter_choice? {
                    Given::BoolParam(value) => json!(value),
                    Given::Uint32Param(value) => json!(value),
                    Given::StringParam(value) => json!(value),
                };
                Some((name, value))
            })
            .collect();
        self.core.log.update(&changes)?;
        let settings: HashMap<String, LogValue> = self
            .core
            .log
            .settings()
            .into_iter()
            .map(|(name, value)| (name, LogValue { parameter_choice: convert::log_value(&value) }))
            .collect();
        ok(LogSettingsResponse { settings })
    }
}
