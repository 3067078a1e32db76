//! A line of parts for a long time: trigger, image, verdict, cancel, under every fault, on one
//! thread in virtual time. No bad part passes, no cancel lets another part through, and every good
//! part that is rejected is in somebody's counter.
//!
//! 2,000 parts here; `TANDEM_LINE=100000` takes as many as it says.

use tandem_agent::counters::Flow;
use tandem_tests::chaos::{Chaos, Line, Missed};

fn parts() -> u64 {
    let Ok(text) = std::env::var("TANDEM_LINE") else { return 2000 };
    text.parse().unwrap_or_else(|_| panic!("TANDEM_LINE is {text:?}, it can be a number of parts"))
}

fn report(line: &Line<'_>, missed: &Missed) {
    let sums = line.sums();
    eprintln!("{} parts: {} good, {} passed", line.parts(), missed.good, missed.passed);
    eprintln!("good parts rejected: {missed:?}");
    eprintln!("gate: {sums:?}\nfaults {:?}\nincidents {:?}", line.planted(), line.incidents());
}

#[test]
fn no_bad_part_passes_and_every_missed_part_is_counted() {
    let chaos = Chaos::new();
    let mut line = Line::new(&chaos, 1);
    let parts = parts();
    // A fault every 40 parts.
    line.run(parts, 25);
    let missed = line.settle();
    report(&line, &missed);
    assert_eq!(line.parts(), parts);
    missed.assert_counted(&line);
    assert!(missed.passed * 2 > missed.good, "most good parts pass, faults or not: {missed:?}");
    assert!(line.flow(Flow::GateCancelSent) >= missed.passed);
}

#[test]
fn without_a_fault_every_good_part_passes() {
    let chaos = Chaos::new();
    let mut line = Line::new(&chaos, 2);
    line.run(500, 0);
    let missed = line.settle();
    assert_eq!((missed.passed, missed.all()), (missed.good, 0), "{missed:?}");
    assert!(line.incidents().is_empty(), "{:?}", line.incidents());
}
