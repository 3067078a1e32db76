//! The gate against `tandem_sim`'s, which is `tandem_model::gate` behind its registers: random
//! histories of triggers, cancels, settings, resets and epochs, compared in every clock.
//!
//! `TANDEM_RTL_CASES` is the number of histories, `TANDEM_RTL_FIRST` the first one's seed.

mod gate_bench;

use gate_bench::{BINS, History, Setup};
use tandem_regs::gate::{MAP_BYTES, offset};
use tandem_rtl::{Bins, Kernel, Rng, cases, first};
use tandem_sim::gate::GateBlock;

#[test]
fn gate_is_the_model_in_every_clock() {
    let mut bins = Bins::new(&BINS);
    let cases = cases(160);
    for seed in first()..first() + cases {
        let setup = Setup::random(&mut Rng::new(seed));
        let mut history = History::new(seed, setup);
        for _ in 0..6_000 {
            history.clock();
        }
        bins.add(history.bins());
    }
    // Fewer histories do not meet everything.
    if cases >= 100 {
        bins.finish(&[]);
    }
}

/// What was there before a reset, or before any, is gone: every register reads as after power-up.
#[test]
fn a_reset_leaves_nothing() {
    for seed in 0..4 {
        let mut rng = Rng::new(seed);
        let mut kernel = Kernel::load("gate", seed);
        let fresh = GateBlock::new();
        for _ in 0..2 {
            kernel.reset();
            for at in (0..MAP_BYTES).step_by(4) {
                assert_eq!(kernel.try_read32(at).ok(), fresh.read32(at), "register {at:#x}");
            }
            assert_eq!((kernel.get("reject_pin"), kernel.get("line_ready_pin")), (1, 0));
            for at in (offset::EPOCH..MAP_BYTES).step_by(4).filter(|at| *at != offset::CTRL) {
                let _read_only_ones_refuse_nothing = kernel.try_write32(at, rng.next_u32());
            }
            kernel.write32(offset::CTRL, 1);
        }
    }
}

/// The pins from a line that runs into `aresetn` and out of it: nothing passes and nothing is fed.
#[test]
fn the_pins_are_safe_from_a_reset_on() {
    let mut kernel = Kernel::load("gate", 5);
    kernel.reset();
    for (at, value) in [
        (offset::DELAY_LO, 1000),
        (offset::DELAY_HI, 0),
        (offset::PULSE_LO, 1000),
        (offset::PULSE_HI, 0),
        (offset::EPOCH, 1),
    ] {
        kernel.write32(at, value);
    }
    let pins = |kernel: &mut Kernel| (kernel.get("reject_pin"), kernel.get("line_ready_pin"));
    let time = kernel.port("time_ns");
    let ready = (1..1_000).any(|clock| {
        kernel.set_port(time, 10 * clock);
        kernel.clock();
        pins(&mut kernel) == (0, 1)
    });
    assert!(ready, "the line never became ready");
    kernel.reset_watched(|kernel, clock| {
        assert_eq!(pins(kernel), (1, 0), "clock {clock} of the reset");
    });
    for clock in 1..10 {
        kernel.clock();
        assert_eq!(pins(&mut kernel), (1, 0), "clock {clock} behind the reset");
    }
}
