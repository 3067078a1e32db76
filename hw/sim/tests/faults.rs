//! Each planted fault: what the hardware then does, and that it does it once.

mod common;

use common::*;
use tandem_model::post::{Head, HeadKind, PostParams};
use tandem_model::pre::{Frame, Layout, PreParams};
use tandem_regs::pre::offset;
use tandem_sim::fault::{Fault, FaultLane};
use tandem_sim::{Sim, irq};

const ALL: u32 = irq::PRE_MM2S | irq::PRE_S2MM | irq::PRE_KERNEL;
const PRE: FaultLane = FaultLane::Pre;

/// 16 x 16, planar, 4 rows a band: 12 packets of 64 bytes.
fn params() -> PreParams {
    let frame = Frame::rgb8(16, 16);
    let params = PreParams::letterbox(frame, frame.full(), 16, 16, [0; 3], Layout::Planar).unwrap();
    PreParams { band_rows: 4, ..params }
}

fn arm_and_start(sim: &mut Sim, job: u32) {
    write_pre(sim, &params());
    assert_eq!(arm_pre(sim, &params()), 12);
    sim.write32(MAP.pre + offset::CTRL, 1);
    sim.write32(MAP.pre + offset::START, job);
    sim.advance(sim.now() + 1);
}

/// What firmware does after an error: both channels and the kernel are reset.
fn recover(sim: &mut Sim) {
    sim.write32(MAP.dma_pre + CR, RESET);
    while sim.read32(MAP.dma_pre + CR) & RESET != 0 {}
    sim.write32(MAP.pre + offset::CTRL, 2);
    sim.write32(MAP.pre + offset::CTRL, 1);
}

fn done(sim: &mut Sim) -> u32 {
    sim.read32(MAP.pre + offset::DONE)
}

fn planted(fault: Fault) -> Sim {
    let mut sim = board();
    sim.plant(fault);
    assert_eq!(sim.pending_faults(), [fault]);
    sim
}

/// The fault is used up, and after a recovery the next job is a good one.
fn assert_once(sim: &mut Sim, fault: Fault) {
    assert_eq!((sim.pending_faults(), sim.taken_faults()), (vec![], vec![fault]));
    recover(sim);
    arm_and_start(sim, 77);
    assert_eq!(done(sim), 77);
    assert_eq!(sim.irq_lines(), ALL);
    for index in 0..12 {
        assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, index), CMPLT | SOF | EOF | 64);
    }
    assert_eq!(sim.taken_faults(), [fault]);
}

#[test]
fn a_lost_interrupt_is_lost_for_one_completion() {
    let fault = Fault::LostInterrupt(PRE);
    let mut sim = planted(fault);
    arm_and_start(&mut sim, 1);
    assert_eq!(done(&mut sim), 1);
    assert_eq!(sim.read32(MAP.dma_pre + S2MM + SR) & IOC, IOC, "a poll sees it");
    assert_eq!(sim.irq_lines(), 0);
    // Turning the enable off and on does not bring it back.
    sim.write32(MAP.pre + offset::CTRL, 0);
    sim.write32(MAP.pre + offset::CTRL, 1);
    assert_eq!(sim.irq_lines(), 0);
    sim.write32(MAP.pre + offset::ACK, 1);
    sim.write32(MAP.dma_pre + MM2S + SR, IOC);
    sim.write32(MAP.dma_pre + S2MM + SR, IOC);
    assert_eq!(sim.irq_lines(), 0);
    assert_once(&mut sim, fault);
}

#[test]
fn a_bus_error_halts_the_reading_channel() {
    let errors = [
        (Fault::SlaveError(PRE), DMA_SLV_ERR, 1 << 29),
        (Fault::DecodeError(PRE), DMA_DEC_ERR, 1 << 30),
    ];
    for (fault, bit, mark) in errors {
        let mut sim = planted(fault);
        arm_and_start(&mut sim, 1);
        assert_eq!(done(&mut sim), 0);
        assert_eq!(sim.read32(MAP.dma_pre + SR) & (HALTED | ERRORS | ERR), HALTED | bit | ERR);
        assert_eq!(status_of(sim.ddr(), MM2S_CHAIN, 0), mark);
        assert_eq!(sim.irq_lines(), irq::PRE_MM2S);
        assert_eq!(sim.next_event(), None);
        assert_once(&mut sim, fault);
    }
}

#[test]
fn a_stuck_tlast_joins_two_packets() {
    let fault = Fault::StuckTlast(PRE);
    let mut sim = planted(fault);
    arm_and_start(&mut sim, 1);
    assert_eq!(done(&mut sim), 1);
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), CMPLT | SOF | 64);
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 1), CMPLT | EOF | 64);
    assert_eq!(sim.irq_lines(), ALL & !irq::PRE_S2MM, "one packet short of the threshold");
    assert_once(&mut sim, fault);
}

