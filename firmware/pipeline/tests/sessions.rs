//! Boot, heartbeat, ping, gate, and the lives of core and agent.

mod common;

use common::{CONFIG, FOREVER, MS, World, small_post, small_pre};
use tandem_link::{
    SharedMemory, SlotClass,
    layout::{self, agent},
    message::{Event, FromPeer, JobStatus, ToPeer},
};
use tandem_pipeline::{BootError, GateSetup, Pipeline, PipelineConfig, Store, platform::Platform};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::fault::{Fault, FaultLane};

#[test]
fn hardware_that_is_not_what_it_should_be_is_refused_before_anything_is_announced() {
    let swapped = PipelineConfig { pre: CONFIG.post, post: CONFIG.pre, ..CONFIG };
    let gateless = PipelineConfig { gate: CONFIG.pre, ..CONFIG };
    for config in [swapped, gateless] {
        let mut world = World::with(config);
        world.run_for(50 * MS);
        let error = world.boot_error.expect("refused");
        assert!(matches!(error, BootError::Kernel("pre", _) | BootError::Gate(_)), "{error}");
        assert_eq!(world.agent.peer_epoch(), 0);
    }
}

#[test]
fn everything_that_lives_across_turns_fits_the_tightly_coupled_memory() {
    let world = World::new();
    let store = Store::new();
    let pipeline = Pipeline::new(world.machine, CONFIG, &store);
    let bytes = size_of_val(&pipeline.run()) + size_of::<Store>();
    assert!(bytes <= 48 * 1024, "{bytes} bytes; each of the two memories has 64 KiB");
}

#[test]
fn a_dma_with_a_narrow_length_field_works_with_shorter_descriptors() {
    let narrow = DmaConfig { length_bits: 12, ..DmaConfig::default() };
    let mut world = World::with_dma(narrow);
    world.link_up();
    world.pre_works(&small_pre());
    world.post_works(&small_post());
}

#[test]
fn beats_come_at_their_period_while_lanes_work() {
    let mut world = World::linked();
    let before = world.agent.peer_heartbeat();
    let end = world.now() + 100 * MS;
    while world.now() < end {
        world.pre_works(&small_pre());
        world.run_for(MS);
    }
    let beats = world.agent.peer_heartbeat() - before;
    assert!((9..=11).contains(&beats), "{beats} beats in ten periods");
    assert!(world.now() - world.agent.peer_beat_at().expect("whole") <= CONFIG.heartbeat_period);
}

#[test]
fn a_hung_kernel_does_not_stop_the_beat_because_recovery_is_bounded() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().plant(Fault::HungKernel(FaultLane::Pre));
    let (id, ..) = world.send_pre(&small_pre(), FOREVER);
    let before = world.agent.peer_heartbeat();
    assert_eq!(world.done(id).status, JobStatus::KernelHung);
    let beats = u64::from(world.agent.peer_heartbeat() - before);
    assert!(beats + 1 >= CONFIG.kernel_timeout / CONFIG.heartbeat_period, "{beats}");
}

#[test]
fn ping_is_answered_in_the_same_turn_even_while_a_job_runs() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(50 * MS, 0);
    world.send_pre(&small_pre(), FOREVER);
    world.turn(0);
    let bells = world.machine.doorbells.get();
    world.send(&ToPeer::Ping { sequence: 42 });
    world.turn(0);
    assert_eq!(world.inbox.pop_front(), Some(FromPeer::Pong { sequence: 42 }));
    assert_eq!(world.machine.doorbells.get(), bells + 1);
}

#[test]
fn a_message_that_does_not_decode_is_one_event_and_the_next_is_understood() {
    let mut world = World::linked();
    let memory = world.machine.memory().clone();
    let head = memory.load(agent::TO_PEER_HEAD);
    let entry = layout::RINGS + head % 64 * layout::ENTRY_BYTES;
    world.send(&ToPeer::Ping { sequence: 1 });
    memory.store(entry, 9999);
    world.send(&ToPeer::Ping { sequence: 2 });
    world.turn(0);
    let seen: Vec<_> = world.inbox.drain(..).collect();
    assert_eq!(seen, [FromPeer::Event(Event::BadMessage), FromPeer::Pong { sequence: 2 }]);
}

