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

const EPOCH: u32 = 5;
/// The parts from before the gate was armed have gone by.
const START: u64 = 2 * DELAY;

fn configure(sim: &mut Sim) {
    write(sim, offset::DELAY_LO, DELAY as u32);
    write(sim, offset::DELAY_HI, (DELAY >> 32) as u32);
    write(sim, offset::PULSE_LO, 1000);
    write(sim, offset::PULSE_HI, 0);
}

fn gate() -> Sim {
    let mut sim = board();
    configure(&mut sim);
    write(&mut sim, offset::CTRL, 1);
    write(&mut sim, offset::EPOCH, EPOCH);
    sim.advance(START);
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
    let tag = sim.trigger(START + 1_000).unwrap();
    let due = START + 1_000 + DELAY;
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
    let (early, late) = (sim.trigger(START).unwrap(), sim.trigger(START + 10).unwrap());
    sim.advance(START + DELAY - 1);
    assert_eq!(cancel(&mut sim, early, epoch), 1);
    sim.advance(START + DELAY + 10);
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
    let tag = sim.trigger(START).unwrap();
    assert_eq!(cancel(&mut sim, tag, epoch + 1), 3);
    assert_eq!(cancel(&mut sim, tag + 1, epoch), 4);
    // The same count again executes nothing.
    write(&mut sim, offset::CANCEL_TAG, tag);
    let go = read(&mut sim, offset::CANCEL_GO);
    write(&mut sim, offset::CANCEL_GO, go);
    assert_eq!(read(&mut sim, offset::CANCEL_RESULT), 4);
    sim.advance(START + DELAY);
    assert!(sim.drain_passages()[0].rejected);
    assert_eq!((read(&mut sim, offset::WRONG_EPOCH), read(&mut sim, offset::UNKNOWN)), (1, 1));
}

#[test]
fn the_window_shows_the_next_trigger_and_the_line_is_high_until_all_are_read() {
    let mut sim = gate();
    let times = [START + 7, START + 8];
    let tags = times.map(|at| sim.trigger(at).unwrap());
    for (index, (tag, at)) in tags.into_iter().zip(times).enumerate() {
        assert_eq!(sim.irq_lines(), irq::GATE);
        assert_eq!(read(&mut sim, offset::TRIG_COUNT), 2);
        assert_eq!(read(&mut sim, offset::TRIG_TAG), tag);
        assert_eq!(read(&mut sim, offset::TRIG_AT_LO), at as u32);
        let due = u64::from(read(&mut sim, offset::TRIG_DUE_HI)) << 32
            | u64::from(read(&mut sim, offset::TRIG_DUE_LO));
        assert_eq!(due, at + DELAY);
        write(&mut sim, offset::TRIG_ACK, index as u32 + 1);
    }
    assert_eq!(sim.irq_lines(), 0);
    assert_eq!(read(&mut sim, offset::TRIG_TAG), 0);
}

#[test]
fn a_full_table_takes_no_trigger() {
    let mut sim = gate();
    for i in 0..DEPTH as u64 {
        assert!(sim.trigger(START + i).is_some());
    }
    assert_eq!(read(&mut sim, offset::STATUS), (DEPTH as u32) << 8);
    assert_eq!(sim.trigger(START + 100), None);
    assert_eq!(read(&mut sim, offset::OVERRUN), 1);
    assert_eq!(read(&mut sim, offset::TRIG_COUNT), DEPTH as u32);
    sim.advance(START + DELAY);
    assert_eq!(read(&mut sim, offset::STATUS), (DEPTH as u32 - 1) << 8 | 1);
}

#[test]
fn a_held_reset_rejects_what_is_pending_and_what_comes() {
    let mut sim = gate();
    let tag = sim.trigger(START).unwrap();
    write(&mut sim, offset::CTRL, 3);
    assert!(sim.drain_passages()[0].rejected);
    write(&mut sim, offset::EPOCH, EPOCH + 1);
    assert_eq!(read(&mut sim, offset::EPOCH), 0, "no epoch begins during a reset");
    assert_eq!(sim.trigger(START + 5), None);
    assert_eq!((read(&mut sim, offset::TRIG_COUNT), sim.irq_lines()), (0, 0));
    assert!(sim.reject_line());
    write(&mut sim, offset::CTRL, 1);
    assert!([0, EPOCH, EPOCH + 1].iter().all(|epoch| cancel(&mut sim, tag, *epoch) == 3));
    write(&mut sim, offset::EPOCH, EPOCH + 1);
    assert_eq!(cancel(&mut sim, tag, EPOCH), 3);
    assert_eq!(cancel(&mut sim, tag, EPOCH + 1), 4);
    assert!(sim.drain_passages().is_empty(), "parts without a tag are known to nobody");
    // Delay and pulse are kept.
    let next = START + 5 + 1000;
    assert_eq!(sim.trigger(next), Some(1));
    assert_eq!(sim.next_event(), Some(next + DELAY));
}

