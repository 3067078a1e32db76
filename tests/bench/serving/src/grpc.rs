//! gRPC with raw tensors, over a channel.

use anyhow::{Context, ensure};
use tonic::transport::Endpoint;

use crate::proto::ModelInferRequest;
use crate::proto::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::{Answer, Ask, Way, number};

/// Inferences over a channel of their own.
pub struct Grpc {
    client: GrpcInferenceServiceClient<tonic::transport::Channel>,
    request: ModelInferRequest,
}

impl Grpc {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: &str, ask: &Ask) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let windows = endpoint
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(4 << 20)
            .tcp_nodelay(true);
        let channel = windows.connect().await.with_context(|| address.to_owned())?;
        let inputs = ask.inputs.iter().map(|input| InferInputTensor {
            name: input.name.clone(),
            datatype: input.datatype.clone(),
            shape: input.shape.clone(),
            ..InferInputTensor::default()
        });
        let output = InferRequestedOutputTensor { name: ask.output.clone(), ..Default::default() };
        let request = ModelInferRequest {
            model_name: ask.model.clone(),
            inputs: inputs.collect(),
            outputs: vec![output],
            raw_input_contents: ask.inputs.iter().map(|input| input.bytes.clone()).collect(),
            ..ModelInferRequest::default()
        };
        let client = GrpcInferenceServiceClient::new(channel);
        Ok(Self { client: client.max_decoding_message_size(usize::MAX), request })
    }
}

impl Way for Grpc {
    async fn infer(&mut self, id: u64) -> anyhow::Result<Answer> {
        let request = ModelInferRequest { id: id.to_string(), ..self.request.clone() };
        let mut response = self.client.model_infer(request).await?.into_inner();
        ensure!(response.raw_output_contents.len() == 1, "one raw output was asked for");
        let output = response.raw_output_contents.remove(0);
        Ok(Answer { id: number(&response.id)?, version: response.model_version, output })
    }
}
