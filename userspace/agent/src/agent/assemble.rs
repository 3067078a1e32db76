//! Putting an agent together, and its threads.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tandem_engine::{Engine, EngineError};
use tandem_link::SlotClass;
use tandem_link::board::Board;

use super::{Agent, AgentConfig, StartError};
use crate::counters::Counters;
use crate::dataplane::{self, DataPlane, Shared};
use crate::health::{Restarter, Supervisor};
use crate::judge::Policy;
use crate::lanes::{self, CpuChannel, CpuLane, EngineChannel, EngineLane, Waker};
use crate::slots::{IngestView, Pool};

/// The moving parts of an agent, to be run by threads or polled by hand.
pub struct Machinery<B: Board> {
    /// The data plane.
    pub data_plane: DataPlane<B>,
    /// One lane per engine.
    pub engines: Vec<EngineLane>,
    /// The fallback.
    pub cpu: CpuLane,
    /// Restarts the core.
    pub supervisor: Supervisor,
    pub(super) close: Vec<Box<dyn Fn() + Send>>,
}

impl Agent {
    /// Everything but the threads: the caller polls the machinery. For tests on one thread.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn assemble<B: Board>(
        board: Arc<B>,
        config: AgentConfig,
        policy: Policy,
        engines: Vec<Box<dyn Engine>>,
    ) -> Result<(Self, Machinery<B>), StartError> {
        let pool = Pool::of(&*board)?;
        check_slots(&pool, &policy)?;
        let engine_name = engines.first().map_or("none", |engine| engine.name());
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared::new(counters.clone()));
        let engine_channel = Arc::new(EngineChannel::default());
        let cpu_channel = Arc::new(CpuChannel::default());
        let restarter = Arc::new(Restarter::default());
        let wake: Waker = Arc::new({
            let board = board.clone();
            move || board.wake()
        });
        let engine_lanes = engines.into_iter().map(|engine| {
            let (channel, counters) = (engine_channel.clone(), counters.clone());
            EngineLane::new(engine, &pool, channel, counters, wake.clone())
        });
        let engine_lanes = engine_lanes.collect::<Result<Vec<_>, _>>()?;
        if engine_lanes.is_empty() {
            return Err(EngineError::Run("no engine was given".into()).into());
        }
        let cpu = CpuLane::new(&pool, cpu_channel.clone(), wake)?;
        let supervisor = Supervisor::new(restarter.clone(), {
            let board = board.clone();
            move || board.core().restart()
        });
        let data_plane = DataPlane::new(
            board.clone(),
            &pool,
            &config,
            shared.clone(),
            dataplane::Lanes {
                engine: engine_channel.clone(),
                engines: engine_lanes.len(),
                cpu: cpu_channel.clone(),
                restarter: restarter.clone(),
            },
        )?;
        let slots = data_plane.slots().clone();
        let close: Vec<Box<dyn Fn() + Send>> = vec![
            Box::new(move || engine_channel.close()),
            Box::new(move || cpu_channel.close()),
            Box::new(move || restarter.close()),
        ];
        let agent = Self {
            ports: board,
            counters,
            policy: ArcSwap::from_pointee(policy),
            view: Arc::new(IngestView::new(&pool)?),
            take_frame: Box::new(move || slots.take(SlotClass::Frame)),
            frame_capacity: pool.capacity(SlotClass::Frame) as usize,
            config,
            engine_name,
            threads: Mutex::default(),
            shared,
        };
        let machinery = Machinery { data_plane, engines: engine_lanes, cpu, supervisor, close };
        Ok((agent, machinery))
    }

    pub(super) fn spawn<B: Board>(&self, machinery: Machinery<B>) -> Result<(), StartError> {
        let Machinery { data_plane, engines, cpu, supervisor, close } = machinery;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.close = close;
        for engine in engines {
            threads.lanes.push(spawn("tandem-engine", move || lanes::run(engine))?);
        }
        threads.lanes.push(spawn("tandem-cpu", move || lanes::run(cpu))?);
        threads.lanes.push(spawn("tandem-super", move || lanes::run(supervisor))?);
        let pin = self.config.pin_data_plane;
        threads.data_plane = Some(spawn("tandem-dp", move || data_plane.run(pin))?);
        Ok(())
    }
}

pub(super) fn spawn<T: Send + 'static>(
    name: &'static str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StartError> {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(body).map_err(|source| StartError::Thread { name, source })
}

/// The model's buffers fit the smallest slot of their class.
fn check_slots(pool: &Pool, policy: &Policy) -> Result<(), StartError> {
    let tensor = 3 * usize::from(policy.width) * usize::from(policy.height);
    for (class, need) in [
        (SlotClass::Frame, 1),
        (SlotClass::Tensor, tensor),
        (SlotClass::Heads, policy.heads_bytes.max(policy.post.heads_bytes())),
        (SlotClass::Result, policy.post.result_bytes()),
    ] {
        let have = pool.capacity(class) as usize;
        if need > have {
            let model = policy.model.to_string();
            return Err(StartError::Slots { model, class, need, have });
        }
    }
    Ok(())
}
