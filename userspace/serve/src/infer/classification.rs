//! The classification extension: the greatest elements of an output as `value:index[:label]`.

use std::cmp::Ordering;

use half::f16;
use tandem_engine::tensors::{DataType, OutputElements, OutputTensor};

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

/// An element, in a type that holds it exactly.
#[derive(Clone, Copy, Debug)]
enum Number {
    Float(f64),
    /// Printed as the narrower type it is.
    Single(f32),
    Signed(i64),
    Unsigned(u64),
}

impl Number {
    fn order(self, other: Self) -> Ordering {
        let floats = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        };
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => floats(a, b),
            (Self::Single(a), Self::Single(b)) => floats(a.into(), b.into()),
            (Self::Signed(a), Self::Signed(b)) => a.cmp(&b),
            (Self::Unsigned(a), Self::Unsigned(b)) => a.cmp(&b),
            // One tensor has one type.
            _ => Ordering::Equal,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Float(x) => x.to_string(),
            Self::Single(x) => x.to_string(),
            Self::Signed(x) => x.to_string(),
            Self::Unsigned(x) => x.to_string(),
        }
    }
}

fn values(datatype: DataType, bytes: &[u8]) -> Vec<Number> {
    fn of<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> Number) -> Vec<Number> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| number(*chunk)).collect()
    }
    match datatype {
        DataType::Bool | DataType::Uint8 => of(bytes, |[x]| Number::Unsigned(x.into())),
        DataType::Int8 => of(bytes, |x| Number::Signed(i8::from_le_bytes(x).into())),
        DataType::Int16 => of(bytes, |x| Number::Signed(i16::from_le_bytes(x).into())),
        DataType::Int32 => of(bytes, |x| Number::Signed(i32::from_le_bytes(x).into())),
        DataType::Int64 => of(bytes, |x| Number::Signed(i64::from_le_bytes(x))),
        DataType::Uint16 => of(bytes, |x| Number::Unsigned(u16::from_le_bytes(x).into())),
        DataType::Uint32 => of(bytes, |x| Number::Unsigned(u32::from_le_bytes(x).into())),
        DataType::Uint64 => of(bytes, |x| Number::Unsigned(u64::from_le_bytes(x))),
        DataType::Fp16 => of(bytes, |x| Number::Single(f16::from_le_bytes(x).to_f32())),
        DataType::Fp32 => of(bytes, |x| Number::Single(f32::from_le_bytes(x))),
        DataType::Fp64 => of(bytes, |x| Number::Float(f64::from_le_bytes(x))),
        DataType::Bytes => Vec::new(),
    }
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
