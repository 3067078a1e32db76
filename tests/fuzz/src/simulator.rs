//! The device models under any software, and the names of their faults.

use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::ddr::Ddr;
use tandem_sim::fault::{Fault, FaultLane};
use tandem_sim::{Sim, SimMap};

use crate::input::Input;

const DDR: u32 = 0x4000_0000;
const DDR_BYTES: u32 = 0x1_0000;
const MAP: SimMap = SimMap {
    dma_pre: 0xA000_0000,
    dma_post: 0xA001_0000,
    pre: 0xA002_0000,
    post: 0xA003_0000,
    gate: 0xA004_0000,
};

/// The name of a fault; what is read must be written and read back.
pub fn fault_name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match Fault::parse(text) {
        Ok(fault) => {
            assert_eq!(Fault::parse(&fault.to_string()), Ok(fault));
            true
        }
        Err(error) => {
            assert!(error.to_string().contains(&format!("{text:?}")), "the message names it");
            false
        }
    }
}

/// Register accesses, memory, time, faults and triggers in any order: every call returns, no
/// event is left behind, and a load of the logic makes the board as good as new. Accepted: a
/// kernel finished a job.
pub fn simulator(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let flags = input.byte();
    let dma = DmaConfig {
        length_bits: if flags & 4 == 0 { 26 } else { 14 },
        wide_addresses: flags & 1 == 1,
        realign: flags & 2 == 0,
        ..DmaConfig::default()
    };
    let ddr = Ddr::create(DDR, DDR_BYTES).expect("a memory file");
    let mut sim = Sim::with_dma(MAP, ddr, dma);
    sim.protect(DDR..DDR + 0x1000);
    let mut finished = false;
    while !input.is_empty() {
        step(&mut sim, &mut input);
        assert_eq!(sim.irq_lines() & !0x7f, 0, "lines that do not exist");
        let done = [MAP.pre, MAP.post].map(|at| sim.read32(at + DONE));
        finished |= done != [0; 2];
    }
    sim.reset_pl(sim.now());
    assert_eq!(sim.read32(MAP.dma_pre + 4), 0x0001_0009, "S2MM and MM2S are halted");
    assert_eq!(sim.irq_lines(), 0);
    finished
}

/// The register that names the last finished job, in either kernel.
const DONE: u32 = 0x14;

fn step(sim: &mut Sim, input: &mut Input<'_>) {
    let blocks = [MAP.dma_pre, MAP.dma_post, MAP.pre, MAP.post, MAP.gate];
    let op = input.byte();
    let block = blocks[usize::from(op >> 3) % blocks.len()];
    match op & 7 {
        0 | 1 => sim.write32(block + 4 * u32::from(input.byte()), input.word()),
        2 => {
            sim.read32(block + u32::from(input.half()));
        }
        3 => sim.write32(DDR + u32::from(input.half() & !3), input.word()),
        4 => {
            // Small steps with a byte, large ones with the rest.
            let ns = if op >> 3 == 0 { u64::from(input.byte()) * 100 } else { input.long() };
            let now = sim.now().saturating_add(ns);
            sim.advance(now);
            let next = sim.next_event();
            assert!(next.is_none_or(|next| next > now), "{next:?} is left behind at {now}");
        }
        5 => {
            sim.trigger(sim.now());
            sim.drain_passages();
        }
        6 => sim.plant(fault(op >> 3, input)),
        _ if op >> 3 == 0 => sim.reset_pl(sim.now()),
        _ => sim.set_latency(u64::from(input.half()), u64::from(input.half())),
    }
}

fn fault(kind: u8, input: &mut Input<'_>) -> Fault {
    let lane = if kind & 1 == 0 { FaultLane::Pre } else { FaultLane::Post };
    match kind >> 1 {
        0 => Fault::LostInterrupt(lane),
        1 => Fault::SlaveError(lane),
        2 => Fault::DecodeError(lane),
        3 => Fault::StuckTlast(lane),
        4 => Fault::HungKernel(lane),
        _ => {
            let (descriptor, bit) = (input.word(), input.byte());
            Fault::FlippedDescriptorBit { lane, descriptor, bit }
        }
    }
}
