//! The AXI DMA driver against a register-level fake: the sequence, and each scripted fault.

mod common;

use common::*;
use tandem_drivers::dma::{
    AxiDma, ChainCache, Completion, Direction, DmaError, DmaFault, Job, Key, Plan, PlanError,
    Progress, Verify, polls,
};

type Outcome = Result<Completion, DmaFault>;

fn job(fake: &Fake) -> Job {
    let params = small_pre();
    let mut input = ChainCache::<2>::new(DESCRIPTORS, 0x1000);
    let mut output = ChainCache::<2>::new(DESCRIPTORS + 0x1000, 0x1000);
    let read = Plan::pre_input(&params, 0x4000_0000).expect("plan");
    let write = Plan::pre_output(&params, 0x4100_0000).expect("plan");
    Job {
        input: input.prepare(&fake, read, WIDE).expect("chain"),
        output: output.prepare(&fake, write, WIDE).expect("chain"),
    }
}

/// Submits a job, lets `script` play the hardware, and polls and collects.
fn outcome(script: impl Fn(&Fake, &Job)) -> Outcome {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    dma.reset(polls(3)).expect("reset");
    let job = job(&fake);
    dma.submit(&job, polls(3)).expect("submit");
    script(&fake, &job);
    assert_eq!(dma.poll(&job)?, Progress::Ended);
    dma.finish(&job)
}

fn error(script: impl Fn(&Fake, &Job)) -> (Direction, DmaError) {
    let fault = outcome(script).expect_err("the fault must be seen");
    (fault.direction, fault.error)
}

/// Runs well except for what `change` makes of the status word of S2MM descriptor `i`.
fn with_s2mm(fake: &Fake, i: u32, change: impl Fn(u32) -> u32) {
    fake.run_well();
    let well = |_, length| COMPLETE | RXSOF | RXEOF | length;
    let one = |at, length| if at == i { change(well(at, length)) } else { well(at, length) };
    fake.run(Direction::S2mm, one, 0);
}

#[test]
fn a_good_job_follows_the_programming_sequence() {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    dma.reset(polls(3)).expect("reset");
    let job = job(&fake);
    for _ in 0..3 {
        job.input.clear_status(&&fake);
        job.output.clear_status(&&fake);
        fake.tails.borrow_mut().clear();
        fake.order.borrow_mut().clear();
        dma.submit(&job, polls(3)).expect("submit");
        // The receiver first; a barrier right before each tail write.
        assert_eq!(*fake.tails.borrow(), [job.output.tail(), job.input.tail()]);
        assert_eq!(*fake.order.borrow(), "wtwt");
        assert_eq!(fake.peek(DMA + 0x38), job.output.first());
        // Threshold 12 packets, error and completion interrupts, run.
        assert_eq!(fake.peek(DMA + 0x30), 12 << 16 | 0x5000 | RS);
        assert_eq!(fake.peek(DMA), 1 << 16 | 0x4000 | RS);
        assert_eq!(dma.poll(&job), Ok(Progress::Running));
        fake.run_well();
        assert_eq!(dma.poll(&job), Ok(Progress::Ended));
        assert_eq!(dma.finish(&job), Ok(Completion { read: 20 * 20 * 3, written: 16 * 16 * 3 }));
        assert_eq!(fake.peek(DMA + 0x34) & IOC, 0, "acknowledged");
    }
}

#[test]
fn descriptor_words_are_the_product_guides() {
    let fake = Fake::new();
    let job = job(&fake);
    assert_eq!((job.input.count(), job.output.count()), (20, 12));
    let word = |i: u32, at: u32| fake.peek(DESCRIPTORS + 64 * i + at);
    assert_eq!(word(0, 0x00), DESCRIPTORS + 64);
    assert_eq!(word(0, 0x08), 0x4000_0000 + 2 * 128 + 4 * 3);
    assert_eq!(word(0, 0x18), 60 | 1 << 27);
    assert_eq!(word(1, 0x18), 60);
    assert_eq!(word(19, 0x18), 60 | 1 << 26);
    assert_eq!(word(19, 0x00), DESCRIPTORS);
    // S2MM takes the length only.
    assert_eq!(fake.peek(DESCRIPTORS + 0x1000 + 0x18), 64);
}

