//! The same agent over the real firmware and device models, on one thread with a virtual clock.

use tandem_link::board::Board;
use tandem_vboard::Lockstep;

use super::*;

/// A limit of the board's clock that only a hang exceeds.
const LONG: u64 = 60_000 * MS;

struct World {
    agent: Agent,
    machinery: Machinery<Lockstep>,
    board: Arc<Lockstep>,
}

impl World {
    fn new() -> Self {
        let description = tandem_boards::Board::virtual_default();
        let board = Arc::new(Lockstep::new(&description, 7).unwrap());
        let config = AgentConfig { deadline: LONG, ..AgentConfig::default() };
        let engine = FakeEngine::local(&Mood::default());
        let (agent, machinery) =
            Agent::assemble(board.clone(), config, policy("default", 0), vec![engine]).unwrap();
        let mut world = Self { agent, machinery, board };
        world.until("the firmware is up", |world| world.state() == PeerState::Up);
        world
    }

    fn turn(&mut self) {
        let next = self.machinery.data_plane.poll(self.board.now());
        while self.machinery.engines[0].poll()
            || self.machinery.cpu.poll()
            || self.machinery.supervisor.poll()
        {}
        // A command rings the agent's own bell, which ends a wait before time has passed.
        self.board.step();
        Board::wait(&*self.board, next);
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.board.now() + LONG;
        while !done(self) {
            assert!(self.board.now() < limit, "{what}: {:?}", self.agent.stats().incidents);
            self.turn();
        }
    }

    fn state(&mut self) -> PeerState {
        let report = self.agent.report();
        self.machinery.data_plane.poll(self.board.now());
        report.try_take().unwrap().unwrap().peer.state
    }

    fn inspect(&mut self, seed: u8) -> Answer {
        let mut slot = self.agent.try_reserve_frame().expect("a free frame slot");
        for (i, byte) in slot.bytes_mut()[..FRAME.bytes()].iter_mut().enumerate() {
            *byte = (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed;
        }
        let frame = IngestedFrame {
            slot,
            frame: FRAME,
            name: String::new(),
            began: self.agent.now(),
            bytes_in: 0,
            deadline: None,
            tag: None,
            policy: None,
            options: Default::default(),
        };
        let mut ticket = Some(self.agent.submit(frame).unwrap());
        let mut answer = None;
        self.until("an answer", |_| match ticket.take().map(Ticket::try_take) {
            Some(Err(back)) => {
                ticket = Some(back);
                false
            }
            Some(Ok(taken)) => {
                answer = taken.ok();
                true
            }
            None => true,
        });
        *answer.unwrap()
    }

    fn assert_clean(&mut self) {
        self.until("clean slots", |world| world.machinery.data_plane.audit().is_clean());
    }

    /// Incidents that were counted, with their counts.
    fn incidents(&self) -> Vec<(&'static str, u64)> {
        let all = Incident::ALL.iter().map(|&i| (i.name(), self.agent.counters().incidents(i)));
        all.filter(|(_, count)| *count > 0).collect()
    }
}

#[test]
fn the_firmware_and_the_fallback_agree() {
    let reference = Rig::reference(3);
    let mut world = World::new();
    let answer = world.inspect(3);
    assert!(answer.degraded.is_empty(), "{:?}", world.incidents());
    assert_eq!(answer.detections, reference);
    assert_eq!(silicon(&answer)[1], Some(Silicon::Pl));
    assert_eq!(silicon(&answer)[3], Some(Silicon::Pl));
    world.assert_clean();
    assert_eq!(world.incidents(), []);
}

#[test]
fn every_fault_of_the_hardware_is_one_incident() {
    let reference = Rig::reference(3);
    let faults = World::new().board.faults().unwrap().list();
    assert!(!faults.is_empty());
    for fault in faults {
        let mut world = World::new();
        world.board.faults().unwrap().plant(&fault).unwrap();
        let answer = world.inspect(3);
        assert_eq!(answer.detections, reference, "{fault}");
        assert_eq!(world.board.faults().unwrap().pending(), [""; 0], "{fault}");
        let expected = match fault.split(':').next().unwrap() {
            "lost_interrupt" => "lost_interrupt",
            "slave_error" => "dma_slave_error",
            "decode_error" => "dma_decode_error",
            "stuck_tlast" => "stream_mismatch",
            "hung_kernel" => "kernel_hung",
            "flipped_descriptor_bit" => "descriptor_corrupt",
            other => panic!("no incident is known for {other}"),
        };
        assert_eq!(world.incidents(), [(expected, 1)], "{fault}");
        let after = world.inspect(3);
        assert!(after.degraded.is_empty(), "{fault}: {:?}", world.incidents());
        world.assert_clean();
    }
}

#[test]
fn a_frozen_core_is_restarted_and_the_agent_goes_on() {
    let mut world = World::new();
    world.board.faults().unwrap().freeze_core(true);
    let answer = world.inspect(3);
    assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::R5Frozen]);
    world.until("the firmware is back", |world| world.state() == PeerState::Up);
    assert!(world.inspect(3).degraded.is_empty());
    world.assert_clean();
    assert_eq!(world.incidents(), [("r5_frozen", 1)]);
}

#[test]
fn a_core_that_dies_at_any_access_costs_speed_only() {
    let reference = Rig::reference(3);
    // Every third access of a job and of the heartbeats after it.
    for k in (0..1200).step_by(3) {
        let mut world = World::new();
        world.board.faults().unwrap().kill_core_at(k);
        let answer = world.inspect(3);
        assert_eq!(answer.detections, reference, "killed at {k}");
        world.until("the death is seen", |world| !world.incidents().is_empty());
        world.until("the firmware is back", |world| world.state() == PeerState::Up);
        assert!(world.inspect(3).degraded.is_empty(), "killed at {k}");
        world.assert_clean();
        assert_eq!(world.incidents(), [("r5_dead", 1)], "killed at {k}");
    }
}
