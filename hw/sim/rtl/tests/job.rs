//! The job protocol against the rules of `tandem_sim`'s kernels, in random histories.

use tandem_rtl::{Kernel, Rng};

#[derive(Default)]
struct Expected {
    job: u32,
    run: bool,
    done: u32,
    status: u32,
}

#[test]
fn jobs_follow_start_and_done() {
    let mut seen = [0_u32; 5];
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let mut kernel = Kernel::load("job", seed);
        kernel.reset();
        let mut expected = Expected::default();
        let (mut start, mut ack, mut irq_en, mut hold) = (0, 0, false, false);
        for _ in 0..400 {
            if rng.chance(100) {
                start = rng.below(4) as u32;
            }
            if rng.chance(100) {
                ack = if rng.chance(700) { expected.done } else { rng.below(4) as u32 };
            }
            if rng.chance(40) {
                irq_en = !irq_en;
            }
            hold = rng.chance(if hold { 700 } else { 12 });
            if hold {
                (start, ack) = (0, 0);
            }
            let (end, code) = (rng.chance(120), rng.below(4) as u32);
            for (name, value) in [
                ("start_count", start),
                ("ack_count", ack),
                ("ctrl_irq_en", irq_en.into()),
                ("ctrl_reset", hold.into()),
                ("end_job", end.into()),
                ("end_code", code),
            ] {
                kernel.set(name, value.into());
            }
            kernel.settle();
            let begins = !hold && !expected.run && start != expected.job;
            let irq = irq_en && expected.done != ack;
            assert_eq!(kernel.get("begin_job") != 0, begins);
            assert_eq!(kernel.get("run") != 0, expected.run);
            assert_eq!(kernel.get("rst") != 0, hold);
            assert_eq!(kernel.get("done_count") as u32, expected.done);
            assert_eq!(kernel.get("status_code") as u32, expected.status);
            assert_eq!(kernel.get("irq") != 0, irq);
            let ends = expected.run && end && !hold;
            let restarts = ends && start != expected.job;
            for (count, hit) in seen.iter_mut().zip([begins, ends, restarts, hold, irq]) {
                *count += u32::from(hit);
            }
            kernel.clock();
            if hold {
                expected = Expected::default();
            } else if begins {
                (expected.job, expected.run) = (start, true);
            } else if ends {
                (expected.done, expected.status) = (expected.job, code);
                expected.run = false;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}
