//! `tandem_slice` against the model: random layers, sizes and stalls, refusals, wrong lengths, resets.
//!
//! `TANDEM_RTL_CASES` is the number of jobs of each build, `TANDEM_RTL_FIRST` the first seed.

use tandem_model::slice::{Layer, MAX_BIAS, Op, Requant, SliceError, run};
use tandem_regs::slice::offset;
use tandem_rtl::{Bins, Kernel, Rng, SinkId, SourceId, Stall, cases, first};

const BUILDS: [(&str, usize); 2] = [("slice_8", 16 << 10), ("slice_16", 64 << 10)];
const OPS: [Op; 5] = [Op::Dense, Op::Pointwise, Op::Depthwise, Op::MaxPool, Op::MeanPool];

const OK: u32 = 0;
const REFUSED_PARAMS: u32 = 1;
const REFUSED_BLOCK: u32 = 2;
const SHORT_INPUT: u32 = 3;
const TOO_LARGE: u32 = 4;

struct Bench {
    kernel: Kernel,
    source: SourceId,
    sink: SinkId,
    jobs: u32,
}

impl Bench {
    fn new(name: &str, seed: u64) -> Self {
        let mut kernel = Kernel::load(name, seed);
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        kernel.reset();
        Self { kernel, source, sink, jobs: 0 }
    }

    fn write(&mut self, layer: &Layer) {
        let byte = |value: i8| u32::from(value.cast_unsigned());
        let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        for (at, value) in [
            (offset::OP, layer.op as u32 | u32::from(layer.stride) << 8),
            (offset::SIZE, pair(layer.width, layer.height)),
            (offset::CHANNELS, pair(layer.channels, layer.channels_out)),
            (
                offset::RANGE,
                byte(layer.zero_in)
                    | byte(layer.zero_out) << 8
                    | byte(layer.low) << 16
                    | byte(layer.high) << 24,
            ),
        ] {
            self.kernel.write32(at, value);
        }
    }

    fn start(&mut self) {
        self.jobs += 1;
        self.kernel.write32(offset::START, self.jobs);
    }

    /// The status, once the job is done.
    fn finish(&mut self, limit: u64) -> u32 {
        self.kernel.write32(offset::CTRL, 1);
        self.kernel.run_until(limit, "interrupt", |kernel| kernel.get("irq") != 0);
        assert_eq!(self.kernel.read32(offset::DONE), self.jobs);
        self.kernel.write32(offset::ACK, self.jobs);
        self.kernel.read32(offset::STATUS)
    }
}

fn layer(rng: &mut Rng) -> Layer {
    let op = rng.pick(&OPS);
    let large = rng.chance(60);
    let side = |rng: &mut Rng| rng.range(1, if large { 30 } else { 9 }) as u16;
    let few = |rng: &mut Rng| {
        let most = if rng.chance(200) { 70 } else { 20 };
        if rng.chance(200) { rng.pick(&[16, 32]) } else { rng.range(1, most) as u16 }
    };
    let (mut width, mut height, channels) = (side(rng), side(rng), few(rng));
    if op == Op::MaxPool {
        (width, height) = (width + 1, height + 1);
    }
    let mixes = matches!(op, Op::Dense | Op::Pointwise);
    let strides = matches!(op, Op::Pointwise | Op::Depthwise);
    let byte = |rng: &mut Rng| rng.next_u32() as i8;
    let (zero_in, one, two) = (byte(rng), byte(rng), byte(rng));
    let zero_out = if op == Op::MaxPool { zero_in } else { byte(rng) };
    Layer {
        op,
        width,
        height,
        channels,
        channels_out: if mixes { few(rng) } else { channels },
        stride: if strides { rng.range(1, 2) as u8 } else { 1 },
        zero_in,
        zero_out,
        low: if rng.chance(300) { i8::MIN } else { one.min(two) },
        high: if rng.chance(300) { i8::MAX } else { one.max(two) },
    }
}

fn requant(rng: &mut Rng, taps: usize) -> Requant {
    let extreme = rng.chance(100);
    // Such that bytes are rarely clamped: sums grow with the root of their terms.
    let shift = (3 + (taps.max(1) as f64).sqrt().log2() as u64).min(31);
    Requant {
        bias: if extreme {
            rng.pick(&[MAX_BIAS, -MAX_BIAS, 0, 1])
        } else {
            rng.next_u32() as i32 % 20_000
        },
        multiplier: if extreme {
            rng.pick(&[0, 1, i32::MAX])
        } else {
            (rng.next_u32() >> 1) as i32
        },
        shift: if extreme { rng.pick(&[0, 31]) } else { (shift + rng.below(4)) as u8 },
    }
}

/// Parameter block and tensor.
fn packet(rng: &mut Rng, layer: &Layer) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..layer.requants() {
        let taps = layer.taps().max(1);
        bytes.extend(requant(rng, taps).to_bytes());
    }
    bytes.extend(rng.bytes(layer.taps() * usize::from(layer.channels_out)));
    bytes.extend(rng.bytes(layer.input_bytes()));
    bytes
}

