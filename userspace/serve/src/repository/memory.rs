//! The memory budget: what models are taken to need, and whether it is there.
//!
//! Neither runtime says what a session holds, so a version counts [`FACTOR`] times its file for each
//! instance: weights as they are read and as the runtime packs them, and its arenas. Measured with ONNX
//! Runtime on YOLOv3-tiny (35.4 MB): 3.1 times once it is warm, 4.7 for the moment of its loading.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::ServeError;

/// Bytes of memory that an instance is taken to need for a byte of its file.
pub const FACTOR: u64 = 4;

/// What all models may hold together.
#[derive(Debug)]
pub struct Memory {
    /// Bytes; none: any.
    pub limit: Option<u64>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    number: u64,
    /// By number of the reservation: the version's name, and bytes.
    by: BTreeMap<u64, (String, u64)>,
}

/// A version's share, given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: Arc<Memory>,
    number: u64,
    /// How much.
    pub bytes: u64,
}

impl Memory {
    /// Nothing is held yet.
    pub fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// Takes what `instances` of a file of `file` bytes need.
    ///
    /// # Errors
    /// Above the budget: with what is needed, what is held by whom, and the limit.
    pub fn reserve(
        self: &Arc<Self>,
        id: &str,
        file: u64,
        instances: u32,
    ) -> Result<Reservation, ServeError> {
        let bytes = file.saturating_mul(FACTOR).saturating_mul(instances.into());
        let mut held = self.held();
        let all = held.by.values().fold(0u64, |all, (_, bytes)| all.saturating_add(*bytes));
        if let Some(limit) = self.limit
            && all.saturating_add(bytes) > limit
        {
            let by: Vec<String> = held.by.values().map(|(id, n)| format!("{id} {n}")).collect();
            let by = if by.is_empty() { "nobody".into() } else { by.join(", ") };
            return Err(ServeError::too_large(format!(
                "Model {id} is taken to need {bytes} bytes ({file} of its file x {FACTOR} x \
                 {instances} instances); {all} are held ({by}) of --serve-memory {limit}"
            )));
        }
        held.number += 1;
        let number = held.number;
        held.by.insert(number, (id.to_owned(), bytes));
        Ok(Reservation { memory: self.clone(), number, bytes })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // The map is whole between its own calls.
        self.held.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.held().by.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::error::Kind;

    #[test]
    fn a_budget_says_who_holds_what_and_takes_back() {
        let memory = Memory::new(Some(200));
        let first = memory.reserve("a/1", 20, 2).unwrap();
        assert_eq!(first.bytes, 160);
        let error = memory.reserve("b/3", 11, 1).unwrap_err();
        assert_eq!(error.kind, Kind::TooLarge);
        for said in ["b/3", "44 bytes (11 of", "x 4 x 1 ", "160 are held (a/1 160)", "200"] {
            assert!(error.message.contains(said), "{said}: {error}");
        }
        let second = memory.reserve("b/3", 10, 1).unwrap();
        drop(first);
        assert!(memory.reserve("c/1", u64::MAX, 16).is_err());
        drop(memory.reserve("c/1", 40, 1).unwrap());
        drop(second);
        assert!(Memory::new(None).reserve("c/1", u64::MAX, 16).is_ok());
    }
}
