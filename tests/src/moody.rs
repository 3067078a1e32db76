//! The small model on a runtime that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tandem_engine::{Capabilities, Engine, EngineError};

use crate::small::Small;

/// How the next run goes.
#[derive(Clone, Debug, Default)]
pub struct Mood(Arc<AtomicU8>);

impl Mood {
    /// The next run fails.
    pub fn fail(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// The next run puts out a number that is none.
    pub fn not_finite(&self) {
        self.0.store(2, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Moody(pub Mood);

impl Engine for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn describe(&self) -> String {
        "the small model, which fails when it is told to".into()
    }

    fn capabilities(&self) -> Capabilities {
        Small.capabilities()
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        Small.run(tensor, heads)?;
        match self.0.0.swap(0, Ordering::Relaxed) {
            1 => return Err(EngineError::Run("it was told to fail".into())),
            2 => heads[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            _ => {}
        }
        Ok(())
    }
}