fn wanted(layer: &Layer, packet: &[u8]) -> Result<Vec<u8>, SliceError> {
    let (params, input) = packet.split_at(layer.params_bytes());
    let mut output = vec![0; layer.output_bytes()];
    run(layer, params, input, &mut output)?;
    Ok(output)
}

/// One field made such that the model refuses it.
fn spoil(rng: &mut Rng, layer: &mut Layer) {
    let pools = matches!(layer.op, Op::MaxPool | Op::MeanPool);
    match rng.below(7) {
        0 => layer.width = rng.pick(&[0, 1025, u16::MAX]),
        1 => layer.height = rng.pick(&[0, 1025, 0x8001]),
        2 => layer.channels = rng.pick(&[0, 1025]),
        3 => layer.channels_out = rng.pick(&[0, 1025]),
        4 => layer.stride = if pools { 2 } else { rng.pick(&[0, 3, 255]) },
        5 => (layer.low, layer.high) = (layer.high.max(-127), layer.high.max(-127) - 1),
        _ => {
            (layer.op, layer.width, layer.height) = (Op::Dense, 129, 128);
            (layer.channels, layer.stride) = (1, 1);
        }
    }
    assert!(layer.validate().is_err(), "{layer:?}");
}

/// Cases beside those of the layers.
const FATES: [&str; 7] = [
    "refused",
    "too large",
    "parameters written while a job runs",
    "a bad record",
    "packet short",
    "packet long",
    "held in reset on the way",
];

/// What a layer that was computed is a case of.
fn note(bins: &mut Bins, lanes: u16, layer: &Layer, output: &[u8]) {
    for op in OPS {
        let here = layer.op == op;
        bins.note(format!("{op:?}"), here);
        bins.note(
            format!("{op:?}, channels no multiple of the lanes"),
            here && !layer.channels.is_multiple_of(lanes),
        );
        bins.note(
            format!("{op:?}, channels a multiple of the lanes"),
            here && layer.channels.is_multiple_of(lanes),
        );
        bins.note(
            format!("{op:?}, one place"),
            here && (layer.width / 2, layer.height / 2) <= (1, 1),
        );
    }
    for op in [Op::Pointwise, Op::Depthwise] {
        let here = layer.op == op && layer.stride == 2;
        bins.note(format!("{op:?}, stride 2, odd side"), here && !layer.width.is_multiple_of(2));
        bins.note(format!("{op:?}, stride 2, even side"), here && layer.width.is_multiple_of(2));
    }
    let has = |byte: i8| output.contains(&byte.cast_unsigned());
    bins.note("clamped below", has(layer.low));
    bins.note("clamped above", has(layer.high));
    bins.note(
        "neither",
        output.iter().any(|b| (layer.low + 1..layer.high).contains(&b.cast_signed())),
    );
}

fn job(
    bench: &mut Bench,
    rng: &mut Rng,
    cover: &mut Bins,
    store: usize,
    lanes: u16,
    context: &str,
) {
    let mut layer = layer(rng);
    if rng.chance(60) {
        spoil(rng, &mut layer);
    }
    let refused = layer.validate().is_err();
    let kernel = &mut bench.kernel;
    kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
    kernel.stall_sink(bench.sink, Stall::any(rng.next_u64()));
    bench.write(&layer);
    bench.start();
    let large = !refused && layer.params_bytes() + layer.input_bytes() > store;
    if refused || large {
        let status = bench.finish(2000);
        assert_eq!(status, if refused { REFUSED_PARAMS } else { TOO_LARGE }, "{context} {layer:?}");
        cover.hit_if(refused, "refused");
        cover.hit_if(large, "too large");
        assert_eq!(bench.kernel.packets(bench.sink).len(), 0);
        return;
    }
    let mut bytes = packet(rng, &layer);
    // What the job computes with may be overwritten once it runs.
    let ahead = rng.chance(300);
    cover.hit_if(ahead, "parameters written while a job runs");
    if ahead {
        bench.write(&self::layer(rng));
    }
    let steps = layer.output_bytes() * layer.taps().max(9) + layer.input_bytes() * 2;
    let limit = 40_000 + 60 * (bytes.len() + steps) as u64;
    match rng.below(16) {
        0 if layer.requants() > 0 => {
            let record = rng.below(layer.requants() as u64) as usize * 12;
            let (at, byte) = rng.pick(&[(3, 0x41), (3, 0xBE), (7, 0x80), (8, 32), (9, 1), (11, 1)]);
            bytes[record + at] = byte;
            assert!(wanted(&layer, &bytes).is_err(), "{byte}");
            bench.kernel.push(bench.source, &bytes);
            assert_eq!(bench.finish(limit), REFUSED_BLOCK, "{context} {layer:?}");
            cover.hit("a bad record");
        }
        1 => {
            let short = rng.chance(700);
            let length = match bytes.len() {
                whole if !short => whole,
                whole if rng.chance(512) => whole - 1,
                whole => 1 + rng.below(whole as u64 - 1) as usize,
            };
            let more = if short { 0 } else { rng.pick(&[1, 7, 8, 100, 70_000]) };
            bytes.resize(length + more, 0x55);
            bench.kernel.push(bench.source, &bytes);
            assert_eq!(bench.finish(limit + 60 * 70_000), SHORT_INPUT, "{context} {layer:?}");
            cover.hit_if(short, "packet short");
            cover.hit_if(!short, "packet long");
        }
        2 => {
            bench.kernel.push(bench.source, &bytes);
            for _ in 0..rng.range(1, limit / 300) {
                bench.kernel.clock();
            }
            bench.kernel.write32(offset::CTRL, 2);
            bench.kernel.clear_source(bench.source);
            bench.kernel.take(bench.sink);
            assert_eq!(bench.kernel.read32(offset::DONE), 0);
            bench.kernel.write32(offset::CTRL, 0);
            bench.kernel.take(bench.sink);
            bench.jobs = 0;
            cover.hit("held in reset on the way");
            return;
        }
        _ => {
            bench.kernel.push(bench.source, &bytes);
            let status = bench.finish(limit);
            let output = wanted(&layer, &bytes).expect("a good layer");
            let made = bench.kernel.take(bench.sink);
            assert_eq!((status, made.len()), (OK, 1), "{context} {layer:?}");
            assert!(made[0] == output, "{context} {layer:?}\n{:?}\n{output:?}", made[0]);
            note(cover, lanes, &layer, &output);
            return;
        }
    }
    assert_eq!(bench.kernel.packets(bench.sink).len(), 0, "{context} {layer:?}");
}