#[test]
fn loading_the_logic_anew_leaves_nothing_of_epoch_tags_settings_and_counters() {
    let mut sim = gate();
    let tags = [0, 1, 2].map(|i| sim.trigger(START + i).unwrap());
    assert_eq!(cancel(&mut sim, tags[2], EPOCH), 1);
    sim.reset_pl(START + 50);
    let passages = sim.drain_passages();
    assert_eq!(passages.len(), 3);
    assert!(passages.iter().all(|passage| passage.rejected), "{passages:?}");
    let words = [offset::EPOCH, offset::TRIG_COUNT, offset::TRIG_ACK, offset::STATUS, offset::CTRL];
    let settings = offset::DELAY_LO..=offset::PULSE_HI;
    let counters = offset::CANCEL_TAG..=offset::UNREADY;
    for register in words.into_iter().chain(settings.step_by(4)).chain(counters.step_by(4)) {
        assert_eq!(read(&mut sim, register), 0, "{register:#x}");
    }
    assert_eq!(sim.read32(MAP.dma_pre + SR), 0x0001_0009);
}

#[test]
fn a_gate_without_epoch_or_settings_holds_the_line_and_counts_the_parts() {
    let mut sim = board();
    let ready = |sim: &mut Sim| read(sim, offset::STATUS) & 1;
    for (i, step) in ["nothing", "the epoch", "the settings"].into_iter().enumerate() {
        assert!(sim.reject_line(), "{step}");
        assert_eq!(ready(&mut sim), 0, "{step}");
        assert_eq!(sim.trigger(i as u64), None, "{step}");
        match i {
            0 => {}
            1 => write(&mut sim, offset::EPOCH, EPOCH),
            _ => configure(&mut sim),
        }
    }
    assert_eq!(read(&mut sim, offset::UNREADY), 3);
    let armed = sim.now();
    sim.advance(armed + 999);
    assert_eq!(ready(&mut sim), 0);
    sim.advance(armed + 1000);
    assert_eq!(ready(&mut sim), 1);
    sim.advance(armed + DELAY + 999);
    assert!(sim.reject_line());
    sim.advance(armed + DELAY + 1000);
    assert!(!sim.reject_line());
    // Nothing but a power-up or a reset lets another epoch begin, and 0 is no setting.
    write(&mut sim, offset::EPOCH, EPOCH + 1);
    assert_eq!(read(&mut sim, offset::EPOCH), EPOCH);
    for register in [offset::DELAY_LO, offset::DELAY_HI, offset::PULSE_LO, offset::PULSE_HI] {
        write(&mut sim, register, 0);
    }
    assert_eq!(ready(&mut sim), 1);
}

/// Line-ready needs a heartbeat that changes, once a limit is set; triggers are captured all the same.
#[test]
fn line_ready_falls_without_a_heartbeat() {
    let mut sim = gate();
    let ready = |sim: &mut Sim| read(sim, offset::STATUS) & 1 != 0;
    write(&mut sim, offset::HEARTBEAT, 1);
    write(&mut sim, offset::HEARTBEAT_LIMIT, 1_000);
    sim.advance(START + 999);
    assert!(ready(&mut sim));
    sim.advance(START + 1_000);
    assert!(!ready(&mut sim));
    assert!(sim.trigger(START + 1_000).is_some());
    write(&mut sim, offset::HEARTBEAT, 1);
    assert!(!ready(&mut sim), "the same value is no beat");
    write(&mut sim, offset::HEARTBEAT, 2);
    assert!(ready(&mut sim));
    sim.advance(START + 5_000);
    write(&mut sim, offset::HEARTBEAT_LIMIT, 0);
    assert!(ready(&mut sim), "not watched");
}

fn pair(sim: &mut Sim, low: u32, high: u32) -> u64 {
    u64::from(read(sim, low)) | u64::from(read(sim, high)) << 32
}

/// The gate's clock begins with each load of the logic; a sample tells what it shows.
#[test]
fn the_gates_own_time_begins_at_a_load_and_a_sample_tells_it() {
    let mut sim = gate();
    let time = |sim: &mut Sim| pair(sim, offset::SAMPLE_TIME_LO, offset::SAMPLE_TIME_HI);
    write(&mut sim, offset::SAMPLE, 1);
    assert_eq!(time(&mut sim), START);
    sim.advance(START + 50);
    write(&mut sim, offset::SAMPLE, 1);
    assert_eq!(time(&mut sim), START, "the same value takes none");
    let loaded = START + 100;
    sim.reset_pl(loaded);
    configure(&mut sim);
    write(&mut sim, offset::EPOCH, EPOCH);
    sim.advance(loaded + DELAY + 1_000);
    write(&mut sim, offset::SAMPLE, 1);
    assert_eq!(time(&mut sim), DELAY + 1_000);
    sim.trigger(loaded + DELAY + 2_000).unwrap();
    assert_eq!(pair(&mut sim, offset::TRIG_AT_LO, offset::TRIG_AT_HI), DELAY + 2_000);
    let due = loaded + 2 * DELAY + 2_000;
    assert_eq!(sim.next_event(), Some(due), "the board's clock");
    sim.advance(due);
    let passages = sim.drain_passages();
    assert_eq!((passages[0].triggered, passages[0].due), (loaded + DELAY + 2_000, due));
    assert!(sim.reject_line());
    sim.advance(due + 1_000);
    assert!(!sim.reject_line());
}

