//! The classification extension: the greatest elements of an output as `value:index[:label]`.

use tandem_engine::tensors::{DataType, OutputElements, OutputTensor};

use super::number::{Number, values};
use crate::error::ServeError;
use crate::model::Interface;

/// Replaces an output by its `count` greatest elements, for each of a batch where the model has one.
///
/// # Errors
/// Strings have no order.
pub fn classify(
    model: &Interface,
    index: usize,
    output: OutputTensor,
    count: usize,
) -> Result<OutputTensor, ServeError> {
    let name = &model.outputs[index].name;
    let OutputElements::Numbers(bytes) = &output.elements else {
        let why = format!("Output {name:?} is of strings, which have no greatest");
        return Err(ServeError::invalid(why));
    };
    let values = values(output.datatype, (**bytes).as_ref());
    let batched = model.config.max_batch_size > 0;
    let batch = if batched { output.shape.first().copied().unwrap_or(1) } else { 1 };
    let classes = values.len().checked_div(batch).unwrap_or(0);
    let count = count.min(classes);
    let labels = model.labels[index].as_deref().unwrap_or_default();
    let mut strings = Vec::with_capacity(batch * count);
    for row in values.chunks(classes.max(1)) {
        for class in greatest(row, count) {
            let text = row[class].text();
            strings.push(match labels.get(class) {
                Some(label) => format!("{text}:{class}:{label}").into_bytes(),
                None => format!("{text}:{class}").into_bytes(),
            });
        }
    }
    let shape = if batched { vec![batch, count] } else { vec![count] };
    let elements = OutputElements::Strings(strings);
    Ok(OutputTensor { datatype: DataType::Bytes, shape, elements })
}

/// Indices of the greatest, greatest first; of equal ones the lower index, NaN last.
fn greatest(row: &[Number], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].order(row[*a]));
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::{greatest, values};
    use tandem_engine::tensors::DataType;

    #[test]
    fn greatest_first_equal_ones_in_order_nan_last() {
        let bytes: Vec<u8> = [1.0f32, 10.0, f32::NAN, 5.0, 10.0, -1.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let row = values(DataType::Fp32, &bytes);
        assert_eq!(greatest(&row, 9), [1, 4, 3, 0, 5, 2]);
        let row = values(DataType::Int8, &[0xFF, 0, 0x7F]);
        assert_eq!(greatest(&row, 2), [2, 1]);
        assert_eq!(row[0].text(), "-1");
    }
}
