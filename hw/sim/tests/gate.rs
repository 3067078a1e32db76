//! The gate behind its registers: times to the nanosecond.

mod common;

use common::*;
use tandem_model::gate::DEPTH;
use tandem_regs::gate::offset;
use tandem_sim::{Sim, irq};

const DELAY: u64 = 5_000_000_000;

fn read(sim: &mut Sim, register: u32) -> u32 {
    sim.read32(MAP.gate + register)
}

fn write(sim: &mut Sim, register: u32, value: u32) {
    sim.write32(MAP.gate + register, value);
}

fn gate() -> Sim {
    let mut sim = board();
    write(&mut sim, offset::DELAY_LO, DELAY as u32);
    write(&mut sim, offset::DELAY_HI, (DELAY >> 32) as u32);
    write(&mut sim, offset::PULSE_LO, 1000);
    write(&mut sim, offset::PULSE_HI, 0);
    write(&mut sim, offset::CTRL, 1);
    sim
}

fn cancel(sim: &mut Sim, tag: u32, epoch: u32) -> u32 {
    write(sim, offset::CANCEL_TAG, tag);
    write(sim, offset::CANCEL_EPOCH, epoch);
    let go = read(sim, offset::CANCEL_GO);
    write(sim, offset::CANCEL_GO, go + 1);
    read(sim, offset::CANCEL_RESULT)
}

#[test]
fn a_part_is_rejected_exactly_at_its_due_time() {
    let mut sim = gate();
    let tag = sim.trigger(1_000).unwrap();
    let due = 1_000 + DELAY;
    assert_eq!(sim.next_event(), Some(due));
    sim.advance(due - 1);
    assert!(sim.drain_passages().is_empty());
    assert!(!sim.reject_line());
    sim.advance(due);
    assert!(sim.reject_line());
    let passages = sim.drain_passages();
    assert_eq!(passages.len(), 1);
    assert_eq!((passages[0].tag, passages[0].due, passages[0].rejected), (tag, due, true));
    assert_eq!((read(&mut sim, offset::REJECTED), read(&mut sim, offset::PASSED)), (1, 0));
    sim.advance(due + 1000);
    assert!(!sim.reject_line());
}

#[test]
fn a_cancel_one_nanosecond_before_due_lets_the_part_pass_and_at_due_it_does_not() {
    let mut sim = gate();
    let epoch = read(&mut sim, offset::EPOCH);
    let (early, late) = (sim.trigger(0).unwrap(), sim.trigger(10).unwrap());
    sim.advance(DELAY - 1);
    assert_eq!(cancel(&mut sim, early, epoch), 1);
    sim.advance(DELAY + 10);
    assert_eq!(cancel(&mut sim, late, epoch), 2);
    let rejected: Vec<_> =
        sim.drain_passages().iter().map(|passage| (passage.tag, passage.rejected)).collect();
    assert_eq!(rejected, [(early, false), (late, true)]);
    let counters = [offset::PASSED, offset::REJECTED, offset::CANCELLED, offset::LATE];
    assert_eq!(counters.map(|counter| read(&mut sim, counter)), [1, 1, 1, 1]);
}

#[test]
fn cancels_under_another_epoch_or_for_no_part_do_nothing() {
    let mut sim = gate();
    let epoch = read(&mut sim, offset::EPOCH);
    let tag = sim.trigger(0).unwrap();
    assert_eq!(cancel(&mut sim, tag, epoch + 1), 3);
    assert_eq!(cancel(&mut sim, tag + 1, epoch), 4);
    // The same count again executes nothing.
    write(&mut sim, offset::CANCEL_TAG, tag);
    let go = read(&mut sim, offset::CANCEL_GO);
    write(&mut sim, offset::CANCEL_GO, go);
    assert_eq!(read(&mut sim, offset::CANCEL_RESULT), 4);
    sim.advance(DELAY);
    assert!(sim.drain_passages()[0].rejected);
    assert_eq!((read(&mut sim, offset::WRONG_EPOCH), read(&mut sim, offset::UNKNOWN)), (1, 1));
}

#[test]
fn the_window_shows_the_next_trigger_and_the_line_is_high_until_all_are_read() {
    let mut sim = gate();
    let (first, second) = (sim.trigger(7).unwrap(), sim.trigger(8).unwrap());
    for (index, (tag, at)) in [(first, 7), (second, 8)].into_iter().enumerate() {
        assert_eq!(sim.irq_lines(), irq::GATE);
        assert_eq!(read(&mut sim, offset::TRIG_COUNT), 2);
        assert_eq!(read(&mut sim, offset::TRIG_TAG), tag);
        assert_eq!(read(&mut sim, offset::TRIG_AT_LO), at);
        let due = u64::from(read(&mut sim, offset::TRIG_DUE_HI)) << 32
            | u64::from(read(&mut sim, offset::TRIG_DUE_LO));
        assert_eq!(due, u64::from(at) + DELAY);
        write(&mut sim, offset::TRIG_ACK, index as u32 + 1);
    }
    assert_eq!(sim.irq_lines(), 0);
    assert_eq!(read(&mut sim, offset::TRIG_TAG), 0);
}

#[test]
fn a_full_table_takes_no_trigger() {
    let mut sim = gate();
    for at in 0..DEPTH as u64 {
        assert!(sim.trigger(at).is_some());
    }
    assert_eq!(read(&mut sim, offset::STATUS), (DEPTH as u32) << 8);
    assert_eq!(sim.trigger(100), None);
    assert_eq!(read(&mut sim, offset::OVERRUN), 1);
    assert_eq!(read(&mut sim, offset::TRIG_COUNT), DEPTH as u32);
    sim.advance(DELAY);
    assert_eq!(read(&mut sim, offset::STATUS), (DEPTH as u32 - 1) << 8 | 1);
}

#[test]
fn a_held_reset_rejects_what_is_pending_and_what_comes() {
    let mut sim = gate();
    let epoch = read(&mut sim, offset::EPOCH);
    let tag = sim.trigger(0).unwrap();
    write(&mut sim, offset::CTRL, 3);
    assert!(sim.drain_passages()[0].rejected);
    assert_eq!(read(&mut sim, offset::EPOCH), epoch + 1);
    assert_eq!(sim.trigger(5), None);
    assert_eq!((read(&mut sim, offset::TRIG_COUNT), sim.irq_lines()), (0, 0));
    write(&mut sim, offset::CTRL, 1);
    assert_eq!(cancel(&mut sim, tag, epoch + 1), 4);
    sim.advance(5 + DELAY);
    assert!(sim.drain_passages()[0].rejected);
    // Delay and pulse are kept.
    sim.trigger(6 + DELAY).unwrap();
    assert_eq!(sim.next_event(), Some(6 + 2 * DELAY));
}

#[test]
fn loading_the_logic_anew_is_a_new_epoch() {
    let mut sim = gate();
    let epoch = read(&mut sim, offset::EPOCH);
    sim.trigger(0).unwrap();
    sim.reset_pl(50);
    assert!(sim.drain_passages()[0].rejected);
    assert_eq!(read(&mut sim, offset::EPOCH), epoch + 1);
    assert_eq!((read(&mut sim, offset::CTRL), read(&mut sim, offset::DELAY_LO)), (0, 0));
    assert_eq!(sim.read32(MAP.dma_pre + SR), 0x0001_0009);
}