#[test]
fn waits_are_bounded() {
    let stuck = |stuck: Stuck| {
        let fake = Fake::new();
        let mut dma = AxiDma::new(&fake, DMA);
        let job = job(&fake);
        dma.reset(polls(3)).expect("reset");
        dma.submit(&job, polls(3)).expect("submit");
        fake.stuck.set(stuck);
        let before = fake.reads.get();
        let result = if stuck.reset { dma.reset(polls(50)) } else { dma.submit(&job, polls(50)) };
        assert!(fake.reads.get() - before <= 150, "polled more than it was allowed");
        result.expect_err("stuck").error
    };
    assert_eq!(stuck(Stuck { reset: true, ..Stuck::default() }), DmaError::Timeout);
    assert_eq!(stuck(Stuck { halt: true, ..Stuck::default() }), DmaError::Timeout);
    assert_eq!(stuck(Stuck { start: true, ..Stuck::default() }), DmaError::Timeout);
}

#[test]
fn each_channel_error_has_its_name() {
    let cases = [
        (0x010, DmaError::Internal),
        (0x020, DmaError::Slave),
        (0x040, DmaError::Decode),
        (0x100, DmaError::SgInternal),
        (0x200, DmaError::SgSlave),
        (0x400, DmaError::SgDecode),
        // The one nearest to the cause.
        (0x440, DmaError::SgDecode),
    ];
    for (bit, expected) in cases {
        for direction in [Direction::Mm2s, Direction::S2mm] {
            let got = error(|fake, _| {
                fake.run_well();
                fake.set_status(direction, bit | HALTED | 0x4000);
            });
            assert_eq!(got, (direction, expected));
        }
    }
}

#[test]
fn a_channel_in_error_is_not_started() {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    let job = job(&fake);
    fake.set_status(Direction::S2mm, 0x40);
    let fault = DmaFault { direction: Direction::S2mm, error: DmaError::Decode };
    assert_eq!(dma.submit(&job, polls(3)), Err(fault));
    assert!(fake.tails.borrow().is_empty());
    assert_eq!(dma.reset(polls(3)), Ok(()));
    assert_eq!(dma.submit(&job, polls(3)), Ok(()));
}

#[test]
fn descriptor_errors_have_their_names() {
    for (bit, expected) in [(28, DmaError::Internal), (29, DmaError::Slave), (30, DmaError::Decode)]
    {
        let got = error(|fake, _| with_s2mm(fake, 3, |word| word | 1 << bit));
        assert_eq!(got, (Direction::S2mm, expected));
    }
}

#[test]
fn packet_borders_are_checked() {
    let mismatch = (Direction::S2mm, DmaError::StreamMismatch);
    // TLAST missing in the middle: the next buffer goes on with the same packet.
    assert_eq!(error(|fake, _| with_s2mm(fake, 5, |word| word & !RXEOF)), mismatch);
    assert_eq!(error(|fake, _| with_s2mm(fake, 6, |word| word & !RXSOF)), mismatch);
    // Short, and one that was not reached although the packets were counted (one too many).
    assert_eq!(error(|fake, _| with_s2mm(fake, 11, |word| word - 4)), mismatch);
    assert_eq!(error(|fake, _| with_s2mm(fake, 11, |_| 0)), mismatch);
    // MM2S with a length field that is too narrow moves less than it was told.
    let narrow = error(|fake, _| {
        fake.run_well();
        fake.run(Direction::Mm2s, |_, length| COMPLETE | (length & 0x1F), 0);
    });
    assert_eq!(narrow, (Direction::Mm2s, DmaError::StreamMismatch));
}

#[test]
fn the_end_is_seen_without_an_interrupt() {
    // One packet fewer than planned: idle at the tail, and the count was never reached.
    let got = error(|fake, _| {
        fake.run(Direction::Mm2s, |_, length| COMPLETE | length, IDLE | IOC);
        let merged = |i, length| {
            let (sof, eof) = (if i == 4 { 0 } else { RXSOF }, if i == 3 { 0 } else { RXEOF });
            COMPLETE | sof | eof | length
        };
        fake.run(Direction::S2mm, merged, IDLE);
    });
    assert_eq!(got, (Direction::S2mm, DmaError::StreamMismatch));
}

#[test]
fn idle_before_the_tail_is_complete_is_not_the_end() {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    let job = job(&fake);
    dma.submit(&job, polls(3)).expect("submit");
    fake.set_status(Direction::Mm2s, IDLE);
    fake.set_status(Direction::S2mm, IDLE);
    assert_eq!(dma.poll(&job), Ok(Progress::Running));
}

