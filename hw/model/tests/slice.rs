//! The int8 layers against the definition in real numbers, taken output by output.

use proptest::prelude::*;
use tandem_model::slice::*;

/// A layer with its bytes.
#[derive(Clone, Debug)]
struct Case {
    layer: Layer,
    requants: Vec<Requant>,
    weights: Vec<i8>,
    input: Vec<i8>,
}

impl Case {
    fn params(&self) -> Vec<u8> {
        let records = self.requants.iter().flat_map(|requant| requant.to_bytes());
        records.chain(self.weights.iter().map(|weight| *weight as u8)).collect()
    }

    fn run(&self) -> Vec<i8> {
        let input: Vec<u8> = self.input.iter().map(|byte| *byte as u8).collect();
        let mut output = vec![0x5a; self.layer.output_bytes() + 3];
        run(&self.layer, &self.params(), &input, &mut output).unwrap();
        let beyond = output.split_off(self.layer.output_bytes());
        assert_eq!(beyond, [0x5a; 3], "wrote beyond its tensor");
        output.into_iter().map(|byte| byte as i8).collect()
    }

    /// Input at a place that may lie outside: `None`.
    fn at(&self, x: i64, y: i64, c: usize) -> Option<i64> {
        let (w, h) = (i64::from(self.layer.width), i64::from(self.layer.height));
        let inside = (0..w).contains(&x) && (0..h).contains(&y);
        let index = || (y * w + x) as usize * usize::from(self.layer.channels) + c;
        inside.then(|| i64::from(self.input[index()]))
    }

    fn real(&self, x: i64, y: i64, c: usize) -> i128 {
        self.at(x, y, c).map_or(0, |byte| i128::from(byte - i64::from(self.layer.zero_in)))
    }

    /// `floor(sum * multiplier / 2^(31 + shift) + 1/2)` by division, and the clamps.
    fn byte(&self, sum: i128, c: usize) -> i8 {
        let Requant { bias, multiplier, shift } = self.requants[c.min(self.requants.len() - 1)];
        let unit = 1i128 << (31 + shift);
        let product = (sum + i128::from(bias)) * i128::from(multiplier);
        let rounded = (2 * product + unit).div_euclid(2 * unit);
        let byte = rounded + i128::from(self.layer.zero_out);
        byte.clamp(self.layer.low.into(), self.layer.high.into()) as i8
    }

    fn expected(&self) -> Vec<i8> {
        let Layer { op, width, height, channels, channels_out, stride, low, high, .. } = self.layer;
        let (w, h, s) = (i64::from(width), i64::from(height), i64::from(stride));
        let (channels, out) = (usize::from(channels), usize::from(channels_out));
        let weight = |c: usize, k: usize| i128::from(self.weights[c * self.layer.taps() + k]);
        let all = || (0..h).flat_map(move |y| (0..w).map(move |x| (x, y)));
        let each = |columns: i64, rows: i64, value: &dyn Fn(i64, i64, usize) -> i8| {
            let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
            places.flat_map(|(x, y)| (0..out).map(move |c| value(x, y, c))).collect::<Vec<_>>()
        };
        let (columns, rows) = ((w + s - 1) / s, (h + s - 1) / s);
        match op {
            Op::Dense => each(1, 1, &|_, _, c| {
                let inputs = all().flat_map(|(x, y)| (0..channels).map(move |i| (x, y, i)));
                let products =
                    inputs.enumerate().map(|(k, (x, y, i))| self.real(x, y, i) * weight(c, k));
                self.byte(products.sum(), c)
            }),
            Op::Pointwise => each(columns, rows, &|x, y, c| {
                let products = (0..channels).map(|i| self.real(x * s, y * s, i) * weight(c, i));
                self.byte(products.sum(), c)
            }),
            Op::Depthwise => each(columns, rows, &|x, y, c| {
                let taps = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
                let product = |(k, (dx, dy))| self.real(x * s + dx, y * s + dy, c) * weight(c, k);
                self.byte(taps.enumerate().map(product).sum(), c)
            }),
            Op::MaxPool => each(w / 2, h / 2, &|x, y, c| {
                let four = [(0, 0), (0, 1), (1, 0), (1, 1)];
                let four = four.iter().filter_map(|(dx, dy)| self.at(2 * x + dx, 2 * y + dy, c));
                four.max().unwrap().clamp(low.into(), high.into()) as i8
            }),
            Op::MeanPool => {
                each(1, 1, &|_, _, c| self.byte(all().map(|(x, y)| self.real(x, y, c)).sum(), c))
            }
        }
    }
}

