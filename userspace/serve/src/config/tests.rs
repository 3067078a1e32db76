use proptest::prelude::*;
use tandem_engine::tensors::DataType;

use super::{BatchPolicy, ModelConfig, QueuePolicy, VersionPolicy};

const WHOLE: &str = r#"
# a comment
name: "sum"
platform: "onnxruntime_onnx"
backend: 'onnx' 'runtime'
max_batch_size: 8
input [
  { name: "A" data_type: TYPE_INT32 dims: [ 16 ] },
  { name: "B", data_type: TYPE_INT32, dims: 4, dims: -1 }
]
output { name: "S"; data_type: TYPE_STRING; dims: [ ]; label_filename: "labels.txt" }
version_policy: { specific { versions: [ 1, 3 ] } }
instance_group [ { count: 2 kind: KIND_CPU } ]
dynamic_batching <
  preferred_batch_size: [ 2, 4 ]
  preferred_batch_size: 8
  max_queue_delay_microseconds: 500
  priority_levels: 4
  default_priority_level: 3
  default_queue_policy {
    timeout_action: REJECT
    default_timeout_microseconds: 5000
    allow_timeout_override: true
    max_queue_size: 7
  }
>
"#;

#[test]
fn every_honoured_field_is_read() {
    let config = ModelConfig::parse(WHOLE).unwrap();
    assert_eq!(config.name.as_deref(), Some("sum"));
    assert_eq!(config.max_batch_size, 8);
    assert_eq!(config.input[1].dims, [4, -1]);
    assert_eq!(config.input[1].datatype, DataType::Int32);
    assert_eq!(config.output[0].datatype, DataType::Bytes);
    assert_eq!(config.output[0].label_filename.as_deref(), Some("labels.txt"));
    assert_eq!(config.version_policy, VersionPolicy::Specific(vec![1, 3]));
    assert_eq!(config.instances, 2);
    let queue = QueuePolicy {
        priority_levels: 4,
        default_priority_level: 3,
        default_timeout_microseconds: 5000,
        allow_timeout_override: true,
        max_queue_size: 7,
    };
    assert_eq!(config.queue, queue);
    let batches =
        BatchPolicy { preferred_batch_size: vec![2, 4, 8], max_queue_delay_microseconds: 500 };
    assert_eq!(config.dynamic_batching, Some(batches));
    assert_eq!(config.batching().unwrap().most, 8);
    assert!(ModelConfig::parse("dynamic_batching { }").unwrap().batching().is_none());
    assert!(ModelConfig::parse("max_batch_size: 2").unwrap().batching().is_none());
    let delayed = "dynamic_batching { max_queue_delay_microseconds: 9 } max_batch_size: 2";
    assert!(ModelConfig::parse(delayed).unwrap().batching().is_some());
    assert_eq!(ModelConfig::parse("").unwrap(), ModelConfig::default());
}

#[test]
fn what_is_not_honoured_is_refused_by_name_line_and_column() {
    let cases = [
        ("name: \"a\"\n  optimization { }", "line 2, column 3: optimization: "),
        ("input { name: \"a\" reshape { } }", "line 1, column 19: reshape: "),
        ("dynamic_batching { preferred_batch_size: 4 }", "column 20: preferred_batch_size: "),
        ("dynamic_batching { max_queue_delay_microseconds: 4 }", "without a max_batch_size"),
        ("max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }", "from 1 to 4"),
        ("dynamic_batching { preserve_ordering: true }", "column 20: preserve_ordering: this"),
        ("dynamic_batching { priority_queue_policy { } }", "priority_queue_policy: this field"),
        ("instance_group { kind: KIND_GPU }", "column 18: kind: KIND_GPU"),
        ("backend: \"tensorrt\"", "backend: \"tensorrt\""),
        ("max_batch_size: -1", "max_batch_size: \"-1\" is no number from 0"),
        ("max_batch_size: 1\nmax_batch_size: 2", "line 2, column 1: max_batch_size: it is given"),
        ("input { name: \"a\" }", "input: it needs"),
        ("output { label_filename: \"../x\" }", "no plain name"),
        ("version_policy { latest { } all { } }", "version_policy: it needs one of"),
        ("version_policy { specific { } }", "specific: it names no version"),
        ("dynamic_batching { priority_levels: 2 default_priority_level: 3 }", "above"),
        ("name \"a\"", "name is followed by neither"),
        ("name: \"a", "not closed"),
        ("name:", "a value should be here"),
        ("input {", "ends before '}'"),
        ("input [ { } ", "',' or ']'"),
        ("}", "a field's name"),
        ("é: 1", "line 1, column 1"),
    ];
    for (text, said) in cases {
        let error = ModelConfig::parse(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text:?}: {error}");
    }
    let deep = "a{".repeat(1000);
    assert!(ModelConfig::parse(&deep).unwrap_err().to_string().contains("too deep"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(name|input|dims|[a-z_]{1,4}|[ :,{}\\[\\]<>\"'#\\\\\n0-9-]){0,60}") {
        let _ = ModelConfig::parse(&text);
    }
}
