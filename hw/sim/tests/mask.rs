//! The `mask` kernel on a lane, by hand-written register accesses, against the model.

mod common;

use common::*;
use tandem_model::mask::{self, MaskError, MaskJob, MaskParams, MaskRoom, MaskScratch, Run};
use tandem_regs::mask as map;
use tandem_regs::mask::offset;
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::kernels::{MaskCore, PreCore};
use tandem_sim::{Kernels, Sim, irq};

/// `mask` in the place of `post`.
fn mask_board() -> Sim {
    let kernels = Kernels { pre: Box::<PreCore>::default(), post: Box::<MaskCore>::default() };
    Sim::with_kernels(MAP, ddr(), DmaConfig::default(), kernels)
}

const ROOM: MaskRoom = MaskRoom { objects: 4, lanes: 4, cells: 8192 };

fn good() -> MaskJob {
    let params = MaskParams { prototypes: 5, grid_w: 30, grid_h: 20, stride: 4, threshold: 0x8000 };
    MaskJob { params, objects: 3, max_runs: 1000 }
}

/// Boxes over most of the grid, and numbers of -2 to 2.
fn packet(job: &MaskJob) -> Vec<u8> {
    let numbers = noise(job.packet_bytes() / 4, 3);
    let number = |byte: u8| (f32::from(byte) / 64.0 - 2.0).to_bits();
    let record = job.record_bytes() / 4;
    let records = usize::from(job.objects) * record;
    let edges = [5 << 8, 2 << 8, 111 << 8, 79 << 8];
    let word = |(at, byte): (usize, &u8)| match at % record {
        edge @ 0..4 if at < records => edges[edge],
        _ => number(*byte),
    };
    numbers.iter().enumerate().map(word).flat_map(u32::to_le_bytes).collect()
}

fn model(job: &MaskJob, packet: &[u8]) -> Result<Vec<u8>, MaskError> {
    let runs = job.most_runs(&ROOM);
    let (mut fixed, mut runs) = (vec![0; job.params.numbers()], vec![Run::default(); runs]);
    let mut result = vec![0; job.result_bytes(runs.len())];
    let mut scratch = MaskScratch { fixed: &mut fixed[..], runs: &mut runs[..] };
    let length = mask::run(job, &ROOM, packet, &mut scratch, &mut result)?;
    result.truncate(length);
    Ok(result)
}

/// Runs a job on `bytes`; its status, and what came out.
fn run(sim: &mut Sim, job: &MaskJob, bytes: &[u8], number: u32) -> (u32, Option<Vec<u8>>) {
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let kinds = u16::from_le_bytes([job.params.prototypes, job.objects]);
    for (at, value) in [
        (offset::GRID, pair(job.params.grid_w, job.params.grid_h)),
        (offset::CONFIG, pair(kinds, job.params.stride)),
        (offset::THRESHOLD, u32::from(job.params.threshold)),
        (offset::RUNS, job.max_runs),
    ] {
        sim.write32(MAP.post + at, value);
        assert_eq!(sim.read32(MAP.post + at), value);
    }
    for lane in [MM2S, S2MM] {
        sim.write32(MAP.dma_post + lane + CR, RESET);
        while sim.read32(MAP.dma_post + lane + CR) & RESET != 0 {}
    }
    sim.ddr().write(INPUT, bytes).unwrap();
    let input = [(INPUT, bytes.len() as u32 | SOF | EOF)];
    let mm2s_tail = write_chain(sim.ddr(), MM2S_CHAIN, &input);
    let s2mm_tail = write_chain(sim.ddr(), S2MM_CHAIN, &[(OUTPUT, 0x1_0000)]);
    arm(sim, MAP.dma_post + S2MM, S2MM_CHAIN, s2mm_tail, 1);
    arm(sim, MAP.dma_post + MM2S, MM2S_CHAIN, mm2s_tail, 1);
    sim.write32(MAP.post + offset::CTRL, 1);
    sim.write32(MAP.post + offset::START, number);
    sim.advance(sim.now());
    assert_eq!(sim.read32(MAP.post + offset::DONE), number);
    assert_ne!(sim.irq_lines() & irq::POST_KERNEL, 0);
    sim.write32(MAP.post + offset::ACK, number);
    let status = status_of(sim.ddr(), S2MM_CHAIN, 0);
    let output = (status & CMPLT != 0).then(|| {
        let mut output = vec![0; (status & 0x3FF_FFFF) as usize];
        sim.ddr().read(OUTPUT, &mut output).unwrap();
        output
    });
    (sim.read32(MAP.post + offset::STATUS), output)
}

#[test]
fn a_job_gives_the_models_result() {
    let mut sim = mask_board();
    assert_eq!(&sim.read32(MAP.post + offset::ID).to_le_bytes(), b"MSK0");
    assert_eq!(sim.read32(MAP.post + offset::HASH), map::MAP_HASH);
    assert_eq!(sim.read32(MAP.post + offset::CAPACITY), ROOM.cells);
    for (number, threshold) in [(1, 0x8000), (2, 0x9abc), (3, 0), (4, 0xffff)] {
        let params = MaskParams { threshold, ..good().params };
        let job = MaskJob { params, ..good() };
        let packet = packet(&job);
        let expected = model(&job, &packet).unwrap();
        assert!(expected.len() > 48, "runs");
        assert_eq!(run(&mut sim, &job, &packet, number), (0, Some(expected)));
    }
    assert_eq!(sim.unmapped_accesses(), 0);
}

#[test]
fn each_refusal_has_its_status_and_no_output() {
    let mut sim = mask_board();
    let all = packet(&good());
    let runs = (model(&good(), &all).unwrap().len() - 48) as u32 / 8;
    assert!(runs > 10);
    let tight = MaskJob { max_runs: runs - 1, ..good() };
    assert_eq!(run(&mut sim, &tight, &all, 1), (2, None));
    let exact = MaskJob { max_runs: runs, ..good() };
    assert_eq!(run(&mut sim, &exact, &all, 2).0, 0);
    assert_eq!(run(&mut sim, &good(), &all[..all.len() - 1], 3), (3, None));
    assert_eq!(run(&mut sim, &good(), &[&all[..], &[0]].concat(), 4), (3, None));
    let many = MaskJob { objects: 5, ..good() };
    assert_eq!(run(&mut sim, &many, &all, 5), (1, None));
    // 8 groups of columns and 400 rows: more cells than the room has.
    let params = MaskParams { grid_w: 30, grid_h: 400, stride: 1, ..good().params };
    let large = MaskJob { params, objects: 1, ..good() };
    let mut packet = packet(&large);
    packet[..16].copy_from_slice(&[0, 0, 30 << 8, 400 << 8].map(i32::to_le_bytes).concat());
    assert_eq!(run(&mut sim, &large, &packet, 6), (4, None));
    assert_eq!(run(&mut sim, &exact, &all, 7).0, 0);
}
