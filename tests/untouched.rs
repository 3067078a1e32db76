//! The proof that payloads are not touched by the data plane: it keeps all payload slots mapped
//! without any right, and everything still passes.
//!
//! Ingest, the engine lane, the CPU lane and the virtual board have mappings of their own, with the
//! rights that their work needs.

use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tandem_agent::agent::{Agent, Machinery};
use tandem_agent::dataplane::PeerState;
use tandem_agent::lanes;
use tandem_agent::slots::entries;
use tandem_boards::Board as Description;
use tandem_link::SlotClass;
use tandem_link::board::Board;
use tandem_tests::programs::run;
use tandem_tests::small::{self, Small};
use tandem_tests::threaded::{LONG, patient};
use tandem_tests::{assert_answered_once, incidents};
use tandem_vboard::{Options, VirtualBoard};

/// Set in the child that touches a payload: `guard` or `ingest`.
const TOUCH: &str = "TANDEM_TEST_TOUCH";
/// Signal of an access without rights.
const SIGSEGV: i32 = 11;

fn board() -> Arc<VirtualBoard> {
    let board = VirtualBoard::start(&Description::virtual_default(), Options::default());
    Arc::new(board.expect("the board"))
}

fn assemble(board: &Arc<VirtualBoard>) -> (Agent, Machinery<VirtualBoard>) {
    let policy = small::policy(0.5);
    let engines: Vec<Box<dyn tandem_engine::Engine>> = vec![Box::new(Small)];
    Agent::assemble(board.clone(), patient(), policy, engines).expect("the agent")
}

/// Rights of every mapping of the pool file that overlaps `range`, and how much of it they cover.
fn rights(inode: u64, range: &Range<usize>) -> (Vec<String>, usize) {
    let mut covered = 0;
    let mut rights = Vec::new();
    for entry in entries().expect("/proc/self/maps") {
        let from = entry.addresses.start.max(range.start);
        let to = entry.addresses.end.min(range.end);
        if from < to {
            assert_eq!(entry.inode, inode, "{range:x?} is a mapping of another file");
            covered += to - from;
            rights.push(entry.rights);
        }
    }
    (rights, covered)
}

#[track_caller]
fn assert_untouchable(inode: u64, guard: &[Range<usize>]) {
    for range in guard {
        let (rights, covered) = rights(inode, range);
        assert_eq!(covered, range.len(), "{range:x?} is not mapped as a whole");
        assert!(rights.iter().all(|rights| rights == "---s"), "{range:x?}: {rights:?}");
    }
}

#[test]
fn verdicts_are_as_usual_while_payloads_cannot_be_touched() {
    let board = board();
    let file = std::fs::File::from(board.payload_fd().as_fd().try_clone_to_owned().unwrap());
    let inode = file.metadata().unwrap().ino();
    let (agent, machinery) = assemble(&board);
    let guard = machinery.data_plane.guard().addresses();
    // All of it: as many bytes as the board has payload slots for.
    let payload = |slot: &&tandem_link::SlotInit| slot.class != SlotClass::Result;
    let slots = board.slots();
    let bytes: u64 = slots.iter().filter(payload).map(|slot| u64::from(slot.capacity)).sum();
    assert_eq!(guard.iter().map(|range| range.len() as u64).sum::<u64>(), bytes);

    let Machinery { data_plane, mut engines, cpu, supervisor, .. } = machinery;
    let engine = engines.pop().expect("one engine");
    // Lanes end with the process: their channels close with an agent that has threads.
    std::thread::spawn(move || lanes::run(engine));
    std::thread::spawn(move || lanes::run(cpu));
    std::thread::spawn(move || lanes::run(supervisor));
    let data_plane = std::thread::spawn(move || data_plane.run(None));
    let up = || agent.report().wait(LONG).unwrap().unwrap().peer.state == PeerState::Up;
    let since = Instant::now();
    while !up() {
        assert!(since.elapsed() < LONG, "the firmware does not join");
    }

    let pictures = small::pictures(&small::policy(0.5), 3);
    let done = AtomicBool::new(false);
    let looks = AtomicU64::new(0);
    let mut answered = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_untouchable(inode, &guard);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Plenty of images, and as many looks at the mappings while they are under way.
        while answered < 300 || looks.load(Ordering::Relaxed) < 100 {
            for (picture, expected) in &pictures {
                let slot = agent.try_reserve_frame().expect("one image at a time");
                let ticket = agent.submit(picture.into_slot(&agent, slot)).unwrap();
                expected.assert_is(&ticket.wait(LONG).unwrap().unwrap(), "under the guard");
                answered += 1;
            }
            assert!(answered < 1_000_000, "nobody looks at the mappings");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_untouchable(inode, &guard);
    assert!(incidents(&agent).is_empty(), "{:?}", incidents(&agent));
    assert!(agent.audit_slots().expect("an audit").is_clean());
    assert_answered_once(&agent, answered);
    agent.shutdown();
    assert!(data_plane.join().expect("the data plane").is_clean());
}

/// Reads one payload byte through a mapping, then ends the process.
fn touch(through: &str) -> ! {
    let (agent, machinery) = assemble(&board());
    let at = match through {
        "guard" => machinery.data_plane.guard().addresses()[0].start as *const u8,
        _ => {
            let mut slot = agent.try_reserve_frame().expect("a frame slot");
            slot.bytes_mut().as_ptr()
        }
    };
    // SAFETY: mapped memory of this process that nobody writes. Through the guard the read must
    // end the process, which is what is tested.
    let byte = unsafe { at.read_volatile() };
    println!("read {byte}");
    std::process::exit(0);
}

#[test]
fn an_access_through_the_data_planes_mapping_is_a_fault() {
    if let Ok(through) = std::env::var(TOUCH) {
        touch(&through);
    }
    let child = |through: &str| {
        let own = std::env::current_exe().expect("the test's own path");
        let name = "an_access_through_the_data_planes_mapping_is_a_fault";
        run(Command::new(own).args(["--exact", name, "--nocapture"]).env(TOUCH, through))
    };
    let fault = child("guard");
    assert_eq!((fault.code, fault.signal), (None, Some(SIGSEGV)), "{fault:?}");
    // The same read where it is allowed.
    let allowed = child("ingest");
    assert_eq!((allowed.code, allowed.signal), (Some(0), None), "{allowed:?}");
    assert!(allowed.stdout_text().contains("read "), "{allowed:?}");
}
