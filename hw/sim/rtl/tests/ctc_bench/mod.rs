//! `tandem_ctc` on a bench: its registers, its streams, and numbers that make a text.

use tandem_model::classify::Activation;
use tandem_model::ctc::{CtcHeader, CtcParams, Symbol, ctc, write_result};
use tandem_regs::ctc::offset;
use tandem_rtl::{Kernel, Rng, SinkId, SourceId, Stall};

pub const OK: u32 = 0;
pub const REFUSED_PARAMS: u32 = 1;
pub const SHORT_INPUT: u32 = 3;

/// A build: the model's name, the most classes and steps.
pub const SMALL: (&str, u16, u16) = ("ctc_small", 300, 120);
pub const WIDE: (&str, u16, u16) = ("ctc_wide", 8192, 4096);

pub struct Bench {
    pub kernel: Kernel,
    pub source: SourceId,
    pub sink: SinkId,
    pub jobs: u32,
}

impl Bench {
    pub fn new(name: &str, seed: u64) -> Self {
        let mut kernel = Kernel::load(name, seed);
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        kernel.reset();
        Self { kernel, source, sink, jobs: 0 }
    }

    pub fn write(&mut self, params: &CtcParams) {
        self.write_raw(params, params.activation as u32);
    }

    /// The parameters with an activation that the model may not have.
    pub fn write_raw(&mut self, params: &CtcParams, activation: u32) {
        let (classes, steps) = (u32::from(params.classes), u32::from(params.steps));
        self.kernel.write32(offset::SHAPE, classes | steps << 16);
        self.kernel.write32(offset::READING, u32::from(params.blank) | activation << 16);
    }

    pub fn start(&mut self) {
        self.jobs += 1;
        self.kernel.write32(offset::START, self.jobs);
    }

    /// The status, once the job is done.
    pub fn finish(&mut self, limit: u64) -> u32 {
        self.kernel.write32(offset::CTRL, 1);
        self.kernel.run_until(limit, "interrupt", |kernel| kernel.get("irq") != 0);
        assert_eq!(self.kernel.read32(offset::DONE), self.jobs);
        self.kernel.write32(offset::ACK, self.jobs);
        self.kernel.read32(offset::STATUS)
    }

    /// Holds the kernel in reset; what was under way is forgotten.
    pub fn hold(&mut self) {
        self.kernel.write32(offset::CTRL, 2);
        self.kernel.clear_source(self.source);
        self.kernel.take(self.sink);
        assert_eq!(self.kernel.read32(offset::DONE), 0);
        self.kernel.write32(offset::CTRL, 0);
        self.kernel.take(self.sink);
        self.jobs = 0;
    }

    /// Runs a job and holds its packet against the model's.
    pub fn check(&mut self, params: &CtcParams, numbers: &[u8], context: &str) -> CtcHeader {
        self.write(params);
        self.start();
        self.kernel.push(self.source, numbers);
        self.compare(params, numbers, context).0
    }

    /// What the job that runs gives, held against the model's.
    pub fn compare(
        &mut self,
        params: &CtcParams,
        numbers: &[u8],
        context: &str,
    ) -> (CtcHeader, Vec<Symbol>) {
        let status = self.finish(patience(params));
        let made = self.kernel.take(self.sink);
        assert_eq!((status, made.len()), (OK, 1), "{context} {params:?}");
        let (header, symbols, wanted) = wanted(params, numbers);
        assert!(made[0] == wanted, "{context} {params:?}\n{:02x?}\n{wanted:02x?}", made[0]);
        (header, symbols)
    }
}

/// Clocks after which a job hangs, with stalls on both sides.
pub fn patience(params: &CtcParams) -> u64 {
    20_000 + 60 * (params.input_bytes() + params.result_bytes()) as u64
}