#[test]
fn a_core_that_comes_back_stops_the_dma_before_it_says_so() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(5 * MS, 5 * MS);
    let (_, tensor, bytes) = world.send_pre(&small_pre(), FOREVER);
    let (_, result, _) = world.send_post(&small_post(), FOREVER);
    world.turn(0);
    world.stop_core();
    world.run_for(MS);
    world.start_core(CONFIG);
    let before = world.agent.peer_epoch();
    world.link_up();
    assert!(world.agent.peer_epoch() > before);
    // Every slot of the dead life comes back, and nothing writes to it any more.
    for (_, a, b) in std::mem::take(&mut world.grants) {
        for granted in [a, b] {
            world.agent.slots().reclaim_after_epoch(granted).expect("an earlier life's");
        }
    }
    for class in SlotClass::ALL {
        assert_eq!(world.agent.slots().free(class), world.agent.slots().total(class));
    }
    let zeros = world.read(result, 64);
    world.run_for(50 * MS);
    assert!(world.read(tensor, bytes.len()).iter().all(|byte| *byte == 0xEE));
    assert_eq!(world.read(result, 64), zeros);
    assert!(world.inbox.is_empty(), "jobs of the dead life are not answered: {:?}", world.inbox);
    world.pre_works(&small_pre());
    world.post_works(&small_post());
}

#[test]
fn an_agent_that_comes_back_gets_a_new_epoch_and_clean_hardware() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(5 * MS, 0);
    world.send_pre(&small_pre(), FOREVER);
    world.turn(0);
    world.restart_agent(2);
    assert!(world.agent.slots().take(SlotClass::Frame).is_none(), "DMA may still run");
    world.link_up();
    assert!(world.agent.peer_epoch() > 1);
    world.run_for(20 * MS);
    assert!(world.inbox.is_empty(), "{:?}", world.inbox);
    world.pre_works(&small_pre());
}

