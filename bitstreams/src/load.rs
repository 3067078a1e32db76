//! The load: stop DMA, program, look whether the kernels are those of the manifest.

use crate::admit::Admitted;
use crate::error::{BitstreamError, LoadError};
use crate::manifest::Map;

/// What programs the logic.
pub trait Manager {
    /// Free contiguous memory, bytes: the driver copies the image into one buffer of it. None where
    /// nobody knows.
    fn contiguous(&self) -> Option<u64>;

    /// Programs the logic and waits until it is done.
    ///
    /// # Errors
    /// What failed, for people.
    fn program(&mut self, name: &str, image: &[u8]) -> Result<(), String>;
}

impl<M: Manager + ?Sized> Manager for Box<M> {
    fn contiguous(&self) -> Option<u64> {
        (**self).contiguous()
    }

    fn program(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        (**self).program(name, image)
    }
}

/// What a kernel's registers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `ID`.
    pub id: u32,
    /// `HASH`.
    pub hash: u32,
}

/// The side that uses the logic.
pub trait Station {
    /// Stops every DMA engine and everything that would touch the logic. A DMA under way while the
    /// logic is loaded hangs the interconnect.
    ///
    /// # Errors
    /// What did not stop; nothing is loaded then.
    fn quiesce(&mut self) -> Result<(), String>;

    /// Reads a kernel's identity at bus address `base`.
    ///
    /// # Errors
    /// What failed, for people.
    fn identify(&mut self, base: u32) -> Result<Identity, String>;

    /// The logic is there again: DMA may run. Called after every quiesce unless the logic's state is
    /// unknown.
    fn resume(&mut self);
}

/// Loads bitstreams and remembers which one runs.
#[derive(Debug)]
pub struct Loader<M> {
    manager: M,
    current: Option<Admitted>,
}

impl<M: Manager> Loader<M> {
    /// With nothing loaded, as far as this loader knows.
    pub const fn new(manager: M) -> Self {
        Self { manager, current: None }
    }

    /// With a bitstream of which it is known that it runs: it is loaded again if another one fails.
    pub const fn over(manager: M, current: Option<Admitted>) -> Self {
        Self { manager, current }
    }

    /// Free contiguous memory, bytes, where somebody knows.
    pub fn contiguous(&self) -> Option<u64> {
        self.manager.contiguous()
    }

    /// Name of the bitstream that runs.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.current.as_ref().map(|admitted| admitted.manifest.name.as_str())
    }

    /// Loads it, unless the same image runs already. If it does not come up, the one from before
    /// is loaded again.
    ///
    /// # Errors
    /// [`LoadError`], which says what runs now.
    pub fn load(&mut self, wanted: Admitted, station: &mut impl Station) -> Result<(), LoadError> {
        let same = |current: &Admitted| current.manifest.image == wanted.manifest.image;
        if self.current.as_ref().is_some_and(same) {
            return Ok(());
        }
        let need = wanted.bytes.len() as u64;
        if let Some(free) = self.manager.contiguous().filter(|free| *free < need) {
            let file = wanted.manifest.image.file;
            return Err(BitstreamError::Cma { file, need, free }.into());
        }
        let name = wanted.manifest.name.clone();
        if let Err(reason) = station.quiesce() {
            station.resume();
            return Err(LoadError::Busy { name, reason });
        }
        let before = self.current.take();
        let Err(reason) = self.bring_up(&wanted, station) else {
            self.current = Some(wanted);
            station.resume();
            return Ok(());
        };
        let Some(before) = before else {
            return Err(LoadError::Failed { name, reason, fallback: None });
        };
        let back = before.manifest.name.clone();
        if self.bring_up(&before, station).is_err() {
            return Err(LoadError::Failed { name, reason, fallback: Some(back) });
        }
        self.current = Some(before);
        station.resume();
        Err(LoadError::RolledBack { name, reason, back })
    }

    fn bring_up(&mut self, wanted: &Admitted, station: &mut impl Station) -> Result<(), String> {
        self.manager.program(&wanted.manifest.name, &wanted.bytes)?;
        for kernel in &wanted.manifest.kernels {
            let found = station.identify(kernel.base)?;
            let expected = Identity { id: kernel.map.id(), hash: kernel.map_hash };
            if found != expected {
                return Err(stranger(kernel.map, kernel.base, found, expected));
            }
        }
        Ok(())
    }
}

fn stranger(map: Map, base: u32, found: Identity, expected: Identity) -> String {
    format!(
        "at {base:#010x} should be {} ({:#010x}, map {:#010x}), there is {:#010x}, map {:#010x}",
        map.name(),
        expected.id,
        expected.hash,
        found.id,
        found.hash
    )
}
