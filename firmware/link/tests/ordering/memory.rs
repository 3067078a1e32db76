//! Shared words that loom watches.

use std::{collections::BTreeMap, sync::Arc};

use loom::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};
use tandem_link::SharedMemory;

/// Plain memory of both sides: a payload, or the words of a ring entry. Loom reports two accesses,
/// one of them a write, that nothing orders.
pub struct Plain(Cell<u32>);

// SAFETY: loom runs one thread at a time, and fails the model at an access that is not ordered
// against every other one of the cell, which is what this type is for.
unsafe impl Sync for Plain {}
// SAFETY: as above; the value is a number.
unsafe impl Send for Plain {}

impl Plain {
    pub fn new(value: u32) -> Self {
        Self(Cell::new(value))
    }
    pub fn get(&self) -> u32 {
        self.0.get()
    }
    pub fn set(&self, value: u32) {
        self.0.set(value);
    }
}

/// How the words of ring entries are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Nobody reads an entry that the other side may be writing: an unordered access fails.
    Exclusive,
    /// A reader may find an entry overwritten, and finds out afterwards: relaxed words.
    Racy,
}

/// Who writes a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Agent,
    Peer,
}

enum Value {
    Atomic(AtomicU32),
    Plain(Plain),
}

struct Word {
    writer: Side,
    value: Value,
    /// What the writer stored last, outside the model.
    last: std::sync::atomic::AtomicU32,
}

/// Which accesses are made weaker than the rules say.
#[derive(Clone, Copy, Default)]
pub struct Weak {
    /// Words that are stored relaxed.
    pub stores: &'static [u32],
    /// Words that are loaded relaxed.
    pub loads: &'static [u32],
}

impl Weak {
    /// Everything as the rules say.
    pub const NONE: Self = Self { stores: &[], loads: &[] };

    /// Relaxed stores of these words.
    pub const fn stores(stores: &'static [u32]) -> Self {
        Self { stores, loads: &[] }
    }

    /// Relaxed loads of these words.
    pub const fn loads(loads: &'static [u32]) -> Self {
        Self { stores: &[], loads }
    }
}

/// A block with the words that a model needs, as one side sees it. An access to any other word
/// fails, and so does a store to a word of the other side.
///
/// A side that loads its own word gets what it stored last, as coherence has it, and that is no
/// step of the model: loom looks for races with the last access of a word only, and such a load
/// would hide the other side's load before it.
#[derive(Clone)]
pub struct LoomMemory {
    words: Arc<BTreeMap<u32, Word>>,
    side: Side,
    weak: Weak,
}

/// Offsets of the words of a block, by their writers.
#[derive(Default)]
pub struct Words {
    pub agent: Vec<u32>,
    pub peer: Vec<u32>,
    /// Words that only indices order.
    pub agent_entries: Vec<u32>,
    pub peer_entries: Vec<u32>,
}

impl LoomMemory {
    /// The block as the agent sees it.
    pub fn new(words: Words, kind: Entries, weak: Weak) -> Self {
        let entries = [(Side::Agent, words.agent_entries), (Side::Peer, words.peer_entries)];
        let shared = [(Side::Agent, words.agent), (Side::Peer, words.peer)];
        let entries = entries.into_iter().map(|(side, at)| (side, kind, at));
        let shared = shared.into_iter().map(|(side, at)| (side, Entries::Racy, at));
        let words = shared.chain(entries).flat_map(|(writer, kind, at)| {
            let word = move |at| {
                let value = match kind {
                    Entries::Exclusive => Value::Plain(Plain::new(0)),
                    Entries::Racy => Value::Atomic(AtomicU32::new(0)),
                };
                (at, Word { writer, value, last: 0.into() })
            };
            at.into_iter().map(word)
        });
        Self { words: Arc::new(words.collect()), side: Side::Agent, weak }
    }

    /// The block as this side sees it.
    pub fn of(&self, side: Side) -> Self {
        Self { side, ..self.clone() }
    }

    fn word(&self, offset: u32) -> &Word {
        self.words.get(&offset).unwrap_or_else(|| panic!("no word at {offset:#x} in this model"))
    }

    fn read(&self, offset: u32, order: Ordering) -> u32 {
        let word = self.word(offset);
        match &word.value {
            _ if word.writer == self.side => word.last.load(Ordering::Relaxed),
            Value::Atomic(value) => value.load(order),
            Value::Plain(value) => value.get(),
        }
    }

    fn write(&self, offset: u32, new: u32, order: Ordering) {
        let word = self.word(offset);
        assert_eq!(word.writer, self.side, "{offset:#x} has another writer");
        word.last.store(new, Ordering::Relaxed);
        match &word.value {
            Value::Atomic(value) => value.store(new, order),
            Value::Plain(value) => value.set(new),
        }
    }
}

impl SharedMemory for LoomMemory {
    fn size(&self) -> u32 {
        self.words.last_key_value().map_or(0, |(at, _)| at + 4)
    }
    fn load(&self, offset: u32) -> u32 {
        let weak = self.weak.loads.contains(&offset);
        self.read(offset, if weak { Ordering::Relaxed } else { Ordering::Acquire })
    }
    fn store(&self, offset: u32, value: u32) {
        let weak = self.weak.stores.contains(&offset);
        self.write(offset, value, if weak { Ordering::Relaxed } else { Ordering::Release });
    }
    fn load_plain(&self, offset: u32) -> u32 {
        self.read(offset, Ordering::Relaxed)
    }
    fn store_plain(&self, offset: u32, value: u32) {
        self.write(offset, value, Ordering::Relaxed);
    }
}

/// Runs a model with at most this many preemptions in one execution.
pub fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}
