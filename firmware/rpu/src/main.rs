//! The Cortex-R5F image: the pipeline on bare metal.
//!
//! Interrupts stay masked: WFI wakes on a pending interrupt all the same, and the pipeline then
//! asks the lines for their levels. So there is no interrupt handler, and nothing is shared with
//! one. An exception is a crash: it leaves a record and stops the core, and the agent sees the
//! heartbeat stand still.
#![no_std]
#![no_main]

mod console;
mod crash;
mod entry;
mod log;
mod mpu;
mod platform;
mod provoke;
mod wires;

/// Addresses from the board description; not every one is used.
#[allow(dead_code)]
mod board {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}

use core::panic::PanicInfo;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use embassy_executor::raw::Executor;
use platform::R5Platform;
use static_cell::{ConstStaticCell, StaticCell};
use tandem_link::crash::Reason;
use tandem_pipeline::{BootError, GateSetup, Pipeline, PipelineConfig, Store};

static PENDED: AtomicBool = AtomicBool::new(false);
static PLATFORM: StaticCell<R5Platform> = StaticCell::new();
static STORE: ConstStaticCell<Store> = ConstStaticCell::new(Store::new());
static PIPELINE: StaticCell<Pipeline<'static, R5Platform>> = StaticCell::new();
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

/// embassy calls this when a task wants to be polled again.
// SAFETY: the name is the one embassy-executor looks for, and no other crate here defines it.
#[unsafe(no_mangle)]
fn __pender(_context: *mut ()) {
    PENDED.store(true, Ordering::Release);
}

#[embassy_executor::task]
async fn run(platform: &'static R5Platform, pipeline: &'static Pipeline<'static, R5Platform>) {
    platform.logic().await;
    let Err(error) = platform.drive(pin!(pipeline.run())).await;
    // The reason as a word: core's formatting machinery would take a tenth of the code bank.
    let (detail, reason) = match error {
        BootError::Dma(..) => (1, "DMA does not do as it should"),
        BootError::Reset(_) => (2, "DMA reset does not end"),
        BootError::Kernel(..) => (3, "kernel is not the one this image was built for"),
        BootError::Gate(_) => (4, "gate is not the one this image was built for"),
        BootError::Link(_) => (5, "link block is of another version"),
    };
    defmt::error!("boot failed: {=str}", reason);
    crash::record_reason(Reason::Boot, detail);
    platform.wires.stop_watchdog();
}

#[aarch32_rt::entry]
fn main() -> ! {
    platform::low_vectors();
    wires::prepare_park(&platform::bus());
    let facts = console::Facts::read(&platform::bus());
    mpu::protect();
    crash::see_late_aborts();
    crash::obey_the_watchdog();
    let platform: &'static R5Platform = PLATFORM.init(R5Platform::new(facts));
    let pipeline: &'static Pipeline<'static, R5Platform> =
        PIPELINE.init(Pipeline::new(platform, config(), STORE.take()));
    let executor: &'static Executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    match run(platform, pipeline) {
        Ok(token) => executor.spawner().spawn(token),
        Err(_) => defmt::panic!("the only task is spawned once"),
    }
    loop {
        // SAFETY: called from this one place, never from inside a task.
        unsafe { executor.poll() };
        if !PENDED.swap(false, Ordering::Acquire) {
            platform.idle();
        }
    }
}

fn config() -> PipelineConfig {
    const MICROSECOND: u64 = 1000;
    PipelineConfig {
        dma_pre: board::DMA_PRE,
        dma_post: board::DMA_POST,
        pre: board::PRE,
        post: board::POST,
        gate: board::GATE,
        descriptors: board::DESCRIPTORS,
        descriptor_bytes: board::DESCRIPTORS_SIZE - console::LOOP_ROOM,
        pool: board::POOL,
        heartbeat_period: u64::from(board::HEARTBEAT_US) * MICROSECOND,
        kernel_timeout: u64::from(board::KERNEL_TIMEOUT_US) * MICROSECOND,
        poll_period: u64::from(board::POLL_US) * MICROSECOND,
        gate_setup: GateSetup {
            counts: board::GATE_COUNTS != 0,
            reverse: board::GATE_REVERSE != 0,
            debounce: board::GATE_DEBOUNCE,
            encoder_filter: board::GATE_ENCODER_FILTER,
            encoder_limit: board::GATE_ENCODER_LIMIT,
            heartbeat_limit: board::GATE_HEARTBEAT_LIMIT,
        },
        // What does harm is found without it; it would double what a job costs this core.
        verify_all: false,
        ..PipelineConfig::DEFAULT
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    log::abandon();
    let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
    defmt::error!("panic at {=str}:{=u32}", file, line);
    crash::record_reason(Reason::Panic, line);
    crash::halt()
}
