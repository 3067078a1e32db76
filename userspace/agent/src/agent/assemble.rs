//! Putting an agent together, and its threads.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tandem_engine::{Engine, EngineError};
use tandem_link::SlotClass;
use tandem_link::board::Board;

use super::{Agent, AgentConfig, StartError};
use crate::channels;
use crate::counters::Counters;
use crate::dataplane::{self, DataPlane, MainLanes, Shared};
use crate::health::{Restarter, Supervisor};
use crate::judge::Policy;
use crate::lanes::{self, CpuChannel, CpuLane, EngineLane, Waker, Way};
use crate::slots::{IngestView, Pool};

/// The moving parts of an agent, to be run by threads or polled by hand.
pub struct Machinery<B: Board> {
    /// The data plane.
    pub data_plane: DataPlane<B>,
    /// One lane per engine; the one that stands by is the last.
    pub engines: Vec<EngineLane>,
    /// The fallback.
    pub cpu: CpuLane,
    /// Restarts the core.
    pub supervisor: Supervisor,
    pub(super) close: Vec<Box<dyn Fn() + Send>>,
}

/// The engines of an agent.
pub struct Engines {
    /// One lane each.
    pub main: Vec<Box<dyn Engine>>,
    /// Runs what the others cannot: they are lost, or failed at a job.
    pub spare: Option<Box<dyn Engine>>,
}

impl Engines {
    /// For people.
    pub fn describe(&self) -> String {
        let main: Vec<String> = self.main.iter().map(|engine| engine.describe()).collect();
        let spare = self.spare.as_ref().map(|engine| format!("; stands by: {}", engine.describe()));
        main.join(", ") + &spare.unwrap_or_default()
    }
}

impl From<Vec<Box<dyn Engine>>> for Engines {
    fn from(main: Vec<Box<dyn Engine>>) -> Self {
        Self { main, spare: None }
    }
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
        engines: impl Into<Engines>,
    ) -> Result<(Self, Machinery<B>), StartError> {
        let Engines { main, spare } = engines.into();
        let pool = Pool::of(&*board)?;
        check_slots(&pool, &policy)?;
        let engine_name = main.first().map_or("none", |engine| engine.name());
        let counters = Arc::new(Counters::default());
        let channels = config.channels.clone().unwrap_or_else(|| {
            Arc::new(channels::unknown(main.iter().chain(&spare).map(|engine| engine.name())))
        });
        let shared = Arc::new(Shared::new(counters.clone(), channels.clone()));
        let cpu_channel = Arc::new(CpuChannel::default());
        let restarter = Arc::new(Restarter::default());
        let wake: Waker = Arc::new({
            let board = board.clone();
            move || board.wake()
        });
        if main.is_empty() {
            return Err(EngineError::Run("no engine was given".into()).into());
        }
        let (mains, has_spare) = (main.len(), spare.is_some());
        let lane = |(position, engine)| {
            let way = Way { channels: channels.clone(), position };
            EngineLane::new(engine, &pool, counters.clone(), way, wake.clone())
        };
        let engines = main.into_iter().chain(spare).enumerate().map(lane);
        let engines = engines.collect::<Result<Vec<_>, _>>()?;
        let mut ports: Vec<_> = engines.iter().map(|lane| lane.port().clone()).collect();
        let close_engines = ports.clone();
        let all_engines = ports.clone();
        let spare = if has_spare { ports.pop() } else { None };
        debug_assert_eq!(ports.len(), mains);
        let weight = |i: usize| channels.engine(i).map_or(1, |channel| channel.spec.weight);
        let ports = ports.into_iter().enumerate().map(|(i, port)| (port, weight(i))).collect();
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
                main: MainLanes::new(ports, spare),
                cpu: cpu_channel.clone(),
                restarter: restarter.clone(),
            },
        )?;
        let slots = data_plane.slots().clone();
        let close: Vec<Box<dyn Fn() + Send>> = vec![
            Box::new(move || close_engines.iter().for_each(|port| port.channel.close())),
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
            engines: all_engines,
            threads: Mutex::default(),
            shared,
        };
        let machinery = Machinery { data_plane, engines, cpu, supervisor, close };
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