/// A gate that counts: 100 counts from trigger to due, no pending parts from before.
fn counting() -> Sim {
    let mut sim = board();
    write(&mut sim, offset::ENCODER, 1);
    configure(&mut sim);
    write(&mut sim, offset::DELAY_LO, 100);
    write(&mut sim, offset::DELAY_HI, 0);
    write(&mut sim, offset::EPOCH, EPOCH);
    sim.turn_encoder(100, START);
    sim.advance(START + 1_000);
    sim
}

#[test]
fn in_counts_a_part_waits_for_the_belt() {
    let mut sim = counting();
    let start = tandem_model::gate::FIRST_POSITION + 100;
    let tag = sim.trigger(START + 2_000).unwrap();
    let at = |sim: &mut Sim, low| pair(sim, low, low + 4);
    assert_eq!(at(&mut sim, offset::TRIG_POSITION_LO), start);
    assert_eq!(at(&mut sim, offset::TRIG_DUE_LO), start + 100);
    assert_eq!(at(&mut sim, offset::TRIG_AT_LO), START + 2_000);
    assert_eq!(sim.next_event(), None);
    sim.turn_encoder(99, 2 * START);
    sim.turn_encoder(-50, 3 * START);
    sim.turn_encoder(50, 4 * START);
    assert!(sim.drain_passages().is_empty() && !sim.reject_line());
    sim.turn_encoder(1, 5 * START);
    let passages = sim.drain_passages();
    assert_eq!((passages[0].tag, passages[0].due, passages[0].rejected), (tag, start + 100, true));
    assert!(sim.reject_line());
    write(&mut sim, offset::SAMPLE, 7);
    assert_eq!(at(&mut sim, offset::SAMPLE_POSITION_LO), start + 100);
    assert_eq!(at(&mut sim, offset::SAMPLE_TIME_LO), 5 * START);
    sim.advance(5 * START + 1_000);
    assert!(!sim.reject_line());
}

#[test]
fn a_lost_encoder_and_a_slip_are_said_and_hold_the_line() {
    let mut sim = counting();
    write(&mut sim, offset::ENCODER_LIMIT, 5_000);
    let mut now = START + 2_000;
    sim.trigger(now).unwrap();
    assert_eq!(sim.next_event(), Some(now + 5_000));
    sim.advance(now + 5_000);
    assert_eq!(read(&mut sim, offset::STATUS), 2, "lost, not ready, nobody pending");
    assert!(sim.reject_line() && !sim.line_ready());
    assert_eq!((read(&mut sim, offset::DOUBTS), read(&mut sim, offset::REJECTED)), (1, 1));
    now += 10_000;
    assert_eq!(sim.trigger(now), None);
    sim.turn_encoder(1, now);
    assert_eq!(read(&mut sim, offset::STATUS) & 2, 0);
    sim.turn_encoder(100, now + 1_000);
    sim.advance(now + 2_000);
    assert!(!sim.reject_line() && sim.line_ready());
    sim.trigger(now + 3_000).unwrap();
    sim.slip_encoder(now + 3_500);
    assert!(sim.reject_line() && !sim.line_ready());
    let counters = [offset::DOUBTS, offset::SLIPS, offset::REJECTED, offset::UNREADY];
    assert_eq!(counters.map(|counter| read(&mut sim, counter)), [2, 1, 2, 1]);
    write(&mut sim, offset::CTRL, 2);
    assert_eq!(counters.map(|counter| read(&mut sim, counter)), [0; 4]);
}

#[test]
fn the_unit_is_taken_only_without_an_epoch_and_forgets_the_delay() {
    let mut sim = gate();
    write(&mut sim, offset::ENCODER, 3);
    assert_eq!(read(&mut sim, offset::ENCODER), 0);
    write(&mut sim, offset::CTRL, 2);
    write(&mut sim, offset::ENCODER, 3);
    write(&mut sim, offset::CTRL, 0);
    assert_eq!(read(&mut sim, offset::ENCODER), 3);
    assert_eq!(read(&mut sim, offset::DELAY_HI), 0);
    write(&mut sim, offset::EPOCH, EPOCH + 1);
    sim.advance(3 * DELAY);
    assert!(sim.reject_line(), "not armed without a delay");
    write(&mut sim, offset::DELAY_HI, 0);
    assert!(sim.reject_line());
    // The other way round: back is on.
    sim.turn_encoder(-1, 3 * DELAY);
    write(&mut sim, offset::SAMPLE, 1);
    let position = pair(&mut sim, offset::SAMPLE_POSITION_LO, offset::SAMPLE_POSITION_HI);
    assert_eq!(position, tandem_model::gate::FIRST_POSITION + 1);
}
