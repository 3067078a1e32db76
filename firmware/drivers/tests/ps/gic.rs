use proptest::prelude::*;
use tandem_drivers::ps::gic::{Gic, GicError, Line, Trigger};
use tandem_sim::ps::{GicFault, GicModel};

use crate::bench::{BASE, Bench};

fn started(bench: &Bench<GicModel>) -> Gic<&Bench<GicModel>> {
    let gic = Gic::new(bench, BASE, BASE + 0x1000);
    gic.start();
    gic
}

#[test]
fn a_level_is_seen_and_wakes_until_it_falls() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(121, Line::Irq, Trigger::Level).unwrap();
    assert!(!bench.model(|model| model.irq()));
    bench.model(|model| model.set_level(121, true));
    assert!(gic.pending(121) && bench.model(|model| model.irq() && !model.fiq()));
    gic.clear(121).unwrap();
    assert!(gic.pending(121), "a level that is high stays");
    bench.model(|model| model.set_level(121, false));
    assert!(!gic.pending(121) && !bench.model(|model| model.irq()));
}

#[test]
fn an_edge_stays_until_it_is_acknowledged() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(65, Line::Irq, Trigger::Edge).unwrap();
    for level in [true, false] {
        bench.model(|model| model.set_level(65, level));
    }
    assert_eq!(gic.acknowledge(), Some(65));
    assert!(!bench.model(|model| model.irq()), "it is active");
    gic.end(65);
    assert_eq!(gic.acknowledge(), None);
}

#[test]
fn the_watchdog_comes_by_the_other_line() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(84, Line::Fiq, Trigger::Edge).unwrap();
    gic.enable(54, Line::Irq, Trigger::Level).unwrap();
    bench.model(|model| model.set_level(84, true));
    assert!(bench.model(|model| model.fiq() && !model.irq()));
    assert_eq!(gic.acknowledge(), Some(84));
    gic.end(84);
}

#[test]
fn a_disabled_interrupt_is_pending_and_wakes_nobody() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(100, Line::Irq, Trigger::Level).unwrap();
    gic.disable(100).unwrap();
    bench.model(|model| model.set_level(100, true));
    assert!(gic.pending(100) && !bench.model(|model| model.irq()));
}

#[test]
fn a_spurious_acknowledge_is_told_apart_and_nothing_is_lost() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(65, Line::Irq, Trigger::Edge).unwrap();
    gic.raise(65).unwrap();
    bench.model(|model| model.plant(GicFault::Spurious));
    assert_eq!(gic.acknowledge(), None);
    assert_eq!(gic.acknowledge(), Some(65));
    gic.end(65);
}

#[test]
fn a_lost_end_blocks_its_interrupt_until_it_is_said_again() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(65, Line::Irq, Trigger::Edge).unwrap();
    gic.raise(65).unwrap();
    assert_eq!(gic.acknowledge(), Some(65));
    bench.model(|model| model.plant(GicFault::LostEnd));
    gic.end(65);
    gic.raise(65).unwrap();
    assert_eq!(gic.acknowledge(), None);
    gic.end(65);
    assert_eq!(gic.acknowledge(), Some(65));
    gic.end(65);
}

#[test]
fn what_the_controller_has_not_is_refused() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    assert_eq!(gic.interrupts(), 192);
    for id in [0, 31, 192, 1023, u32::MAX] {
        let refused = Err(GicError::NoSuch { id, last: 191 });
        assert_eq!(gic.enable(id, Line::Irq, Trigger::Level), refused);
        assert_eq!(gic.raise(id), refused);
    }
}

#[test]
fn a_start_forgets_an_earlier_life() {
    let bench = Bench::new(GicModel::default());
    let gic = started(&bench);
    gic.enable(65, Line::Irq, Trigger::Edge).unwrap();
    gic.raise(65).unwrap();
    gic.start();
    assert!(!gic.pending(65));
    gic.enable(65, Line::Irq, Trigger::Edge).unwrap();
    assert!(!bench.model(|model| model.irq()));
}

proptest! {
    #[test]
    fn levels_are_those_of_the_wires(first in 32u32..160, count in 1u32..=32, wires: [u32; 6]) {
        let bench = Bench::new(GicModel::default());
        let gic = started(&bench);
        let high = |id: usize| wires[id / 32] >> (id % 32) & 1 == 1;
        (32..192).for_each(|id| bench.model(|model| model.set_level(id, high(id))));
        let count = count.min(192 - first);
        let wanted: u32 = (0..count).filter(|bit| high((first + bit) as usize)).map(|bit| 1 << bit).sum();
        prop_assert_eq!(gic.levels(first, count), wanted);
    }
}
