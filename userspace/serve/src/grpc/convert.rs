//! What is known of models, as messages.

use serde_json::Value;
use tandem_engine::tensors::{DataType as Element, TensorSpec};

use crate::config::VersionPolicy;
use crate::model::{BACKEND, Interface, Model, PLATFORM};
use crate::proto::log_settings_response::setting_value::ParameterChoice;
use crate::proto::model_config::SchedulingChoice;
use crate::proto::model_instance_group::Kind;
use crate::proto::model_metadata_response::TensorMetadata;
use crate::proto::model_version_policy::{All, Latest, PolicyChoice, Specific};
use crate::proto::{
    DataType, InferBatchStatistics, InferStatistics, ModelConfig, ModelDynamicBatching, ModelInput,
    ModelInstanceGroup, ModelOutput, ModelQueuePolicy, ModelStatistics, ModelVersionPolicy,
    StatisticDuration,
};
use crate::repository::folder::MODEL_FILE;
use crate::statistics;

pub(super) fn metadata(specs: &[TensorSpec]) -> Vec<TensorMetadata> {
    let tensor = |spec: &TensorSpec| TensorMetadata {
        name: spec.name.clone(),
        datatype: spec.datatype.name().to_owned(),
        shape: spec.shape.clone(),
    };
    specs.iter().map(tensor).collect()
}

fn data_type(datatype: Element) -> i32 {
    let name = crate::config::config_name(datatype);
    DataType::from_str_name(&name).map_or(0, |found| found as i32)
}

pub(super) fn config(model: &Interface) -> ModelConfig {
    let config = &model.config;
    let batch = usize::from(config.max_batch_size > 0);
    let input = |spec: &TensorSpec| ModelInput {
        name: spec.name.clone(),
        data_type: data_type(spec.datatype),
        dims: spec.shape[batch..].to_vec(),
    };
    let output = |spec: &TensorSpec| ModelOutput {
        name: spec.name.clone(),
        data_type: data_type(spec.datatype),
        dims: spec.shape[batch..].to_vec(),
        label_filename: config.label_file(&spec.name).to_owned(),
    };
    let policy = match &config.version_policy {
        VersionPolicy::Latest(count) => PolicyChoice::Latest(Latest { num_versions: *count }),
        VersionPolicy::All => PolicyChoice::All(All {}),
        VersionPolicy::Specific(versions) => {
            let versions = versions.iter().map(|version| *version as i64).collect();
            PolicyChoice::Specific(Specific { versions })
        }
    };
    let queue = ModelQueuePolicy {
        timeout_action: 0,
        default_timeout_microseconds: config.queue.default_timeout_microseconds,
        allow_timeout_override: config.queue.allow_timeout_override,
        max_queue_size: config.queue.max_queue_size,
    };
    let batching = config.dynamic_batching.as_ref().map(|batching| ModelDynamicBatching {
        preferred_batch_size: batching.preferred_batch_size.iter().map(|n| *n as i32).collect(),
        max_queue_delay_microseconds: batching.max_queue_delay_microseconds,
        priority_levels: config.queue.priority_levels,
        default_priority_level: config.queue.default_priority_level,
        default_queue_policy: Some(queue),
    });
    let group = ModelInstanceGroup {
        name: model.name.clone(),
        count: config.instances as i32,
        kind: Kind::Cpu as i32,
    };
    ModelConfig {
        name: model.name.clone(),
        platform: PLATFORM.to_owned(),
        version_policy: Some(ModelVersionPolicy { policy_choice: Some(policy) }),
        max_batch_size: config.max_batch_size as i32,
        input: model.inputs.iter().map(input).collect(),
        output: model.outputs.iter().map(output).collect(),
        instance_group: vec![group],
        default_model_filename: MODEL_FILE.to_owned(),
        scheduling_choice: batching.map(SchedulingChoice::DynamicBatching),
        backend: BACKEND.to_owned(),
    }
}

fn duration(stat: statistics::StatisticDuration) -> Option<StatisticDuration> {
    Some(StatisticDuration { count: stat.count, ns: stat.ns })
}

pub(super) fn statistics(model: &Model) -> ModelStatistics {
    let counts = model.statistics.counts();
    let batch_stats = counts.batches.iter().map(|(size, batch)| InferBatchStatistics {
        batch_size: *size,
        compute_input: duration(batch.compute_input),
        compute_infer: duration(batch.compute_infer),
        compute_output: duration(batch.compute_output),
    });
    ModelStatistics {
        name: model.name.clone(),
        version: model.version.to_string(),
        last_inference: counts.last_inference,
        inference_count: counts.inference_count,
        execution_count: counts.execution_count,
        inference_stats: Some(InferStatistics {
            success: duration(counts.success),
            fail: duration(counts.fail),
            queue: duration(counts.queue),
            compute_input: duration(counts.compute.compute_input),
            compute_infer: duration(counts.compute.compute_infer),
            compute_output: duration(counts.compute.compute_output),
        }),
        batch_stats: batch_stats.collect(),
    }
}

/// A setting as text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn log_value(value: &Value) -> Option<ParameterChoice> {
    Some(match value {
        Value::Bool(value) => ParameterChoice::BoolParam(*value),
        Value::Number(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            ParameterChoice::Uint32Param(number.unwrap_or(u32::MAX))
        }
        other => ParameterChoice::StringParam(plain(other)),
    })
}
