//! Nothing that software writes stops the board: random accesses around half-valid jobs, with
//! overflow checks on.

mod common;

use common::*;
use proptest::prelude::*;
use proptest::sample::select;
use tandem_model::post::{Head, HeadKind, PostParams};
use tandem_model::pre::{Frame, Layout, PreParams};
use tandem_regs::pre::offset;
use tandem_sim::Sim;
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::fault::{Fault, FaultLane};

#[derive(Clone, Debug)]
enum Step {
    Write(u32, u32),
    Read(u32),
    /// A word in one of the chains.
    Descriptor(u32, u32),
    ArmPre(bool),
    ArmPost(bool),
    Advance(u64),
    Trigger,
    Plant(Fault),
    Latency(u64),
    ResetPl,
}

fn value() -> impl Strategy<Value = u32> {
    let known = vec![
        0,
        1,
        2,
        3,
        RS,
        RESET,
        RS | IOC | ERR | DLY,
        u32::MAX,
        1 << 16,
        0xFFFF_0000 | RS,
        CMPLT,
        EOF | SOF | 64,
        MM2S_CHAIN,
        MM2S_CHAIN + 64,
        S2MM_CHAIN,
        S2MM_CHAIN + 128,
        INPUT,
        OUTPUT,
        LINK,
        DDR + DDR_SIZE - 32,
        0x0010_0010,
        0x0101_0001,
    ];
    prop_oneof![4 => select(known), 1 => any::<u32>(), 1 => 0u32..64]
}

fn register() -> impl Strategy<Value = u32> {
    let blocks = vec![MAP.dma_pre, MAP.dma_post, MAP.pre, MAP.post, MAP.gate];
    (select(blocks), 0u32..0x40).prop_map(|(block, word)| block + 4 * word)
}

