//! What the core runs: the firmware's pipeline on this board's platform.

use crate::{life::Life, machine::Machine, platform::VirtualPlatform};
use std::{future::Future, pin::Pin, sync::Arc};
use tandem_boards::GateUnit;
use tandem_pipeline::{GateSetup, Pipeline, PipelineConfig, Store};

/// The pipeline from reset on. It returns only if it cannot boot; the result says why.
pub(crate) fn boot(
    machine: Arc<Machine>,
    life: Arc<Life>,
) -> Pin<Box<dyn Future<Output = String>>> {
    let config = config(&machine);
    Box::pin(async move {
        let platform = VirtualPlatform::new(machine, life);
        let store = Store::new();
        let pipeline = Pipeline::new(&platform, config, &store);
        match pipeline.run().await {
            Ok(never) => match never {},
            Err(error) => error.to_string(),
        }
    })
}

fn config(machine: &Machine) -> PipelineConfig {
    let board = &machine.board;
    let micros = |us: u32| u64::from(us) * 1000;
    PipelineConfig {
        dma_pre: board.pl.dma_pre.base,
        dma_post: board.pl.dma_post.base,
        pre: board.pl.pre.base,
        post: board.pl.post.base,
        gate: board.pl.gate.base,
        descriptors: board.regions.descriptors.base,
        descriptor_bytes: board.regions.descriptors.size,
        pool: board.regions.pool.base,
        heartbeat_period: micros(board.firmware.heartbeat_us),
        kernel_timeout: micros(board.firmware.kernel_timeout_us),
        poll_period: micros(board.firmware.poll_us),
        gate_setup: GateSetup {
            counts: board.gate.unit == GateUnit::Counts,
            reverse: board.gate.reverse,
            debounce: board.gate.debounce_us * 1000,
            encoder_filter: board.gate.encoder_filter_ns,
            encoder_limit: board.gate.encoder_limit_us * 1000,
            heartbeat_limit: board.gate.heartbeat_limit_us * 1000,
        },
        epoch: machine.next_epoch(),
        ..PipelineConfig::DEFAULT
    }
}