#[test]
fn a_stuck_tlast_of_the_only_packet_leaves_its_descriptor_open() {
    let mut sim = board();
    sim.plant(Fault::StuckTlast(FaultLane::Post));
    let head = Head {
        kind: HeadKind::YoloV5,
        grid_w: 4,
        grid_h: 4,
        stride: 8,
        anchor_count: 1,
        anchors: [(8, 8); 3],
        offset: 0,
        ..Head::UNUSED
    };
    let params = PostParams {
        head_count: 1,
        heads: [head; 4],
        classes: 1,
        score_threshold: 40_000,
        iou_threshold: 30_000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 10,
        width: 32,
        height: 32,
    };
    write_post(&mut sim, &params);
    let bytes = params.heads_bytes() as u32;
    let tail = write_chain(sim.ddr(), MM2S_CHAIN, &[(INPUT, bytes | SOF | EOF)]);
    arm(&mut sim, MAP.dma_post + S2MM, S2MM_CHAIN, S2MM_CHAIN, 1);
    write_chain(sim.ddr(), S2MM_CHAIN, &[(OUTPUT, 0x1_0000)]);
    arm(&mut sim, MAP.dma_post + MM2S, MM2S_CHAIN, tail, 1);
    sim.ddr().write32(OUTPUT, u32::MAX).unwrap();
    sim.write32(MAP.post + offset::START, 1);
    sim.advance(0);
    assert_eq!(sim.read32(MAP.post + offset::DONE), 1);
    assert_eq!(sim.ddr().read32(OUTPUT), Ok(0), "the header is there");
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
    assert_eq!(sim.read32(MAP.dma_post + S2MM + SR) & (IDLE | IOC | ERRORS), 0);
}

#[test]
fn a_hung_kernel_takes_its_input_and_gives_nothing_until_it_is_reset() {
    let fault = Fault::HungKernel(PRE);
    let mut sim = planted(fault);
    arm_and_start(&mut sim, 1);
    sim.advance(1 << 40);
    assert_eq!((done(&mut sim), sim.next_event()), (0, None));
    assert_eq!(sim.irq_lines(), irq::PRE_MM2S);
    assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
    sim.write32(MAP.pre + offset::START, 2);
    sim.advance(1 << 40);
    assert_eq!(done(&mut sim), 0);
    assert_once(&mut sim, fault);
}

#[test]
fn a_flipped_bit_is_in_memory_before_the_fetch() {
    // 16 descriptors of MM2S, 12 of S2MM; bit 8 * 24 + 26 is EOF of the control word.
    let cases = [(3, 8 * 24 + 26), (16, 255), (28 + 3, 8 * 24 + 26)];
    for (descriptor, bit) in cases {
        let fault = Fault::FlippedDescriptorBit { lane: PRE, descriptor, bit };
        let mut sim = planted(fault);
        arm_and_start(&mut sim, 1);
        assert_eq!(done(&mut sim), if descriptor == 16 { 0 } else { 1 });
        if descriptor == 16 {
            // Cmplt of the first S2MM descriptor.
            assert_eq!(sim.read32(MAP.dma_pre + S2MM + SR) & ERRORS, SG_INT_ERR);
        } else {
            // The packet ends early.
            assert_eq!(sim.ddr().read32(MM2S_CHAIN + 3 * 64 + 24), Ok(48 | EOF));
            assert_eq!(sim.read32(MAP.pre + offset::STATUS), 3);
        }
        assert_once(&mut sim, fault);
    }
}

#[test]
fn a_bit_flip_waits_until_both_chains_are_armed() {
    let fault = Fault::FlippedDescriptorBit { lane: PRE, descriptor: 0, bit: 70 };
    let mut sim = planted(fault);
    let tail = write_chain(sim.ddr(), MM2S_CHAIN, &[(INPUT, 64 | SOF | EOF)]);
    arm(&mut sim, MAP.dma_pre + MM2S, MM2S_CHAIN, tail, 1);
    sim.advance(1);
    assert_eq!((sim.pending_faults().len(), sim.next_event()), (1, None));
    let tail = write_chain(sim.ddr(), S2MM_CHAIN, &[(OUTPUT, 64)]);
    arm(&mut sim, MAP.dma_pre + S2MM, S2MM_CHAIN, tail, 1);
    sim.advance(2);
    assert_eq!(sim.taken_faults(), [fault]);
    assert_eq!(sim.ddr().read32(MM2S_CHAIN + 8), Ok(INPUT ^ 1 << 6));
}

#[test]
fn a_bit_flip_does_not_hold_up_a_measurement_while_the_kernel_is_in_reset() {
    let fault = Fault::FlippedDescriptorBit { lane: PRE, descriptor: 0, bit: 70 };
    let mut sim = planted(fault);
    sim.write32(MAP.pre + offset::CTRL, 2);
    let tail = write_chain(sim.ddr(), MM2S_CHAIN, &[(INPUT, SOF | EOF)]);
    arm(&mut sim, MAP.dma_pre + MM2S, MM2S_CHAIN, tail, 1);
    sim.advance(1);
    assert_eq!(sim.read32(MAP.dma_pre + SR) & ERRORS, DMA_INT_ERR);
    assert_eq!(sim.pending_faults(), [fault]);
}

#[test]
fn a_fault_waits_for_its_own_lane() {
    let mut sim = board();
    for fault in [Fault::HungKernel(FaultLane::Post), Fault::LostInterrupt(FaultLane::Post)] {
        sim.plant(fault);
    }
    arm_and_start(&mut sim, 1);
    assert_eq!((done(&mut sim), sim.irq_lines()), (1, ALL));
    assert_eq!(sim.pending_faults().len(), 2);
}
