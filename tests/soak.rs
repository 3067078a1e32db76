//! Many frames and many faults through one agent on its threads: slots, file descriptors and memory
//! are as at the start, and the frame path does not allocate once it is warm.
//!
//! 3,000 frames here; `TANDEM_SOAK=100000` takes as many as it says. A fault every 100 frames.
//! `TANDEM_SOAK_ABORT=1` ends the program at a forbidden allocation.

use std::collections::VecDeque;
use std::time::Instant;

use tandem_agent::dataplane::PeerState;
use tandem_agent::job::{Answer, UnknownCode};
use tandem_agent::ticket::Ticket;
use tandem_tests::chaos::faults::Fault;
use tandem_tests::dice::Dice;
use tandem_tests::heap::{self, Heap};
use tandem_tests::picture::{Expected, Picture};
use tandem_tests::small::{self, Small};
use tandem_tests::threaded::{Site, patient};
use tandem_tests::{MS, assert_answered_once, incidents};

#[global_allocator]
static HEAP: Heap = Heap;

/// Images at once: the board has four frame slots.
const AT_ONCE: usize = 3;
/// Frames from one fault to the next.
const APART: u64 = 100;

fn frames() -> u64 {
    let Ok(text) = std::env::var("TANDEM_SOAK") else { return 3000 };
    text.parse().unwrap_or_else(|_| panic!("TANDEM_SOAK is {text:?}, it can be a number of frames"))
}

/// What must not grow.
#[derive(Clone, Copy, Debug)]
struct Use {
    descriptors: usize,
    heap: isize,
    resident: isize,
}

impl Use {
    fn now() -> Self {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<isize>().ok());
        Self {
            descriptors: std::fs::read_dir("/proc/self/fd").expect("Linux").count(),
            heap: heap::live(),
            resident: pages.expect("a number of pages") * 4096,
        }
    }
}

struct Soak {
    site: Site,
    pictures: Vec<(Picture, Expected)>,
    dice: Dice,
    waiting: VecDeque<(Ticket<Box<Answer>>, usize)>,
    frames: u64,
    faults: u64,
    /// Flipped descriptors, and answers without a verdict because of one.
    flips: u64,
    in_doubt: u64,
    log: Vec<u8>,
}

impl Soak {
    fn new() -> Self {
        let policy = small::policy(0.5);
        let pictures = small::pictures(&policy, 6);
        let mut config = patient();
        config.health.frozen_after = 500 * MS;
        let site = Site::start(config, policy, Box::new(Small));
        let (dice, waiting, log) = (Dice::new(1), VecDeque::new(), Vec::with_capacity(1 << 16));
        Self { site, pictures, dice, waiting, frames: 0, faults: 0, flips: 0, in_doubt: 0, log }
    }

    /// One more image; the oldest answer if there are enough under way.
    fn frame(&mut self) {
        if self.waiting.len() == AT_ONCE {
            self.answer();
        }
        let picture = self.dice.index(self.pictures.len());
        self.waiting.push_back((self.site.submit(&self.pictures[picture].0), picture));
        self.frames += 1;
    }

    fn answer(&mut self) {
        let Some((ticket, picture)) = self.waiting.pop_front() else { return };
        let answer = self.site.answer(ticket);
        if answer.code == Some(UnknownCode::MemoryInDoubt) {
            self.in_doubt += 1;
        } else {
            self.pictures[picture].1.assert_is(&answer, "soak");
        }
    }

    /// A fault, once the firmware is over the one before.
    fn fault(&mut self, fault: &Fault) {
        self.site.until("the firmware is up", |site| site.peer() == PeerState::Up);
        self.faults += 1;
        self.flips += u64::from(fault.kind() == "descriptor_corrupt");
        match fault {
            Fault::Hardware(name) => self.site.faults().plant(name).expect("a fault's name"),
            Fault::Death(k) => self.site.faults().kill_core_at(*k),
            Fault::Freeze => self.site.faults().freeze_core(true),
            Fault::Load => self.site.faults().reset_logic(),
            Fault::Restart => assert!(self.site.agent.restart_core(), "room for a command"),
            // What a runtime says of its failure is a text, and allocated: not the frame path's.
            Fault::Engine | Fault::NotFinite => self.faults -= 1,
        }
    }