/// Each bit of each word that software wrote, flipped: whatever the hardware then says, the cause
/// is named; and a wrong buffer address is seen even when the hardware says that all is well.
#[test]
fn corrupt_descriptors_are_the_cause() {
    let flip = |fake: &Fake, at: u32, bit: u32| fake.poke(at, fake.peek(at) ^ 1 << bit);
    for word in [0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18] {
        for bit in [0, 6, 13, 26, 31] {
            let got = error(|fake, job| {
                fake.run_well();
                flip(fake, job.output.first() + 64 * 7 + word, bit);
                fake.set_status(Direction::S2mm, 0x40 | HALTED);
            });
            assert_eq!(got, (Direction::S2mm, DmaError::DescriptorCorrupt), "{word:#x} {bit}");
        }
    }
    for bit in 0..32 {
        let got = error(|fake, job| {
            fake.run_well();
            flip(fake, job.input.first() + 64 * 2 + 0x08, bit);
        });
        assert_eq!(got, (Direction::Mm2s, DmaError::DescriptorCorrupt), "buffer bit {bit}");
    }
    // A completion that the DMA never wrote.
    let planted = error(|fake, job| {
        fake.poke(job.output.first() + 64 * 5 + 0x1C, COMPLETE);
        fake.set_status(Direction::S2mm, 0x100 | HALTED);
    });
    assert_eq!(planted, (Direction::S2mm, DmaError::DescriptorCorrupt));
}

#[test]
fn a_job_that_does_not_end_is_diagnosed() {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    let job = job(&fake);
    dma.submit(&job, polls(3)).expect("submit");
    assert_eq!(dma.diagnose(&job, false), None, "the kernel hangs");
    fake.run(Direction::Mm2s, |_, length| COMPLETE | length, IDLE | IOC);
    let waits = DmaFault { direction: Direction::S2mm, error: DmaError::StreamMismatch };
    assert_eq!(dma.diagnose(&job, true), Some(waits));
    fake.poke(job.input.tail() + 0x18, 60);
    let corrupt = DmaFault { direction: Direction::Mm2s, error: DmaError::DescriptorCorrupt };
    assert_eq!(dma.diagnose(&job, false), Some(corrupt));
}

#[test]
fn the_cache_saves_writes_and_never_lies() {
    let fake = Fake::new();
    let params = small_pre();
    let plan = |tensor| Plan::pre_output(&params, tensor).expect("plan");
    let mut cache = ChainCache::<2>::new(DESCRIPTORS, 24 * 64);
    let prepare = |cache: &mut ChainCache<2>, tensor| {
        let before = fake.writes.get();
        let chain = cache.prepare(&&fake, plan(tensor), WIDE).expect("chain");
        assert_eq!(chain.verify(&&fake, Verify::All), Ok(()));
        for i in 0..chain.count() {
            assert_eq!(fake.peek(chain.first() + 64 * i + 0x1C), 0, "status is cleared");
            fake.poke(chain.first() + 64 * i + 0x1C, COMPLETE);
        }
        fake.writes.get() - before
    };
    assert_eq!(prepare(&mut cache, 0x100_0000), 12 * 8);
    assert_eq!(prepare(&mut cache, 0x200_0000), 12 * 8);
    assert_eq!(prepare(&mut cache, 0x100_0000), 12);
    assert_eq!(prepare(&mut cache, 0x200_0000), 12);
    // A third one does not fit: it takes the first one's place, whose zero words stay.
    assert_eq!(prepare(&mut cache, 0x300_0000), 12 * 4);
    assert_eq!(prepare(&mut cache, 0x100_0000), 12 * 4);
    cache.forget();
    fake.poke(DESCRIPTORS + 0x10, 1);
    assert_eq!(prepare(&mut cache, 0x100_0000), 12 * 8);
    let room = cache.prepare(&&fake, Plan::pre_input(&params, 0).expect("plan"), WIDE);
    assert!(room.is_ok(), "20 descriptors fit 24");
    let mut small = ChainCache::<1>::new(DESCRIPTORS, 19 * 64);
    let refused = small.prepare(&&fake, Plan::pre_input(&params, 0).expect("plan"), WIDE);
    assert_eq!(refused, Err(PlanError::Room { need: 20, have: 19 }));
}

