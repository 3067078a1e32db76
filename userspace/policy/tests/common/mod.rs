//! What the sources' tests share.
#![allow(dead_code, missing_docs)] // each test uses a part of it

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_policy::{Catalog, EngineEntry, EngineKind, Store};

/// Longest that anything may take on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn store() -> Arc<Store> {
    let engine = EngineEntry { name: "rten".to_owned(), kind: EngineKind::Cpu, bound: None };
    Arc::new(Store::new(Catalog { engines: vec![engine], ..Catalog::default() }))
}

/// A document that says its version in five places.
pub fn document(name: &str, version: u32) -> String {
    let rules: String = (0..4)
        .map(|i| {
            format!(
                "  - name: r{i}-{version}\n    match: {{stream: s{i}, deadline_ms: {{max: \
                 {version}}}}}\n    route: cpu-only\n"
            )
        })
        .collect();
    format!("name: {name}\nversion: {version}\ndefault: cpu-only\nrules:\n{rules}")
}

pub fn until(what: &str, store: &Store, holds: impl Fn(&Store) -> bool) {
    let began = Instant::now();
    while !holds(store) {
        assert!(began.elapsed() < PATIENCE, "{what} did not come: {:?}", store.report());
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn version(store: &Store) -> u32 {
    store.current().map_or(0, |policy| policy.document().version.value)
}

pub fn refused(store: &Store) -> u64 {
    store.report().refused.values().sum()
}

/// Threads that look at the policy all the time, and must see one whole version each time.
pub struct Readers {
    stop: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub fn start(store: &Arc<Store>, threads: usize) -> Readers {
        let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let read = |_| {
            let (store, stop, looks) = (store.clone(), stop.clone(), looks.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(policy) = &*store.load() {
                        whole(policy);
                        looks.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            })
        };
        let threads = (0..threads).map(read).collect();
        Readers { stop, looks, threads }
    }

    /// How often they looked.
    pub fn join(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a reader saw parts of two versions");
        }
        self.looks.load(Ordering::Relaxed)
    }
}

fn whole(policy: &tandem_policy::Snapshot) {
    let document = policy.document();
    let version = document.version.value;
    assert!(policy.id().ends_with(&format!("@{version}")));
    assert_eq!(document.rules.len(), 4);
    for (i, rule) in document.rules.iter().enumerate() {
        assert_eq!(rule.name.value, format!("r{i}-{version}"));
        assert_eq!(rule.matches.deadline_ms.map(|bounds| bounds.max), Some(version.into()));
    }
}