/// What the model makes of it, and as bytes.
pub fn wanted(params: &CtcParams, numbers: &[u8]) -> (CtcHeader, Vec<Symbol>, Vec<u8>) {
    let mut symbols = vec![Symbol::default(); params.steps.into()];
    let header = ctc(params, numbers, &mut symbols).expect("a good job");
    symbols.truncate(header.count.into());
    let mut bytes = vec![0; header.result_bytes()];
    write_result(&mut bytes, &header, &symbols).expect("room");
    (header, symbols, bytes)
}

pub fn params(rng: &mut Rng, build: (&str, u16, u16)) -> CtcParams {
    let (_, most_classes, most_steps) = build;
    let classes = match rng.below(16) {
        0 => u64::from(most_classes.min(300)),
        1 | 2 => 2,
        3..=6 => rng.range(20, 120),
        _ => rng.range(2, 16),
    } as u16;
    let most = if rng.chance(200) { 1000 } else { 4000 };
    let few = (most / u64::from(classes)).clamp(1, most_steps.into());
    let steps = match rng.below(16) {
        0 => 1,
        1 | 2 => few as u16,
        3 => (most_steps).min(120),
        _ => rng.range(1, few.min(40)) as u16,
    };
    let blank = match rng.below(4) {
        0 => 0,
        1 => classes - 1,
        _ => rng.below(classes.into()) as u16,
    };
    let activation = if rng.chance(600) { Activation::Logits } else { Activation::Probabilities };
    CtcParams { steps, classes, blank, activation }
}

/// How the numbers of a job are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As a network has them: one class stands out.
    Text,
    /// Few different values, zeros of both signs among them.
    Ties,
    /// Another class at every step; no blanks if there are others.
    Crowd,
    /// Any finite bits.
    Wild,
}

/// The numbers of a job; one in a thousand-and-24th is not finite by `sick`.
pub fn numbers(rng: &mut Rng, params: &CtcParams, mood: Mood, sick: u32) -> Vec<u8> {
    let classes = u64::from(params.classes);
    let scale = rng.pick(&[0.5f32, 1.0, 4.0, 30.0, 90.0]);
    let logits = params.activation == Activation::Logits;
    let mut bytes = Vec::with_capacity(params.input_bytes());
    let mut class = u64::from(params.blank);
    for _ in 0..params.steps {
        match mood {
            Mood::Crowd => {
                let before = class;
                while class == before || (classes > 2 && class == u64::from(params.blank)) {
                    class = rng.below(classes);
                }
            }
            // A run goes on, a blank, another class.
            _ if rng.chance(450) => {}
            _ if rng.chance(350) => class = params.blank.into(),
            _ => class = rng.below(classes),
        }
        let broken = rng.chance(sick).then(|| rng.below(classes));
        for at in 0..classes {
            let noise = rng.next_u32() as f32 / 4_294_967_296.0;
            let number = match mood {
                Mood::Text | Mood::Crowd if logits => {
                    (noise * 2.0 - 1.0) * scale + if at == class { scale * 2.0 } else { 0.0 }
                }
                Mood::Text | Mood::Crowd => {
                    noise * 0.4 + if at == class { 0.4 + rng.pick(&[0.0, 0.3]) } else { 0.0 }
                }
                Mood::Ties => rng.pick(&[-0.0, 0.0, 1.0, -1.0, 0.5, 1e-30]),
                Mood::Wild => f32::from_bits(finite(rng.next_u32())),
            };
            bytes.extend(match broken {
                Some(there) if there == at => rng
                    .pick(&[0x7f80_0000u32, 0xff80_0000, 0x7fc0_0000, 0xffff_ffff, 0x7f80_0001])
                    .to_le_bytes(),
                _ => number.to_le_bytes(),
            });
        }
    }
    bytes
}

/// The bits, made such that they are no NaN and no infinity.
fn finite(bits: u32) -> u32 {
    if bits & 0x7f80_0000 == 0x7f80_0000 { bits ^ 0x0080_0000 } else { bits }
}