prop_compose! {
    fn shapes()(
        op in prop::sample::select(vec![
            Op::Dense, Op::Pointwise, Op::Depthwise, Op::MaxPool, Op::MeanPool,
        ]),
        width in 1u16..=9, height in 1u16..=9, channels in 1u16..=7, channels_out in 1u16..=7,
        stride in 1u8..=2, zeros in any::<(i8, i8)>(), limits in any::<(i8, i8)>(), wide in any::<bool>(),
    ) -> Layer {
        let mixes = matches!(op, Op::Dense | Op::Pointwise);
        let strides = matches!(op, Op::Pointwise | Op::Depthwise);
        let least = if op == Op::MaxPool { 2 } else { 1 };
        let limits = if wide { (i8::MIN, i8::MAX) } else { limits };
        Layer {
            op,
            width: width.max(least),
            height: height.max(least),
            channels,
            channels_out: if mixes { channels_out } else { channels },
            stride: if strides { stride } else { 1 },
            zero_in: zeros.0,
            zero_out: if op == Op::MaxPool { zeros.0 } else { zeros.1 },
            low: limits.0.min(limits.1),
            high: limits.0.max(limits.1),
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let requant = (any::<i16>(), 0..=i32::MAX, 0..=12u8)
        .prop_map(|(bias, multiplier, shift)| Requant { bias: bias.into(), multiplier, shift });
    shapes().prop_flat_map(move |layer| {
        let weights = layer.taps() * usize::from(layer.channels_out);
        (
            prop::collection::vec(requant.clone(), layer.requants()),
            prop::collection::vec(any::<i8>(), weights),
            prop::collection::vec(any::<i8>(), layer.input_bytes()),
        )
            .prop_map(move |(requants, weights, input)| Case {
                layer,
                requants,
                weights,
                input,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_layer_is_its_definition(case in cases()) {
        prop_assert_eq!(case.run(), case.expected());
    }

    #[test]
    fn buffers_that_are_too_short_are_named(case in cases(), cut in 1usize..4) {
        let input: Vec<u8> = case.input.iter().map(|byte| *byte as u8).collect();
        let (params, mut output) = (case.params(), vec![0; case.layer.output_bytes()]);
        let named = |result| match result {
            Err(SliceError::Short { buffer, have, need }) => Some((buffer, need - have)),
            _ => None,
        };
        let cut_of = |bytes: &[u8]| cut.min(bytes.len());
        let short = &input[..input.len() - cut_of(&input)];
        prop_assert_eq!(named(run(&case.layer, &params, short, &mut output)), Some(("input", cut_of(&input))));
        if !params.is_empty() {
            let short = &params[..params.len() - cut_of(&params)];
            let seen = named(run(&case.layer, short, &input, &mut output));
            prop_assert_eq!(seen, Some(("params", cut_of(&params))));
        }
        let cut = cut_of(&output);
        let end = output.len() - cut;
        prop_assert_eq!(named(run(&case.layer, &params, &input, &mut output[..end])), Some(("output", cut)));
    }
}

/// The greatest sums that the limits allow: nothing wraps.
#[test]
fn the_greatest_sums_fit() {
    for (input, zero_in, weight) in [(-128, 127, -128), (127, -128, -128), (127, -128, 127)] {
        let layer = Layer {
            op: Op::Dense,
            width: 128,
            height: 128,
            channels: 1,
            channels_out: 1,
            stride: 1,
            zero_in,
            zero_out: 0,
            low: -128,
            high: 127,
        };
        assert_eq!(layer.taps(), MAX_TAPS);
        for bias in [-MAX_BIAS, MAX_BIAS] {
            for shift in [0, MAX_SHIFT] {
                let requants = vec![Requant { bias, multiplier: i32::MAX, shift }];
                let (weights, input) = (vec![weight; MAX_TAPS], vec![input; MAX_TAPS]);
                let case = Case { layer, requants, weights, input };
                assert_eq!(case.run(), case.expected());
            }
        }
    }
}

#[test]
fn what_the_kernel_cannot_do_is_refused_by_name() {
    let good = Layer {
        op: Op::Pointwise,
        width: 4,
        height: 4,
        channels: 2,
        channels_out: 3,
        stride: 2,
        zero_in: 0,
        zero_out: 0,
        low: -128,
        high: 127,
    };
    good.validate().unwrap();
    let cases = [
        (Layer { width: 0, ..good }, "width"),
        (Layer { height: MAX_SIDE + 1, ..good }, "height"),
        (Layer { channels: 0, ..good }, "channels"),
        (Layer { channels_out: MAX_CHANNELS + 1, ..good }, "channels_out"),
        (Layer { op: Op::Depthwise, ..good }, "channels_out"),
        (Layer { stride: 3, ..good }, "stride"),
        (Layer { op: Op::Dense, ..good }, "stride"),
        (Layer { low: 5, high: 4, ..good }, "low"),
        (Layer { op: Op::Dense, stride: 1, width: 1024, height: 16, ..good }, "channels"),
        (Layer { op: Op::MaxPool, stride: 1, channels: 3, width: 1, ..good }, "width"),
        (Layer { op: Op::MaxPool, stride: 1, channels: 3, zero_in: 1, ..good }, "zero_out"),
    ];
    for (layer, field) in cases {
        assert_eq!(layer.validate(), Err(SliceError::Range(field)), "{layer:?}");
    }
    let mut params = vec![0; good.params_bytes()];
    let (input, mut output) = ([0; 32], [0; 12]);
    for (at, value) in [(3, 0x7f), (7, 0x80), (8, MAX_SHIFT + 1), (9, 1)] {
        params[at] = value;
        let refused = run(&good, &params, &input, &mut output);
        assert_eq!(refused, Err(SliceError::Range("params")), "byte {at}");
        params[at] = 0;
    }
    run(&good, &params, &input, &mut output).unwrap();
}
