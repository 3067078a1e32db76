//! Elements of tensors as numbers of their own kind.

use std::cmp::Ordering;

use half::f16;
use tandem_engine::tensors::DataType;

/// An element, in a type that holds it exactly.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// 64 bits.
    Float(f64),
    /// Printed as the narrower type it is.
    Single(f32),
    /// Whole.
    Signed(i64),
    /// Whole, from 0 on.
    Unsigned(u64),
}

impl Number {
    /// NaN is less than everything.
    pub fn order(self, other: Self) -> Ordering {
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

    /// As people read it.
    pub fn text(self) -> String {
        match self {
            Self::Float(x) => x.to_string(),
            Self::Single(x) => x.to_string(),
            Self::Signed(x) => x.to_string(),
            Self::Unsigned(x) => x.to_string(),
        }
    }

    /// Rounded where it is a whole number beyond 2^53.
    pub fn rounded(self) -> f64 {
        match self {
            Self::Float(x) => x,
            Self::Single(x) => x.into(),
            Self::Signed(x) => x as f64,
            Self::Unsigned(x) => x as f64,
        }
    }
}

/// The elements of a tensor of numbers.
pub fn values(datatype: DataType, bytes: &[u8]) -> Vec<Number> {
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