fn fault() -> impl Strategy<Value = Fault> {
    let lane = select(vec![FaultLane::Pre, FaultLane::Post]);
    (lane, 0u8..6, any::<u32>(), any::<u8>()).prop_map(|(lane, kind, descriptor, bit)| match kind {
        0 => Fault::LostInterrupt(lane),
        1 => Fault::SlaveError(lane),
        2 => Fault::DecodeError(lane),
        3 => Fault::StuckTlast(lane),
        4 => Fault::HungKernel(lane),
        _ => Fault::FlippedDescriptorBit { lane, descriptor, bit },
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (register(), value()).prop_map(|(at, value)| Step::Write(at, value)),
        2 => (register(), 0u32..4).prop_map(|(at, odd)| Step::Read(at + odd)),
        4 => (0u32..0x100, value()).prop_map(|(word, value)| Step::Descriptor(word, value)),
        3 => any::<bool>().prop_map(Step::ArmPre),
        3 => any::<bool>().prop_map(Step::ArmPost),
        6 => prop_oneof![0u64..5000, any::<u64>()].prop_map(Step::Advance),
        1 => Just(Step::Trigger),
        1 => fault().prop_map(Step::Plant),
        1 => (0u64..3000).prop_map(Step::Latency),
        1 => Just(Step::ResetPl),
    ]
}

fn small_pre() -> PreParams {
    let frame = Frame::rgb8(9, 7);
    PreParams::letterbox(frame, frame.full(), 8, 8, [1; 3], Layout::Planar).unwrap()
}

fn small_post() -> PostParams {
    let head = Head {
        kind: HeadKind::YoloV3,
        grid_w: 3,
        grid_h: 2,
        stride: 8,
        anchor_count: 2,
        anchors: [(8, 8); 3],
        offset: 0,
        ..Head::UNUSED
    };
    PostParams {
        head_count: 2,
        heads: [head; 4],
        classes: 2,
        score_threshold: 10_000,
        iou_threshold: 30_000,
        class_agnostic: true,
        top_k: 0,
        max_detections: 5,
        width: 24,
        height: 16,
    }
}

/// Chains of a good job, whatever state the channels are in, and a START if wanted.
fn arm_loosely(sim: &mut Sim, dma: u32, input: u32, outputs: &[(u32, u32)]) {
    let mm2s = write_chain(sim.ddr(), MM2S_CHAIN, &[(INPUT, input | SOF | EOF)]);
    let s2mm = write_chain(sim.ddr(), S2MM_CHAIN, outputs);
    for (channel, first, tail) in [(S2MM, S2MM_CHAIN, s2mm), (MM2S, MM2S_CHAIN, mm2s)] {
        sim.write32(dma + channel + CURDESC, first);
        sim.write32(dma + channel + CR, RS | IOC | ERR | 1 << 16);
        sim.write32(dma + channel + TAILDESC, tail);
    }
}

fn start_if(sim: &mut Sim, start: bool, kernel: u32) {
    if start {
        let job = sim.read32(kernel + offset::START).wrapping_add(1);
        sim.write32(kernel + offset::START, job);
    }
}

fn arm_small_pre(sim: &mut Sim, start: bool) {
    let params = small_pre();
    let outputs: Vec<_> = tandem_model::pre::packets(&params)
        .map(|(at, len)| (OUTPUT + at as u32, len as u32))
        .collect();
    arm_loosely(sim, MAP.dma_pre, params.frame_bytes() as u32, &outputs);
    start_if(sim, start, MAP.pre);
}

fn arm_small_post(sim: &mut Sim, start: bool) {
    let params = small_post();
    let bytes: usize = params.used_heads().iter().map(|head| head.bytes(params.classes)).sum();
    arm_loosely(sim, MAP.dma_post, bytes as u32, &[(OUTPUT, 0x1000)]);
    start_if(sim, start, MAP.post);
}

fn run(sim: &mut Sim, steps: &[Step]) -> Result<(), TestCaseError> {
    for step in steps {
        match step {
            Step::Write(at, value) => sim.write32(*at, *value),
            Step::Read(at) => {
                sim.read32(*at);
            }
            Step::Descriptor(word, value) => {
                let chain = if word % 2 == 0 { MM2S_CHAIN } else { S2MM_CHAIN };
                sim.write32(chain + word / 2 * 4, *value);
            }
            Step::ArmPre(start) => arm_small_pre(sim, *start),
            Step::ArmPost(start) => arm_small_post(sim, *start),
            Step::Advance(ns) => {
                let now = sim.now().saturating_add(*ns);
                sim.advance(now);
                let next = sim.next_event();
                prop_assert!(next.is_none_or(|next| next > now), "{next:?} at {now}");
            }
            Step::Trigger => {
                sim.trigger(sim.now());
            }
            Step::Plant(fault) => sim.plant(*fault),
            Step::Latency(ns) => sim.set_latency(*ns, ns / 2),
            Step::ResetPl => sim.reset_pl(sim.now()),
        }
        let lines = sim.irq_lines();
        prop_assert_eq!(lines & !0x7F, 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn random_software_cannot_stop_the_board(
        steps in prop::collection::vec(step(), 1..120),
        length_bits in select(vec![0u8, 14, 26, 255]),
        wide_addresses: bool,
        realign: bool,
    ) {
        let config = DmaConfig { length_bits, wide_addresses, realign, ..DmaConfig::default() };
        let mut sim = Sim::with_dma(MAP, ddr(), config);
        sim.protect(LINK..LINK + 0x3_0000);
        sim.set_latency(0, 100);
        write_pre(&mut sim, &small_pre());
        write_post(&mut sim, &small_post());
        run(&mut sim, &steps)?;
        // After a load of the logic, the board is as good as new.
        sim.reset_pl(sim.now());
        prop_assert_eq!(sim.read32(MAP.dma_pre + SR), 0x0001_0009);
        prop_assert_eq!(sim.irq_lines(), 0);
    }
}
