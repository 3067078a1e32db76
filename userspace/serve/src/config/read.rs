//! From the tree of a text to a configuration.

use tandem_engine::tensors::DataType;

use super::text::{Field, TextError, Value};
use super::{ConfigTensor, MAX_INSTANCES, ModelConfig, VersionPolicy, config_name, scheduling};

pub(super) type Result<T> = core::result::Result<T, TextError>;

pub(super) fn refuse<T>(field: &Field, reason: impl std::fmt::Display) -> Result<T> {
    Err(TextError { place: field.place, reason: format!("{}: {reason}", field.name) })
}

pub(super) fn unknown<T>(field: &Field, known: &str) -> Result<T> {
    refuse(field, format_args!("this field is not honoured here; those that are: {known}"))
}

pub(super) fn config(fields: &[Field]) -> Result<ModelConfig> {
    let mut config = ModelConfig::default();
    once(fields, &["input", "output"])?;
    let mut batching = None;
    for field in fields {
        match field.name.as_str() {
            "name" => config.name = Some(text(field)?),
            "platform" => one_of(field, &["onnxruntime_onnx"])?,
            "backend" => one_of(field, &["onnxruntime"])?,
            "default_model_filename" => one_of(field, &["model.onnx"])?,
            "max_batch_size" => config.max_batch_size = number(field, 0, 65_536)? as u32,
            "input" => config.input.extend(tensors(field, false)?),
            "output" => config.output.extend(tensors(field, true)?),
            "version_policy" => config.version_policy = version_policy(field)?,
            "instance_group" => config.instances = instances(field)?,
            "dynamic_batching" => batching = Some(field),
            _ => {
                return unknown(
                    field,
                    "name, platform, backend, default_model_filename, max_batch_size, input, \
                     output, version_policy, instance_group, dynamic_batching",
                );
            }
        }
    }
    if let Some(field) = batching {
        scheduling::read(field, &mut config)?;
    }
    Ok(config)
}

/// Refuses a field that comes twice, but for the repeated ones.
pub(super) fn once(fields: &[Field], repeated: &[&str]) -> Result<()> {
    for (index, field) in fields.iter().enumerate() {
        let again = fields[..index].iter().any(|before| before.name == field.name);
        if again && !repeated.contains(&field.name.as_str()) {
            return refuse(field, "it is given twice");
        }
    }
    Ok(())
}

fn text(field: &Field) -> Result<String> {
    match &field.value {
        Value::Text(bytes) => match String::from_utf8(bytes.clone()) {
            Ok(text) => Ok(text),
            Err(_) => refuse(field, "it is not UTF-8"),
        },
        _ => refuse(field, "a text in quotes should be here"),
    }
}

fn one_of(field: &Field, known: &[&str]) -> Result<()> {
    let have = text(field)?;
    match have.is_empty() || known.contains(&have.as_str()) {
        true => Ok(()),
        false => refuse(field, format_args!("{have:?} is not one of {known:?}")),
    }
}

pub(super) fn word(field: &Field) -> Result<&str> {
    match &field.value {
        Value::Word(word) => Ok(word),
        _ => refuse(field, "a number or word should be here"),
    }
}

fn in_range(field: &Field, word: &str, least: i64, most: i64) -> Result<i64> {
    match word.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => refuse(field, format_args!("{word:?} is no number from {least} to {most}")),
    }
}

pub(super) fn number(field: &Field, least: i64, most: i64) -> Result<i64> {
    in_range(field, word(field)?, least, most)
}

/// A repeated field holds one number or a list of them.
pub(super) fn numbers(field: &Field, least: i64, most: i64) -> Result<Vec<i64>> {
    match &field.value {
        Value::List(values) => values
            .iter()
            .map(|value| match value {
                Value::Word(word) => in_range(field, word, least, most),
                _ => refuse(field, "numbers should be here"),
            })
            .collect(),
        _ => Ok(vec![number(field, least, most)?]),
    }
}

pub(super) fn truth(field: &Field) -> Result<bool> {
    match word(field)? {
        "true" | "True" | "t" | "1" => Ok(true),
        "false" | "False" | "f" | "0" => Ok(false),
        other => refuse(field, format_args!("{other:?} is neither true nor false")),
    }
}

