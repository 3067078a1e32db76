//! `dynamic_batching`: how requests wait and become batches.

use super::read::{Result, message, number, numbers, once, refuse, truth, unknown, word};
use super::text::Field;
use super::{
    BatchPolicy, MAX_PREFERRED, MAX_PRIORITY_LEVELS, MAX_QUEUE, MAX_QUEUE_DELAY, ModelConfig,
    QueuePolicy,
};

/// Reads the field; the rest of the configuration is known.
pub(super) fn read(field: &Field, config: &mut ModelConfig) -> Result<()> {
    let mut queue = QueuePolicy::default();
    let mut batches = BatchPolicy::default();
    let fields = message(field)?;
    once(fields, &["preferred_batch_size"])?;
    let mut level = None;
    for field in fields {
        let most = MAX_PRIORITY_LEVELS as i64;
        match field.name.as_str() {
            "preferred_batch_size" => preferred(field, config, &mut batches)?,
            "max_queue_delay_microseconds" => {
                has_batch(field, config)?;
                let delay = number(field, 0, MAX_QUEUE_DELAY as i64)?;
                batches.max_queue_delay_microseconds = delay as u64;
            }
            "priority_levels" => queue.priority_levels = number(field, 1, most)? as u64,
            "default_priority_level" => level = Some((field, number(field, 1, most)? as u64)),
            "default_queue_policy" => queue_policy(field, &mut queue)?,
            _ => {
                return unknown(
                    field,
                    "preferred_batch_size, max_queue_delay_microseconds, priority_levels, \
                     default_priority_level, default_queue_policy",
                );
            }
        }
    }
    queue.default_priority_level = match level {
        Some((field, level)) if level > queue.priority_levels => {
            return refuse(field, format_args!("{level} is above priority_levels"));
        }
        Some((_, level)) => level,
        None => queue.priority_levels.div_ceil(2),
    };
    config.queue = queue;
    config.dynamic_batching = Some(batches);
    Ok(())
}

fn has_batch(field: &Field, config: &ModelConfig) -> Result<()> {
    match config.max_batch_size {
        0 => refuse(field, "there are no batches without a max_batch_size"),
        _ => Ok(()),
    }
}

fn preferred(field: &Field, config: &ModelConfig, batches: &mut BatchPolicy) -> Result<()> {
    has_batch(field, config)?;
    // None is above the largest batch.
    let sizes = numbers(field, 1, i64::from(config.max_batch_size))?;
    batches.preferred_batch_size.extend(sizes.into_iter().map(|size| size as u32));
    match batches.preferred_batch_size.len() > MAX_PREFERRED {
        true => refuse(field, format_args!("{MAX_PREFERRED} sizes at most")),
        false => Ok(()),
    }
}

fn queue_policy(field: &Field, policy: &mut QueuePolicy) -> Result<()> {
    let fields = message(field)?;
    once(fields, &[])?;
    // As the field's own default has it.
    policy.allow_timeout_override = false;
    for field in fields {
        match field.name.as_str() {
            "timeout_action" => match word(field)? {
                "REJECT" => {}
                other => return refuse(field, format_args!("{other} is not honoured, REJECT is")),
            },
            "default_timeout_microseconds" => {
                policy.default_timeout_microseconds = number(field, 0, i64::MAX)? as u64;
            }
            "allow_timeout_override" => policy.allow_timeout_override = truth(field)?,
            "max_queue_size" => {
                policy.max_queue_size = number(field, 1, i64::from(MAX_QUEUE))? as u32;
            }
            _ => {
                return unknown(
                    field,
                    "timeout_action, default_timeout_microseconds, allow_timeout_override, \
                     max_queue_size",
                );
            }
        }
    }
    Ok(())
}
