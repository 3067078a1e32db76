//! The kernels of a virtual board as Verilated models: the device models of `tandem-sim` keep
//! registers, DMA and faults, and the SystemVerilog computes.
//!
//! Each kernel runs on a thread of its own, because a frame takes it a fraction of a second while the
//! board's registers must answer. What a job takes is no time of a board: the clocks are counted
//! (`Clocks`), the seconds are the simulator's.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::Poll;
use std::thread;

use tandem_regs::kernel::{KERNEL_CTRL, offset};
use tandem_regs::pre;
use tandem_sim::Kernels;
use tandem_sim::kernels::{
    AnyCore, Core, Gather, Identity, Order, PARAMS, ParamFile, PostCore, PreCore, Status,
};

use crate::{Kernel, Packet, Stall};

/// Models that the kernels are, in `models.toml`.
pub const MODELS: [&str; 2] = ["board_pre", "board_post"];

/// Bytes of a kernel's register file.
const MAP_BYTES: u32 = 0x100;

/// Why there are no kernels.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A model's library is not there.
    #[error("{file}: no Verilated kernel; build them with `cargo xtask rtl-models`")]
    Missing {
        /// Where it was looked for.
        file: PathBuf,
    },
    /// A model is there and does not load.
    #[error(
        "{file}: the Verilated kernel does not start; build it again with `cargo xtask rtl-models`"
    )]
    Broken {
        /// The library.
        file: PathBuf,
    },
}

/// `pre` and `post` from the libraries in `folder`.
///
/// # Errors
/// [`BoardError`], which says how to build them.
pub fn kernels(folder: &Path) -> Result<Kernels, BoardError> {
    let [pre, post] = MODELS;
    Ok(Kernels {
        pre: start(folder, pre, Box::<PreCore>::default())?,
        post: start(folder, post, Box::<PostCore>::default())?,
    })
}

struct Job {
    generation: u64,
    registers: Vec<(u32, u32)>,
    input: Vec<u8>,
}

struct Outcome {
    generation: u64,
    status: u32,
    packets: Vec<Packet>,
}

/// What a kernel says of itself.
struct Hello {
    identity: Identity,
    /// Its own read-only registers.
    constants: Vec<(u32, u32)>,
}

struct RtlCore {
    hello: Hello,
    /// Knows the register map and how many bytes a job takes.
    shape: AnyCore,
    input: Gather,
    registers: Vec<(u32, u32)>,
    /// Writes to what stands for more than its register (the tables of the lookup), in their order.
    tables: Vec<(u32, u32)>,
    running: bool,
    /// Counts jobs and resets: an outcome of another generation is stale.
    generation: Arc<AtomicU64>,
    jobs: Sender<Job>,
    outcomes: Receiver<Outcome>,
    output: Vec<u8>,
    packets: Vec<Range<usize>>,
}

fn start(folder: &Path, name: &str, shape: AnyCore) -> Result<AnyCore, BoardError> {
    let file = folder.join(format!("{name}.so"));
    if !file.is_file() {
        return Err(BoardError::Missing { file });
    }
    let (jobs, next_job) = channel();
    let (finished, outcomes) = channel();
    let (say_hello, hello) = channel();
    let constants: Vec<u32> =
        (0..MAP_BYTES).step_by(4).filter(|at| shape.constant(*at).is_some()).collect();
    let generation = Arc::new(AtomicU64::new(0));
    let (path, seen) = (file.clone(), Arc::clone(&generation));
    let body = move || {
        let mut kernel = Kernel::load_file(&path, 1);
        let mut simulated = Simulated::new(&mut kernel);
        // Nobody waits for it any more only while the board is being dropped.
        let _ = say_hello.send(simulated.hello(&constants));
        for job in next_job {
            let Some(outcome) = simulated.run(job, &seen) else { continue };
            if finished.send(outcome).is_err() {
                break;
            }
        }
    };
    let spawned = thread::Builder::new().name(format!("rtl-{name}")).spawn(body);
    let broken = || BoardError::Broken { file: file.clone() };
    spawned.map_err(|_| broken())?;
    let hello = hello.recv().map_err(|_| broken())?;
    Ok(Box::new(RtlCore {
        hello,
        shape,
        input: Gather::default(),
        registers: Vec::new(),
        tables: Vec::new(),
        running: false,
        generation,
        jobs,
        outcomes,
        output: Vec::new(),
        packets: Vec::new(),
    }))
}