#[test]
fn random_layers_equal_the_model() {
    let cases = cases(1000);
    for (name, store) in BUILDS {
        let mut cover = Bins::new(&FATES);
        for seed in first()..first() + cases.div_ceil(25) {
            let mut rng = Rng::new(seed);
            let mut bench = Bench::new(name, seed);
            let caps = bench.kernel.read32(offset::CAPS);
            assert_eq!(caps >> 16, (store >> 10) as u32);
            let lanes = (caps >> 8 & 0xff) as u16;
            bench.kernel.stall_axil(Stall::any(seed));
            for case in 0..25 {
                job(
                    &mut bench,
                    &mut rng,
                    &mut cover,
                    store,
                    lanes,
                    &format!("{name} seed {seed} case {case}"),
                );
            }
        }
        println!("{name}, {cases} jobs");
        if cases >= 1000 {
            // The larger store is hardly ever too small.
            cover.finish(if name == "slice_16" { &["too large"] } else { &[] });
        }
    }
}

#[test]
fn identity_is_the_maps() {
    let mut bench = Bench::new("slice_8", 1);
    assert_eq!(&bench.kernel.read32(offset::ID).to_le_bytes(), b"SLI0");
    assert_eq!(bench.kernel.read32(offset::HASH), tandem_regs::slice::MAP_HASH);
    assert_eq!(bench.kernel.read32(offset::CAPS), 0x0010_081f);
}

/// Layers of a light classifier's head, with the clocks that they take and the limit of the lanes.
#[test]
fn clocks_of_typical_layers_stay_near_the_limit() {
    let mut bench = Bench::new("slice_16", 1);
    let base = Layer {
        op: Op::Pointwise,
        width: 14,
        height: 14,
        channels: 96,
        channels_out: 64,
        stride: 1,
        zero_in: -3,
        zero_out: 4,
        low: 4,
        high: 127,
    };
    let depthwise = Layer { op: Op::Depthwise, channels: 64, channels_out: 64, ..base };
    let dense =
        Layer { op: Op::Dense, width: 4, height: 4, channels: 64, channels_out: 40, ..base };
    let mean = Layer { op: Op::MeanPool, channels: 128, channels_out: 128, ..base };
    for (name, layer, limit) in [
        ("pointwise 14x14x96 to 64", base, 14 * 14 * 64 * 96 / 16),
        // 9 steps make 16 outputs, which leave one a clock.
        ("depthwise 14x14x64", depthwise, 14 * 14 * 64),
        ("dense 1024 to 40", dense, 1024 * 40 / 16),
        ("mean 14x14x128", mean, 14 * 14 * 128 / 16),
    ] {
        let mut rng = Rng::new(7);
        let bytes = packet(&mut rng, &layer);
        bench.write(&layer);
        bench.kernel.push(bench.source, &bytes);
        bench.start();
        let from = bench.kernel.clocks();
        assert_eq!(bench.finish(10_000_000), OK);
        let clocks = bench.kernel.clocks() - from;
        assert_eq!(bench.kernel.take(bench.sink), [wanted(&layer, &bytes).expect("good")]);
        let loaded = bytes.len().div_ceil(16) + layer.requants();
        let share = (limit + loaded) as f64 / clocks as f64;
        println!(
            "{name}: {clocks} clocks, products {limit}, packet and records {loaded}: {share:.2}"
        );
        assert!(share > 0.95, "{name}: {clocks} clocks");
    }
}