    /// Images with a fault every now and then.
    fn run(&mut self, frames: u64) {
        for _ in 0..frames {
            if self.frames % APART == APART / 2 {
                let before = self.faults;
                while self.faults == before {
                    let fault = Fault::any(&mut self.dice);
                    self.fault(&fault);
                }
            }
            self.frame();
            if self.frames.is_multiple_of(APART) {
                self.log.clear();
                self.site.agent.drain_log(&mut self.log);
            }
        }
    }

    /// Each kind of fault once, so that whatever grows once has grown.
    fn warm_up(&mut self) {
        let faults = self.site.faults().list().into_iter().map(Fault::Hardware);
        let others = [Fault::Death(40), Fault::Freeze, Fault::Load, Fault::Restart];
        for fault in faults.chain(others).collect::<Vec<_>>() {
            self.fault(&fault);
            self.run(20);
        }
        self.rest();
    }

    /// Every answer is there, every slot is back, the firmware is up.
    fn rest(&mut self) -> Use {
        while !self.waiting.is_empty() {
            self.answer();
        }
        self.site.until("the firmware is up", |site| site.peer() == PeerState::Up);
        self.site.assert_all_free();
        assert_answered_once(&self.site.agent, self.frames);
        Use::now()
    }
}

#[test]
fn slots_descriptors_and_memory_are_as_at_the_start_and_the_frame_path_allocates_nothing() {
    assert_the_allocator_sees_who_asks();
    let seen = heap::forbidden().0;
    if std::env::var_os("TANDEM_SOAK_ABORT").is_some() {
        heap::abort_when_forbidden();
    }
    let (mut soak, began) = (Soak::new(), Instant::now());
    soak.warm_up();
    soak.run(frames() / 10);
    let before = soak.rest();
    let (frames_before, faults_before) = (soak.frames, soak.faults);
    heap::forbid(true);
    soak.run(frames());
    let after = soak.rest();
    heap::forbid(false);
    let (frames, faults) = (soak.frames - frames_before, soak.faults - faults_before);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{frames} frames, {faults} faults, {seconds:.0} s\nbefore {before:?}\nafter  {after:?}"
    );
    eprintln!("incidents {:?}", incidents(&soak.site.agent));
    assert_eq!(after.descriptors, before.descriptors, "file descriptors");
    let (count, largest) = heap::forbidden();
    assert_eq!(count, seen, "the frame path allocated, {largest} bytes at most");
    // A kilobyte in a thousand frames, and what a list of so few faults may take at once.
    let most = frames as isize * 1024 / 1000;
    assert!(after.heap - before.heap < most + 2048, "the heap grew: {before:?}, {after:?}");
    // Pages come in fours of kilobytes, and each firmware's thread has its stack somewhere else.
    let pages = after.resident - before.resident;
    assert!(pages < most + (1 << 20), "memory grew by {pages} bytes");
    assert!(soak.in_doubt <= soak.flips * (AT_ONCE as u64), "{} answers in doubt", soak.in_doubt);
    assert!(faults >= frames / APART, "{faults} faults");
}

/// The books are of use: an allocation of a thread that has the name is seen, another is not.
fn assert_the_allocator_sees_who_asks() {
    let seen = |name: &str| {
        let before = heap::forbidden().0;
        let thread = std::thread::Builder::new().name(name.to_owned());
        let body = || {
            heap::forbid(true);
            let bytes = std::hint::black_box(vec![2_u8; 100]);
            heap::forbid(false);
            bytes.len()
        };
        thread.spawn(body).expect("a thread").join().expect("it ends");
        heap::forbidden().0 - before
    };
    assert_eq!((seen("somebody"), seen("tandem-dp")), (0, 1));
}