impl Core for RtlCore {
    fn identity(&self) -> Identity {
        self.hello.identity
    }

    fn constant(&self, at: u32) -> Option<u32> {
        self.hello.constants.iter().find(|(place, _)| *place == at).map(|(_, value)| *value)
    }

    fn written(&mut self, at: u32, value: u32) {
        if at == pre::offset::LUT && self.hello.identity.id == pre::ID.reset() {
            self.tables.push((at, value));
        }
    }

    fn power_up(&mut self) {
        self.tables.clear();
        self.shape.power_up();
    }

    fn param_mask(&self, at: u32) -> u32 {
        self.shape.param_mask(at)
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        self.shape.configure(params)?;
        self.registers.clear();
        let places = (PARAMS..MAP_BYTES).step_by(4).filter(|at| self.shape.param_mask(*at) != 0);
        self.registers.extend(places.map(|at| (at, params.get(at))));
        let bytes = self.shape.input().expected();
        self.input.expect(bytes, bytes, Order::Linear);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Poll<Result<(), Status>> {
        if !self.running {
            self.running = true;
            let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
            let job = Job {
                generation,
                registers: self.tables.drain(..).chain(self.registers.iter().copied()).collect(),
                input: self.input.bytes().to_vec(),
            };
            // A thread that has ended leaves a kernel that hangs: the firmware finds out.
            let _ = self.jobs.send(job);
        }
        let outcome = match self.outcomes.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Poll::Pending,
        };
        if outcome.generation != self.generation.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.running = false;
        self.output.clear();
        self.packets.clear();
        for packet in outcome.packets {
            let at = self.output.len();
            self.output.extend(packet);
            self.packets.push(at..self.output.len());
        }
        Poll::Ready(match outcome.status {
            0 => Ok(()),
            2 => Err(Status::TooManyCandidates),
            3 => Err(Status::ShortInput),
            4 => Err(Status::TooLarge),
            _ => Err(Status::Refused),
        })
    }

    fn abandon(&mut self) {
        self.running = false;
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        self.packets.get(index).cloned()
    }

    fn output(&self) -> &[u8] {
        &self.output
    }
}

/// The thread's side: one kernel with its streams.
struct Simulated<'a> {
    kernel: &'a mut Kernel,
    source: crate::SourceId,
    sink: crate::SinkId,
    irq: crate::Port,
    jobs: u32,
}

impl<'a> Simulated<'a> {
    fn new(kernel: &'a mut Kernel) -> Self {
        kernel.reset();
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        let irq = kernel.port("irq");
        Self { kernel, source, sink, irq, jobs: 0 }
    }

    fn hello(&mut self, constants: &[u32]) -> Hello {
        let mut word = |at| self.kernel.read32(at);
        let identity = Identity {
            id: word(offset::ID),
            version: word(offset::VERSION),
            caps: word(offset::CAPS),
            map_hash: word(offset::HASH),
        };
        Hello { identity, constants: constants.iter().map(|at| (*at, word(*at))).collect() }
    }

    /// None if the board gave the job up meanwhile.
    fn run(&mut self, job: Job, generation: &AtomicU64) -> Option<Outcome> {
        for (at, value) in &job.registers {
            self.kernel.write32(*at, *value);
        }
        self.kernel.write32(offset::CTRL, KERNEL_CTRL::IRQ_EN::SET.value);
        self.jobs = self.jobs.wrapping_add(1);
        self.kernel.push(self.source, &job.input);
        self.kernel.write32(offset::START, self.jobs);
        while self.kernel.get_port(self.irq) == 0 {
            self.kernel.clock();
            if generation.load(Ordering::Relaxed) != job.generation {
                self.kernel.reset();
                self.kernel.take(self.sink);
                self.jobs = 0;
                return None;
            }
        }
        let status = self.kernel.read32(offset::STATUS);
        self.kernel.write32(offset::ACK, self.jobs);
        let packets = self.kernel.take(self.sink);
        Some(Outcome { generation: job.generation, status, packets })
    }
}
