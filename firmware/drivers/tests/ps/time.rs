use proptest::prelude::*;
use tandem_drivers::ps::counter::{SystemCounter, nanos};
use tandem_drivers::ps::swdt::{Swdt, WatchdogError};
use tandem_drivers::ps::ttc::{Extended, Ttc};
use tandem_sim::ps::{CounterModel, SwdtModel, TtcModel};

use crate::bench::{BASE, Bench};

const HERTZ: u32 = 100_000_000;

#[test]
fn a_timer_tells_the_time_across_its_rounds() {
    for (bits, exponent) in [(16, 10), (32, 0)] {
        let bench = Bench::new(TtcModel::new(bits));
        let timer = Ttc::new(&bench, BASE, 0, bits);
        timer.start(exponent);
        let began = bench.now();
        let mut time = Extended::default();
        for _ in 0..50 {
            bench.pass(400_000_000);
            let ticks = time.ticks(&timer);
            let told = nanos(ticks << exponent, HERTZ);
            let error = (bench.now() - began).abs_diff(told);
            assert!(error <= 20_000, "{error} ns off with {bits} bits");
        }
    }
}

#[test]
fn an_alarm_comes_when_it_is_due_and_not_before() {
    let bench = Bench::new(TtcModel::new(32));
    let timer = Ttc::new(&bench, BASE, 0, 32);
    timer.start(0);
    assert!(timer.alarm(1_000_000));
    bench.pass(9_000_000);
    assert!(!bench.model(|model| model.irq()));
    bench.pass(1_100_000);
    assert!(bench.model(|model| model.irq()));
    assert!(timer.events());
    assert!(!bench.model(|model| model.irq()), "asking lowers it");
}

#[test]
fn an_alarm_that_was_passed_while_it_was_set_is_told() {
    let bench = Bench::new(TtcModel::new(32));
    let timer = Ttc::new(&bench, BASE, 0, 32);
    timer.start(0);
    // An access takes 20 ticks: the match lies behind the count when it is in place.
    assert!(!timer.alarm(5));
    timer.disarm();
    bench.pass(1_000_000);
    assert!(!bench.model(|model| model.irq()));
}

#[test]
fn an_alarm_across_the_wrap_comes() {
    let bench = Bench::new(TtcModel::new(16));
    let timer = Ttc::new(&bench, BASE, 0, 16);
    timer.start(4);
    bench.pass(65_000 * 160);
    assert!(timer.alarm(2_000));
    bench.pass(1_900 * 160);
    assert!(!bench.model(|model| model.irq()));
    bench.pass(200 * 160);
    assert!(bench.model(|model| model.irq()));
}

#[test]
fn the_system_counter_is_never_torn() {
    let bench = Bench::new(CounterModel::default());
    let counter = SystemCounter::new(&bench, BASE);
    counter.start();
    assert_eq!(counter.frequency(), HERTZ);
    bench.model(|model| {
        model.set(0x1_FFFF_FFFE);
        model.step = 1;
    });
    let ticks = counter.ticks();
    assert!((0x1_FFFF_FFFE..0x2_0000_0100).contains(&ticks), "{ticks:#x}");
    bench.model(|model| model.step = 0);
    let before = counter.ticks();
    bench.pass(1_000_000);
    assert!((100_000..100_100).contains(&(counter.ticks() - before)));
}

#[test]
fn a_watchdog_that_is_fed_is_quiet_and_then_it_is_not() {
    let bench = Bench::new(SwdtModel::default());
    let watchdog = Swdt::new(&bench, BASE, HERTZ);
    watchdog.start(100_000).unwrap();
    for _ in 0..20 {
        bench.pass(90_000_000);
        assert!(!watchdog.expired());
        watchdog.feed();
    }
    bench.pass(110_000_000);
    assert!(watchdog.expired());
    assert!(bench.model(|model| model.irq() && !model.resets()), "the A53s live on");
    watchdog.stop();
    watchdog.start(100_000).unwrap();
    assert!(!watchdog.expired());
}

#[test]
fn a_watchdog_without_a_clock_is_found_out() {
    let bench = Bench::new(SwdtModel::default());
    bench.model(|model| model.clocked = false);
    let error = Swdt::new(&bench, BASE, HERTZ).start(100_000).unwrap_err();
    assert!(matches!(error, WatchdogError::Deaf { found: 0, .. }), "{error}");
}

#[test]
fn impossible_periods_are_refused() {
    let bench = Bench::new(SwdtModel::default());
    let watchdog = Swdt::new(&bench, BASE, HERTZ);
    let most = 4096 * 4096 * 4096 / 100;
    for us in [0, most + 1] {
        assert_eq!(watchdog.start(us), Err(WatchdogError::Period { us, most }));
    }
    watchdog.start(most).unwrap();
    assert_eq!(bench.accesses(), 5, "what is refused touches nothing");
}

proptest! {
    #[test]
    fn a_watchdogs_period_is_at_least_what_was_asked(us in 1u64..680_000_000) {
        let bench = Bench::new(SwdtModel::default());
        Swdt::new(&bench, BASE, HERTZ).start(us).unwrap();
        let period = bench.model(|model| model.period()) / 1000;
        // A step of the reload is the coarsest thing: 4096 counts of the division.
        let coarse = if us < 1_300_000 { 330 } else if us < 10_400_000 { 2_700 } else if us < 85_000_000 { 21_000 } else { 168_000 };
        prop_assert!(period >= us && period - us <= coarse, "{} for {}", period, us);
    }

    #[test]
    fn nanoseconds_are_exact(ticks in 0u64..u64::MAX / 1000, hertz in 1u32..2_000_000_000) {
        let exact = u128::from(ticks) * 1_000_000_000 / u128::from(hertz);
        if let Ok(exact) = u64::try_from(exact) {
            prop_assert_eq!(nanos(ticks, hertz), exact);
        }
    }
}