/// Triggers a part; tag and gate epoch as the firmware tells them.
fn trigger(world: &mut World) -> (u32, u32) {
    let now = world.now();
    let tag = world.machine.sim.borrow_mut().trigger(now).expect("room");
    world.turn(0);
    match world.inbox.pop_front() {
        Some(FromPeer::Triggered { tag: told, gate_epoch, at, due }) => {
            assert_eq!((told, at, due), (tag, now, now + 30 * MS));
            (tag, gate_epoch)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_cancel_in_time_under_the_right_tag_and_epoch_lets_a_part_pass() {
    let mut world = World::linked();
    world.send(&ToPeer::ConfigureGate { delay: 30 * MS, pulse: MS });
    world.turn(0);
    let parts = [(); 4].map(|()| {
        world.run_for(MS);
        trigger(&mut world)
    });
    let [good, silent, wrong, late] = parts;
    world.send(&ToPeer::CancelReject { tag: good.0, gate_epoch: good.1 });
    world.send(&ToPeer::CancelReject { tag: wrong.0, gate_epoch: wrong.1 + 1 });
    world.turn(0);
    world.run_for(40 * MS);
    world.send(&ToPeer::CancelReject { tag: late.0, gate_epoch: late.1 });
    world.turn(0);
    let passages = world.machine.sim.borrow_mut().drain_passages();
    let rejected: Vec<_> = passages.iter().map(|part| (part.tag, part.rejected)).collect();
    assert_eq!(rejected, [(good.0, false), (silent.0, true), (wrong.0, true), (late.0, true)]);
}

#[test]
fn triggers_while_the_core_is_away_are_forwarded_when_it_is_back() {
    let mut world = World::linked();
    world.send(&ToPeer::ConfigureGate { delay: 30 * MS, pulse: MS });
    world.run_for(2 * MS);
    world.stop_core();
    let tag = world.machine.sim.borrow_mut().trigger(world.now()).expect("room");
    world.start_core(CONFIG);
    world.link_up();
    world.run_until(|world| !world.inbox.is_empty());
    let Some(FromPeer::Triggered { tag: told, gate_epoch, .. }) = world.inbox.pop_front() else {
        panic!("a trigger is told")
    };
    assert_eq!(told, tag);
    world.send(&ToPeer::CancelReject { tag, gate_epoch });
    world.run_for(40 * MS);
    let passages = world.machine.sim.borrow_mut().drain_passages();
    assert!(!passages[0].rejected, "the gate was not reset: a verdict still counts");
}

#[test]
fn a_gate_that_was_never_configured_rejects_every_part() {
    let mut world = World::linked();
    let now = world.now();
    assert_eq!(world.machine.sim.borrow_mut().trigger(now), None);
    world.run_for(20 * MS);
    assert!(world.inbox.is_empty(), "a part without a tag is not told");
    let sim = world.machine.sim.borrow();
    assert!(sim.reject_line() && !sim.line_ready());
    assert_eq!(sim.gate_counters().unready, 1);
}

/// A gate's register.
fn gate_word(world: &World, at: u32) -> u32 {
    world.machine.sim.borrow_mut().read32(CONFIG.gate + at)
}

#[test]
fn the_gate_is_wired_as_the_board_says_again_after_a_load_and_keeps_the_boards_time() {
    use tandem_regs::gate::offset;
    let setup = GateSetup {
        debounce: 7_000,
        encoder_filter: 300,
        heartbeat_limit: 50 * MS as u32,
        ..GateSetup::NONE
    };
    let mut world = World::linked();
    world.stop_core();
    world.start_core(PipelineConfig { gate_setup: setup, ..CONFIG });
    world.link_up();
    world.send(&ToPeer::ConfigureGate { delay: 30 * MS, pulse: MS });
    world.run_for(2 * MS);
    for load in [false, true, true] {
        if load {
            let now = world.now();
            world.machine.sim.borrow_mut().reset_pl(now);
            world.run_for(40 * MS);
            world.inbox.clear();
        }
        let words = [offset::DEBOUNCE, offset::ENCODER_FILTER, offset::HEARTBEAT_LIMIT];
        assert_eq!(words.map(|at| gate_word(&world, at)), [7_000, 300, 50 * MS as u32]);
        world.run_for(MS);
        // Tells when it was, in the board's time, and `trigger` looks.
        trigger(&mut world);
        world.run_for(40 * MS);
        world.inbox.clear();
    }
    // A firmware that is silent stops the line.
    assert!(world.machine.sim.borrow().line_ready());
    world.stop_core();
    let now = world.now() + 60 * MS;
    world.machine.sim.borrow_mut().advance(now);
    assert!(!world.machine.sim.borrow().line_ready());
}

#[test]
fn a_gate_that_counts_is_reset_if_it_did_not_before_and_nobody_knows_when_its_parts_are_due() {
    let mut world = World::linked();
    world.send(&ToPeer::ConfigureGate { delay: 30 * MS, pulse: MS });
    world.run_for(2 * MS);
    let tag = world.machine.sim.borrow_mut().trigger(world.now()).expect("room");
    world.stop_core();
    let setup = GateSetup { counts: true, ..GateSetup::NONE };
    world.start_core(PipelineConfig { gate_setup: setup, ..CONFIG });
    world.link_up();
    let passages = world.machine.sim.borrow_mut().drain_passages();
    assert_eq!((passages[0].tag, passages[0].rejected), (tag, true));
    assert!(world.machine.sim.borrow().reject_line(), "30 million ns are no counts");
    world.send(&ToPeer::ConfigureGate { delay: 100, pulse: MS });
    world.run_for(2 * MS);
    let now = world.now();
    world.machine.sim.borrow_mut().turn_encoder(100, now);
    world.run_for(2 * MS);
    world.inbox.clear();
    let (now, tag) = (world.now(), world.machine.sim.borrow_mut().trigger(world.now()));
    world.turn(0);
    let Some(FromPeer::Triggered { tag: told, gate_epoch, at, due }) = world.inbox.pop_front()
    else {
        panic!("a trigger is told")
    };
    assert_eq!((Some(told), at, due), (tag, now, u64::MAX));
    world.send(&ToPeer::CancelReject { tag: told, gate_epoch });
    world.run_for(1_000 * MS);
    let now = world.now();
    assert!(world.machine.sim.borrow_mut().drain_passages().is_empty());
    world.machine.sim.borrow_mut().turn_encoder(100, now);
    let passages = world.machine.sim.borrow_mut().drain_passages();
    assert_eq!((passages[0].tag, passages[0].rejected), (told, false));
}
