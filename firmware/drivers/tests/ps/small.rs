use tandem_drivers::ps::id::{ResetReason, identity};
use tandem_drivers::ps::ipi::{Ipi, agent};
use tandem_sim::ps::{IdModel, IpiModel};

use crate::bench::{BASE, Bench};

#[test]
fn a_doorbell_is_heard_seen_and_acknowledged() {
    let bench = Bench::new(IpiModel::default());
    let ipi = Ipi::new(&bench, BASE);
    bench.model(|model| model.rings(agent::PL0));
    ipi.start(agent::PL0);
    assert_eq!(ipi.rung(), 0, "what was rung before the start is forgotten");
    bench.model(|model| model.rings(agent::PL0 | agent::RPU1));
    assert!(bench.model(|model| model.irq()));
    assert_eq!(ipi.rung(), agent::PL0 | agent::RPU1);
    ipi.acknowledge(agent::PL0);
    assert!(!bench.model(|model| model.irq()), "RPU1's ring is not ours to hear");
    ipi.ring(agent::PL0);
    assert_eq!(ipi.unseen(agent::PL0), agent::PL0);
    assert_eq!(bench.model(|model| model.heard()), agent::PL0);
    assert_eq!(ipi.unseen(agent::PL0), 0);
}

#[test]
fn a_lost_acknowledge_leaves_the_ring_standing() {
    let bench = Bench::new(IpiModel::default());
    let ipi = Ipi::new(&bench, BASE);
    ipi.start(agent::PL0);
    bench.model(|model| {
        model.rings(agent::PL0);
        model.lost_clear = true;
    });
    ipi.acknowledge(agent::PL0);
    assert_eq!(ipi.rung(), agent::PL0);
    ipi.acknowledge(agent::PL0);
    assert_eq!(ipi.rung(), 0);
}

#[test]
fn device_and_reset_reason_are_read_and_cleared() {
    let bench = Bench::new(IdModel::default());
    bench.model(|model| (model.idcode, model.version, model.reason) = (0x1473_8093, 3, 0x21));
    let found = identity(&bench, BASE);
    assert_eq!((found.idcode, found.version), (0x1473_8093, 3));
    let reason = ResetReason::read(&bench, BASE);
    assert_eq!(reason, ResetReason(0x21));
    bench.model(|model| model.lost_clear = true);
    assert!(!reason.clear(&bench, BASE));
    assert!(reason.clear(&bench, BASE));
    assert_eq!(ResetReason::read(&bench, BASE), ResetReason(0));
}
