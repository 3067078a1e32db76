//! The kernel itself.
//!
//! Sums wrap nowhere: at most [`MAX_TAPS`](super::MAX_TAPS) products of magnitude 255 * 128 are
//! below 2^30, and a mean has at most 2^20 differences of 255.

use super::{Layer, Op, REQUANT_BYTES, Requant, SliceError};

/// Runs one layer. Tensors are bytes in two's complement; `params` is the parameter block (see
/// [`Layer::params_bytes`]). Writes the first `output_bytes()` of `output`.
pub fn run(
    layer: &Layer,
    params: &[u8],
    input: &[u8],
    output: &mut [u8],
) -> Result<(), SliceError> {
    layer.validate()?;
    let params = long_enough("params", params, layer.params_bytes())?;
    let input = long_enough("input", input, layer.input_bytes())?;
    let (need, have) = (layer.output_bytes(), output.len());
    let short = SliceError::Short { buffer: "output", have, need };
    let output = output.get_mut(..need).ok_or(short)?;
    let (requants, weights) = params.split_at(layer.requants() * REQUANT_BYTES);
    let requants = requants.as_chunks::<REQUANT_BYTES>().0;
    if requants.iter().any(|bytes| Requant::from_bytes(bytes).is_none()) {
        return Err(SliceError::Range("params"));
    }
    let requant = |channel: usize| {
        let bytes = requants.get(channel).or(requants.first());
        bytes.and_then(Requant::from_bytes).unwrap_or(KEEP)
    };
    match layer.op {
        Op::Dense => mix(layer, &requant, weights, input, output),
        Op::Pointwise => places(layer, output, |x, y, pixel| {
            let at = (y * usize::from(layer.width) + x) * usize::from(layer.channels);
            mix(layer, &requant, weights, &input[at..][..usize::from(layer.channels)], pixel);
        }),
        Op::Depthwise => places(layer, output, |x, y, pixel| {
            for (c, byte) in pixel.iter_mut().enumerate() {
                let sum = nine(layer, input, &weights[9 * c..][..9], x, y, c);
                *byte = requant(c).byte(sum, layer) as u8;
            }
        }),
        Op::MaxPool => places(layer, output, |x, y, pixel| {
            for (c, byte) in pixel.iter_mut().enumerate() {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let four = four.map(|(dx, dy)| at(layer, input, 2 * x + dx, 2 * y + dy, c));
                let most = four.into_iter().fold(i8::MIN, i8::max);
                *byte = most.clamp(layer.low, layer.high) as u8;
            }
        }),
        Op::MeanPool => {
            for (c, byte) in output.iter_mut().enumerate() {
                let channel = input.iter().skip(c).step_by(usize::from(layer.channels));
                let sum = channel.map(|byte| difference(*byte, layer)).sum();
                *byte = requant(c).byte(sum, layer) as u8;
            }
        }
    }
    Ok(())
}

/// Stands where a layer has no [`Requant`] and asks for none.
const KEEP: Requant = Requant { bias: 0, multiplier: 0, shift: 0 };

fn long_enough<'a>(
    buffer: &'static str,
    bytes: &'a [u8],
    need: usize,
) -> Result<&'a [u8], SliceError> {
    bytes.get(..need).ok_or(SliceError::Short { buffer, have: bytes.len(), need })
}

/// Every output place with the top left input place that it stands for (half of it for a maximum).
fn places(layer: &Layer, output: &mut [u8], mut place: impl FnMut(usize, usize, &mut [u8])) {
    let [width, _, channels] = layer.output_shape();
    let stride = usize::from(layer.stride);
    for (i, pixel) in output.chunks_exact_mut(channels).enumerate() {
        place(i % width * stride, i / width * stride, pixel);
    }
}

fn difference(byte: u8, layer: &Layer) -> i32 {
    i32::from(byte as i8) - i32::from(layer.zero_in)
}

/// Every output channel from all of `inputs`.
fn mix(
    layer: &Layer,
    requant: &impl Fn(usize) -> Requant,
    weights: &[u8],
    inputs: &[u8],
    outputs: &mut [u8],
) {
    for (c, (byte, weights)) in
        outputs.iter_mut().zip(weights.chunks_exact(inputs.len())).enumerate()
    {
        let products = inputs.iter().zip(weights).map(|(input, weight)| {
            difference(*input, layer).wrapping_mul(i32::from(*weight as i8))
        });
        let sum = products.fold(0i32, i32::wrapping_add);
        *byte = requant(c).byte(sum, layer) as u8;
    }
}

fn at(layer: &Layer, input: &[u8], x: usize, y: usize, c: usize) -> i8 {
    let place = y * usize::from(layer.width) + x;
    input[place * usize::from(layer.channels) + c] as i8
}

/// 3 x 3 around `(x, y)`; what lies outside counts nothing, as `zero_in` does.
fn nine(layer: &Layer, input: &[u8], weights: &[u8], x: usize, y: usize, c: usize) -> i32 {
    let mut sum = 0;
    for (k, weight) in weights.iter().enumerate() {
        let (column, row) = ((x + k % 3).wrapping_sub(1), (y + k / 3).wrapping_sub(1));
        if column < usize::from(layer.width) && row < usize::from(layer.height) {
            let value = at(layer, input, column, row, c) as u8;
            sum += difference(value, layer) * i32::from(*weight as i8);
        }
    }
    sum
}
