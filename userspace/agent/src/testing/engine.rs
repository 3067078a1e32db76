//! An engine whose heads are a function of the tensor's bytes, in several moods.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tandem_engine::{Capabilities, Engine, EngineError, Presence};

/// What the engine does at its next runs.
#[derive(Clone, Default)]
pub struct Mood(Arc<AtomicU8>);

impl Mood {
    pub const WELL: u8 = 0;
    pub const FAILS: u8 = 1;
    pub const NAN: u8 = 2;
    pub const PANICS: u8 = 3;
    /// Of a worker: it is gone.
    pub const LOST: u8 = 4;
    /// Of a worker: the job's time is over.
    pub const LATE: u8 = 5;
    /// Of a worker: it is lost under the next job, and stays so.
    pub const DROPS: u8 = 6;

    pub fn set(&self, mood: u8) {
        self.0.store(mood, Ordering::Relaxed);
    }
}

pub struct FakeEngine {
    mood: Mood,
    presence: Presence,
}

impl FakeEngine {
    /// In this process.
    pub fn local(mood: &Mood) -> Box<dyn Engine> {
        Box::new(Self { mood: mood.clone(), presence: Presence::LOCAL })
    }

    /// A worker.
    pub fn remote(mood: &Mood) -> Box<dyn Engine> {
        let presence = Presence { remote: true, ..Presence::LOCAL };
        Box::new(Self { mood: mood.clone(), presence })
    }

    /// Notes whether it is there.
    fn look(&mut self) {
        let lost = self.presence.remote && self.mood.0.load(Ordering::Relaxed) == Mood::LOST;
        self.presence.losses += u64::from(self.presence.ready && lost);
        self.presence.ready = !lost;
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn describe(&self) -> String {
        "a function of the tensor's bytes".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: false }
    }

    fn tend(&mut self) -> Option<Duration> {
        self.look();
        self.presence.remote.then_some(Duration::ZERO)
    }

    fn presence(&self) -> Presence {
        self.presence
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        if self.mood.0.load(Ordering::Relaxed) == Mood::DROPS {
            self.mood.set(Mood::LOST);
        }
        let mood = self.mood.0.load(Ordering::Relaxed);
        self.look();
        match mood {
            Mood::LOST => {
                return Err(EngineError::Lost { engine: "w".into(), reason: "planted".into() });
            }
            Mood::LATE => return Err(EngineError::Late),
            Mood::FAILS => return Err(EngineError::Run("planted".into())),
            Mood::PANICS => panic!("planted: the engine panics"),
            _ => {}
        }
        // Each number depends on a stretch of the tensor that no other number reads.
        let count = heads.len() / 4;
        let step = tensor.len() / count;
        for (i, number) in heads.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let stretch = &tensor[i * step..][..step];
            let sum: u32 = stretch.iter().map(|&byte| u32::from(byte)).sum();
            let value = (sum % 64) as f32 / 16.0 - 1.0;
            *number = value.to_le_bytes();
        }
        if mood == Mood::NAN {
            // Objectness of the first cell: the fifth plane of four cells.
            heads[4 * 4 * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        Ok(())
    }
}
