//! Jobs of `ctc`, whose core takes the place of `post`'s on the lane, against the model.

mod common;

use common::*;
use tandem_model::classify::Activation;
use tandem_model::ctc::{CtcParams, Symbol, ctc, read_result};
use tandem_regs::ctc::{self as map, offset};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::kernels::{CtcCore, PreCore};
use tandem_sim::{Kernels, Sim, irq};

const GOOD: CtcParams =
    CtcParams { steps: 40, classes: 11, blank: 10, activation: Activation::Logits };

fn reader() -> Sim {
    let kernels = Kernels { pre: Box::<PreCore>::default(), post: Box::<CtcCore>::default() };
    Sim::with_kernels(MAP, ddr(), DmaConfig::default(), kernels)
}

fn write(sim: &mut Sim, params: &CtcParams, activation: u32) {
    let shape = u32::from(params.classes) | u32::from(params.steps) << 16;
    sim.write32(MAP.post + offset::SHAPE, shape);
    sim.write32(MAP.post + offset::READING, u32::from(params.blank) | activation << 16);
}

/// One job with an input packet of so many bytes; DONE and STATUS.
fn run(sim: &mut Sim, bytes: usize, job: u32) -> (u32, u32) {
    for channel in [MM2S, S2MM] {
        sim.write32(MAP.dma_post + channel + CR, RESET);
        while sim.read32(MAP.dma_post + channel + CR) & RESET != 0 {}
    }
    let mm2s_tail = write_chain(sim.ddr(), MM2S_CHAIN, &[(INPUT, bytes as u32 | SOF | EOF)]);
    let s2mm_tail = write_chain(sim.ddr(), S2MM_CHAIN, &[(OUTPUT, 0x1_0000)]);
    arm(sim, MAP.dma_post + S2MM, S2MM_CHAIN, s2mm_tail, 1);
    arm(sim, MAP.dma_post + MM2S, MM2S_CHAIN, mm2s_tail, 1);
    sim.write32(MAP.post + offset::CTRL, 1);
    sim.write32(MAP.post + offset::START, job);
    sim.advance(sim.now());
    (sim.read32(MAP.post + offset::DONE), sim.read32(MAP.post + offset::STATUS))
}

/// Logits from -4 to 4, a step in eight with a NaN.
fn numbers(params: &CtcParams) -> Vec<u8> {
    let values = noise(params.input_bytes() / 4, 11);
    let number = |(at, v): (usize, &u8)| match at % (8 * usize::from(params.classes)) {
        3 => f32::NAN,
        _ => f32::from(*v) / 32.0 - 4.0,
    };
    values.iter().enumerate().flat_map(|entry| number(entry).to_le_bytes()).collect()
}

#[test]
fn a_job_gives_the_models_result() {
    let mut sim = reader();
    for (job, (steps, activation)) in
        (1..).zip([(40, Activation::Logits), (90, Activation::Probabilities), (1, GOOD.activation)])
    {
        let params = CtcParams { steps, activation, ..GOOD };
        let numbers = numbers(&params);
        sim.ddr().write(INPUT, &numbers).unwrap();
        let mut symbols = vec![Symbol::default(); steps.into()];
        let header = ctc(&params, &numbers, &mut symbols).unwrap();
        assert!(steps == 1 || (header.count > 10 && header.not_finite > 4), "{header:?}");

        write(&mut sim, &params, params.activation as u32);
        assert_eq!(run(&mut sim, numbers.len(), job), (job, 0));
        assert_eq!(sim.irq_lines(), irq::POST_MM2S | irq::POST_S2MM | irq::POST_KERNEL);
        let len = header.result_bytes();
        assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), CMPLT | SOF | EOF | len as u32);
        let mut result = vec![0; len];
        sim.ddr().read(OUTPUT, &mut result).unwrap();
        let (said, read) = read_result(&result).unwrap();
        assert_eq!(said, header);
        assert!(read.eq(symbols[..header.count.into()].iter().copied()));
        sim.write32(MAP.post + offset::ACK, job);
    }
    assert_eq!(sim.unmapped_accesses(), 0);
}

#[test]
fn identity_and_capacity_are_the_maps() {
    let mut sim = reader();
    assert_eq!(sim.read32(MAP.post + offset::ID), u32::from_le_bytes(*b"CTC0"));
    assert_eq!(sim.read32(MAP.post + offset::HASH), map::MAP_HASH);
    assert_eq!(sim.read32(MAP.post + offset::CAPS), 3);
    assert_eq!(sim.read32(MAP.post + offset::CAPACITY), 32768 | 4096 << 16);
    sim.write32(MAP.post + offset::CAPACITY, 0);
    assert_eq!(sim.read32(MAP.post + offset::CAPACITY), 32768 | 4096 << 16);
    sim.write32(MAP.post + offset::READING, u32::MAX);
    assert_eq!(sim.read32(MAP.post + offset::READING), 0x00FF_FFFF);
}

#[test]
fn what_the_model_refuses_leaves_the_streams_alone() {
    let shape = |steps, classes, blank| CtcParams { steps, classes, blank, ..GOOD };
    for (params, activation) in [
        (shape(0, 11, 10), 0),
        (shape(4097, 11, 10), 0),
        (shape(40, 1, 0), 0),
        (shape(40, 32769, 0), 0),
        (shape(40, 11, 11), 0),
        (GOOD, 2),
        (GOOD, 255),
    ] {
        let mut sim = reader();
        write(&mut sim, &params, activation);
        assert_eq!(run(&mut sim, GOOD.input_bytes(), 1), (1, 1), "{params:?}");
        assert_eq!(sim.irq_lines(), irq::POST_KERNEL);
        assert_eq!(status_of(sim.ddr(), MM2S_CHAIN, 0), 0);
    }
}

#[test]
fn a_packet_of_another_length_is_said_and_gives_no_output() {
    for bytes in [GOOD.input_bytes() - 4, GOOD.input_bytes() - 1, GOOD.input_bytes() + 4] {
        let mut sim = reader();
        write(&mut sim, &GOOD, 0);
        assert_eq!(run(&mut sim, bytes, 1), (1, 3));
        assert_eq!(status_of(sim.ddr(), S2MM_CHAIN, 0), 0);
        assert_eq!(run(&mut sim, GOOD.input_bytes(), 2), (2, 0));
    }
}