pub(super) fn message(field: &Field) -> Result<&[Field]> {
    match &field.value {
        Value::Message(fields) => Ok(fields),
        _ => refuse(field, "a message in braces should be here"),
    }
}

/// A repeated message is one or a list of them.
fn messages(field: &Field) -> Result<Vec<&[Field]>> {
    match &field.value {
        Value::List(values) => values
            .iter()
            .map(|value| match value {
                Value::Message(fields) => Ok(&fields[..]),
                _ => refuse(field, "messages in braces should be here"),
            })
            .collect(),
        _ => Ok(vec![message(field)?]),
    }
}

fn tensors(field: &Field, output: bool) -> Result<Vec<ConfigTensor>> {
    messages(field)?.into_iter().map(|fields| tensor(field, fields, output)).collect()
}

fn tensor(parent: &Field, fields: &[Field], output: bool) -> Result<ConfigTensor> {
    let (mut name, mut datatype, mut dims, mut label_filename) = (None, None, None, None);
    once(fields, &["dims"])?;
    for field in fields {
        match field.name.as_str() {
            "name" => name = Some(text(field)?),
            "data_type" => datatype = Some(data_type(field)?),
            "dims" => {
                let more = numbers(field, -1, i64::from(i32::MAX))?;
                dims.get_or_insert_with(Vec::new).extend(more);
            }
            "label_filename" if output => label_filename = Some(file_name(field)?),
            _ if output => return unknown(field, "name, data_type, dims, label_filename"),
            _ => return unknown(field, "name, data_type, dims"),
        }
    }
    match (name, datatype, dims) {
        (Some(name), Some(datatype), Some(dims)) => {
            Ok(ConfigTensor { name, datatype, dims, label_filename })
        }
        _ => refuse(parent, "it needs name, data_type and dims"),
    }
}

fn data_type(field: &Field) -> Result<DataType> {
    let have = word(field)?;
    let found = DataType::ALL.iter().find(|(kind, _)| config_name(*kind) == have);
    match found {
        Some((kind, _)) => Ok(*kind),
        None => refuse(field, format_args!("{have:?} is no type such as TYPE_FP32")),
    }
}

/// A name of a file in the model's own folder.
fn file_name(field: &Field) -> Result<String> {
    let name = text(field)?;
    match name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        true => refuse(field, format_args!("{name:?} is no plain name of a file")),
        false => Ok(name),
    }
}

fn version_policy(field: &Field) -> Result<VersionPolicy> {
    let [choice] = message(field)? else {
        return refuse(field, "it needs one of latest, all, specific");
    };
    let inside = message(choice)?;
    once(inside, &["versions"])?;
    match choice.name.as_str() {
        "latest" => {
            let mut count = 1;
            for field in inside {
                match field.name.as_str() {
                    "num_versions" => count = number(field, 1, 1_000)? as u32,
                    _ => return unknown(field, "num_versions"),
                }
            }
            Ok(VersionPolicy::Latest(count))
        }
        "all" => match inside.first() {
            Some(field) => unknown(field, "none"),
            None => Ok(VersionPolicy::All),
        },
        "specific" => {
            let mut versions = Vec::new();
            for field in inside {
                match field.name.as_str() {
                    "versions" => versions.extend(
                        numbers(field, 1, i64::from(i32::MAX))?.into_iter().map(|n| n as u64),
                    ),
                    _ => return unknown(field, "versions"),
                }
            }
            match versions.is_empty() {
                true => refuse(choice, "it names no version"),
                false => Ok(VersionPolicy::Specific(versions)),
            }
        }
        _ => unknown(choice, "latest, all, specific"),
    }
}

fn instances(field: &Field) -> Result<u32> {
    let groups = messages(field)?;
    let [group] = groups[..] else {
        return refuse(field, "one group of instances is honoured");
    };
    once(group, &[])?;
    let mut count = 1;
    for field in group {
        match field.name.as_str() {
            "count" => count = number(field, 1, i64::from(MAX_INSTANCES))? as u32,
            "name" => drop(text(field)?),
            "kind" => match word(field)? {
                "KIND_CPU" | "KIND_AUTO" => {}
                other => return refuse(field, format_args!("{other} is not here, KIND_CPU is")),
            },
            _ => return unknown(field, "name, count, kind"),
        }
    }
    Ok(count)
}
