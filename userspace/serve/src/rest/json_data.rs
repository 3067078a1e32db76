//! Tensors as JSON: `data` of inputs, flat or nested, read straight into the tensor; outputs written.

use half::f16;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Number;
use serde_json::value::RawValue;
use tandem_engine::tensors::{Buffer, DataType, Tensor};

use crate::error::ServeError;
use crate::infer::tensor::Plan;

/// Whole numbers below this are exact as f64.
const EXACT: f64 = (1u64 << 53) as f64;

/// Reads the elements of an input.
///
/// # Errors
/// An element of another type or beyond its range, or not as many as the shape says.
pub fn read(plan: Plan, data: &RawValue) -> Result<Tensor, ServeError> {
    let text = data.get();
    // An element takes a character and a comma: a short text cannot ask for much memory.
    if text.len() / 2 + 1 < plan.count {
        return Err(plan.bad(format_args!(
            "shape {:?} has {} elements, its data is {} characters",
            plan.shape,
            plan.count,
            text.len()
        )));
    }
    let buffer = Buffer::zeroed(plan.bytes().unwrap_or(0));
    let mut sink = Sink { plan: &plan, buffer, strings: Vec::new(), count: 0 };
    let mut json = serde_json::Deserializer::from_str(text);
    Elements(&mut sink).deserialize(&mut json).map_err(|e| plan.bad(e))?;
    let Sink { buffer, strings, count, .. } = sink;
    if count != plan.count {
        return Err(plan.miscounted(count));
    }
    match plan.datatype {
        DataType::Bytes => plan.strings(strings),
        _ => plan.from_buffer(buffer),
    }
}

struct Sink<'a> {
    plan: &'a Plan,
    buffer: Buffer,
    strings: Vec<Vec<u8>>,
    count: usize,
}

impl Sink<'_> {
    fn place<const N: usize>(&mut self, bytes: Option<[u8; N]>) -> Result<(), String> {
        let bytes =
            bytes.ok_or_else(|| format!("an element is out of range of {}", self.name()))?;
        let at = self.count * N;
        match self.buffer.bytes_mut().get_mut(at..at + N) {
            Some(place) => place.copy_from_slice(&bytes),
            None => return Err(self.too_many()),
        }
        self.count += 1;
        Ok(())
    }

    fn name(&self) -> &'static str {
        self.plan.datatype.name()
    }

    fn too_many(&self) -> String {
        format!("there are more elements than shape {:?} has", self.plan.shape)
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} is no element of {}", self.name())
    }

    fn whole(&mut self, number: i128) -> Result<(), String> {
        macro_rules! as_type {
            ($type:ty) => {
                self.place(<$type>::try_from(number).ok().map(<$type>::to_le_bytes))
            };
        }
        match self.plan.datatype {
            DataType::Bool => self.place(u8::try_from(number).ok().filter(|x| *x < 2).map(|x| [x])),
            DataType::Int8 => as_type!(i8),
            DataType::Int16 => as_type!(i16),
            DataType::Int32 => as_type!(i32),
            DataType::Int64 => as_type!(i64),
            DataType::Uint8 => as_type!(u8),
            DataType::Uint16 => as_type!(u16),
            DataType::Uint32 => as_type!(u32),
            DataType::Uint64 => as_type!(u64),
            DataType::Fp16 | DataType::Fp32 | DataType::Fp64 => self.float(number as f64),
            DataType::Bytes => Err(self.wrong("a number")),
        }
    }

    fn float(&mut self, number: f64) -> Result<(), String> {
        match self.plan.datatype {
            DataType::Fp16 => {
                let number = f16::from_f64(number);
                self.place(Some(number).filter(|x| x.is_finite()).map(f16::to_le_bytes))
            }
            DataType::Fp32 => {
                let number = number as f32;
                self.place(Some(number).filter(|x| x.is_finite()).map(f32::to_le_bytes))
            }
            DataType::Fp64 => self.place(Some(number.to_le_bytes())),
            // JSON has one kind of number: 3.0 is 3, as some clients write it.
            DataType::Bytes => Err(self.wrong("a number")),
            _ if number.fract() == 0.0 && number.abs() < EXACT => self.whole(number as i128),
            _ => Err(self.wrong("a number with a fraction")),
        }
    }

    fn truth(&mut self, value: bool) -> Result<(), String> {
        match self.plan.datatype {
            DataType::Bool => self.place(Some([u8::from(value)])),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn text(&mut self, value: &str) -> Result<(), String> {
        if self.plan.datatype != DataType::Bytes {
            return Err(self.wrong("a text"));
        }
        if self.count == self.plan.count {
            return Err(self.too_many());
        }
        self.strings.push(value.as_bytes().to_vec());
        self.count += 1;
        Ok(())
    }
}

/// One element, or arrays of them.
struct Elements<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an element or an array of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while all.next_element_seed(Elements(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.truth(value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.whole(value.into()).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.whole(value.into()).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.float(value).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.text(value).map_err(E::custom)
    }

    /// A number, in programs where another crate turns serde_json's `arbitrary_precision` on (agentd is
    /// one): it comes as a map that only [`Number`] reads. An object is refused there as anywhere.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let number = Number::deserialize(MapAccessDeserializer::new(map))?;
        let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        let placed = match (whole, number.as_f64()) {
            (Some(whole), _) => self.0.whole(whole),
            (None, Some(float)) => self.0.float(float),
            (None, None) => Err(self.0.wrong(&number.to_string())),
        };
        placed.map_err(A::Error::custom)
    }
}

/// Numbers that are written as a JSON array.
pub struct Numbers<'a> {
    /// Element type.
    pub datatype: DataType,
    /// Elements.
    pub bytes: &'a [u8],
}

impl Numbers<'_> {
    /// Whether JSON can hold them: it has neither infinity nor NaN.
    pub fn are_finite(&self) -> bool {
        let bytes = self.bytes;
        match self.datatype {
            DataType::Fp16 => each(bytes, f16::from_le_bytes).all(|x| x.is_finite()),
            DataType::Fp32 => each(bytes, f32::from_le_bytes).all(|x| x.is_finite()),
            DataType::Fp64 => each(bytes, f64::from_le_bytes).all(|x| x.is_finite()),
            _ => true,
        }
    }
}

fn each<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |chunk| number(*chunk))
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes = self.bytes;
        match self.datatype {
            DataType::Bool => to.collect_seq(bytes.iter().map(|x| *x != 0)),
            DataType::Int8 => to.collect_seq(each(bytes, i8::from_le_bytes)),
            DataType::Int16 => to.collect_seq(each(bytes, i16::from_le_bytes)),
            DataType::Int32 => to.collect_seq(each(bytes, i32::from_le_bytes)),
            DataType::Int64 => to.collect_seq(each(bytes, i64::from_le_bytes)),
            DataType::Uint8 => to.collect_seq(bytes),
            DataType::Uint16 => to.collect_seq(each(bytes, u16::from_le_bytes)),
            DataType::Uint32 => to.collect_seq(each(bytes, u32::from_le_bytes)),
            DataType::Uint64 => to.collect_seq(each(bytes, u64::from_le_bytes)),
            DataType::Fp16 => to.collect_seq(each(bytes, |x| f16::from_le_bytes(x).to_f32())),
            DataType::Fp32 => to.collect_seq(each(bytes, f32::from_le_bytes)),
            DataType::Fp64 => to.collect_seq(each(bytes, f64::from_le_bytes)),
            DataType::Bytes => to.collect_seq(core::iter::empty::<u8>()),
        }
    }
}
