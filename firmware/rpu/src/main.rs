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

use core::future::Future;
use core::panic::PanicInfo;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use platform::R5Platform;
use static_cell::{ConstStaticCell, StaticCell};
use tandem_link::crash::Reason;
use tandem_pipeline::{BootError, GateSetup, Pipeline, PipelineConfig, Store};

static PLATFORM: StaticCell<R5Platform> = StaticCell::new();
static STORE: ConstStaticCell<Store> = ConstStaticCell::new(Store::new());

#[aarch32_rt::entry]
fn main() -> ! {
    platform::low_vectors();
    wires::prepare_park(&platform::bus());
    let facts = console::Facts::read(&platform::bus());
    mpu::protect();
    crash::see_late_aborts();
    crash::obey_the_watchdog();
    let platform: &'static R5Platform = PLATFORM.init(R5Platform::new(facts));
    let pipeline = Pipeline::new(platform, config(), STORE.take());
    let mut work = pin!(async {
        platform.logic().await;
        pipeline.run().await
    });
    // A doorbell, a line or the clock may concern any part of the one future, so whatever ends the sleep
    // polls it; an executor would only queue it.
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(Err(error)) = work.as_mut().poll(&mut context) {
            break give_up(platform, &error);
        }
        platform.idle();
    }
    // The console goes on.
    loop {
        platform.idle();
    }
}

/// The hardware is not what this image was built for.
#[inline(never)]
fn give_up(platform: &R5Platform, error: &BootError) {
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