/// A hint says where to look first, and nothing about what is there: keys that share one are told apart,
/// and a key that was never placed, or is forgotten, is not found by any.
#[test]
fn a_hint_finds_nothing_but_its_key() {
    let fake = Fake::new();
    let params = small_pre();
    let plan = |slot| Plan::pre_output(&params, slot).expect("plan");
    let mut cache = ChainCache::<4>::new(DESCRIPTORS, 0x2000);
    let key = |params, slot, hint| Key { params, slot, hint };
    let slots = [0x100_0000, 0x200_0000, 0x300_0000];
    for slot in slots {
        assert!(cache.find(&&fake, key(7, slot, 1)).is_none(), "{slot:#x} before it was placed");
        cache.place(&&fake, key(7, slot, 1), plan(slot), WIDE).expect("room");
    }
    for hint in [1, 5, 0, u16::MAX, 1] {
        for slot in slots.into_iter().chain(slots.into_iter().rev()) {
            let place = cache.find(&&fake, key(7, slot, hint)).expect("placed");
            assert_eq!(*cache.chain(place).plan(), plan(slot), "{slot:#x} by hint {hint}");
            assert!(cache.find(&&fake, key(8, slot, hint)).is_none(), "other parameters");
            assert!(cache.find(&&fake, key(0, slot, hint)).is_none(), "no parameters");
        }
        assert!(cache.find(&&fake, key(7, 0x400_0000, hint)).is_none(), "another slot");
    }
    cache.forget();
    for slot in slots {
        assert!(cache.find(&&fake, key(7, slot, 1)).is_none(), "{slot:#x} after it was forgotten");
    }
}

/// Reads that it takes to collect a job whose S2MM descriptor `i` was changed by `change`, and the
/// result. The status registers take none: the look that found the end has read them.
fn collected(i: u32, change: impl Fn(u32) -> u32) -> (u64, Outcome) {
    let fake = Fake::new();
    let mut dma = AxiDma::new(&fake, DMA);
    dma.reset(polls(3)).expect("reset");
    let job = job(&fake);
    dma.submit(&job, polls(3)).expect("submit");
    with_s2mm(&fake, i, change);
    assert_eq!(dma.poll(&job), Ok(Progress::Ended));
    let before = fake.reads.get();
    let result = dma.finish(&job);
    (fake.reads.get() - before, result)
}

#[test]
fn a_good_job_is_proven_by_two_reads_a_descriptor() {
    let (reads, result) = collected(0, |status| status);
    assert_eq!(result, Ok(Completion { read: 20 * 20 * 3, written: 16 * 16 * 3 }));
    assert_eq!(reads, 2 * (20 + 12));
}

#[test]
fn sums_that_differ_are_looked_into_word_by_word() {
    // A byte less, no packet's end, no start, an error, nothing at all.
    type Flip = fn(u32) -> u32;
    let cases: [(Flip, DmaError); 5] = [
        (|status| status - 1, DmaError::StreamMismatch),
        (|status| status & !RXEOF, DmaError::StreamMismatch),
        (|status| status & !RXSOF, DmaError::StreamMismatch),
        (|status| status | 1 << 29, DmaError::Slave),
        (|_| 0, DmaError::StreamMismatch),
    ];
    for (change, error) in cases {
        for i in 0..12 {
            let (_, result) = collected(i, change);
            assert_eq!(result, Err(DmaFault { direction: Direction::S2mm, error }), "{i}");
        }
    }
}

/// A byte more here and a byte less there leave the sum as it is. A DMA cannot write more than it was
/// given; where it has not even counted the ends of all packets, that is not taken on trust.
#[test]
fn without_the_count_of_packets_the_sums_prove_nothing() {
    let fake = Fake::new();
    let job = job(&fake);
    for i in 0..12 {
        let status = COMPLETE | RXSOF | RXEOF | 64;
        let status = [status, status + 1, status - 1][[0, 1, 2, 0][i as usize % 4]];
        fake.poke(job.output.first() + 64 * i + 0x1C, status);
    }
    assert_eq!(job.output.collect(&&fake, true), Ok(16 * 16 * 3));
    assert_eq!(job.output.collect(&&fake, false), Err(DmaError::StreamMismatch));
}

#[test]
fn a_chain_in_pieces_is_looked_into_word_by_word() {
    // A band of 256 bytes does not fit a length field of 8 bits: its packet takes two descriptors.
    let fake = Fake::new();
    let mut output = ChainCache::<2>::new(DESCRIPTORS, 0x1000);
    let mut params = small_pre();
    params.band_rows = 16;
    let narrow = tandem_drivers::dma::Limits { length_bits: 8, ..WIDE };
    let plan = Plan::pre_output(&params, 0x4100_0000).expect("plan");
    let chain = output.prepare(&&fake, plan, narrow).expect("chain");
    assert!(chain.count() > plan.packets());
    let before = fake.reads.get();
    assert_eq!(chain.collect(&&fake, true), Err(DmaError::StreamMismatch), "nothing was moved");
    // The first status, and then all of it for the cause; no sums before.
    assert_eq!(fake.reads.get() - before, 1 + 7 * u64::from(chain.count()));
}
