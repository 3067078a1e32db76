//! Policies from files, changed while they are watched.

mod common;

use std::time::Duration;

use common::{Readers, document, refused, store, until, version};
use tandem_policy::{Source, Timing, Watch};

fn timing() -> Timing {
    Timing { look: Duration::from_millis(2), ..Timing::default() }
}

#[test]
fn a_file_is_followed_over_100_changes_with_broken_ones_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    let new = folder.path().join("new");
    let store = store();
    std::fs::write(&path, document("p", 1)).unwrap();
    let watch = Watch::start(Source::Path(path.clone()), store.clone(), timing()).unwrap();
    until("version 1", &store, |store| version(store) == 1);
    let readers = Readers::start(&store, 2);
    for v in 2..=100 {
        if v % 5 == 0 {
            let before = refused(&store);
            // Cut inside a map: the writer died.
            let text = document("p", v);
            std::fs::write(&path, &text[..text.rfind('}').unwrap()]).unwrap();
            until("a refusal", &store, |store| refused(store) > before);
            assert_eq!(version(&store), v - 1, "the last good one stays");
        }
        // In place and by a new file of the same name, in turn.
        match v % 2 {
            0 => std::fs::write(&path, document("p", v)).unwrap(),
            _ => {
                std::fs::write(&new, document("p", v)).unwrap();
                std::fs::rename(&new, &path).unwrap();
            }
        }
        until("a change", &store, |store| version(store) == v);
    }
    assert!(readers.join() > 0);
    let status = store.report();
    assert_eq!((status.changes, status.connected), (100, true));
    assert!(status.refused.values().sum::<u64>() >= 20, "{status:?}");
    drop(watch);
}

#[test]
fn a_folder_brings_its_highest_version_and_a_rollback() {
    let folder = tempfile::tempdir().unwrap();
    let file = |v: u32| folder.path().join(format!("p-{v}.yaml"));
    let store = store();
    let source = Source::Path(folder.path().to_owned());
    let _watch = Watch::start(source, store.clone(), timing()).unwrap();
    until("the empty folder", &store, |store| store.report().refused.contains_key("policy_absent"));
    for v in [1, 2, 10] {
        std::fs::write(file(v), document("p", v)).unwrap();
        until("a new version", &store, |store| version(store) == v);
    }
    std::fs::remove_file(file(10)).unwrap();
    until("a rollback", &store, |store| version(store) == 2);
    std::fs::write(folder.path().join("notes.txt"), "not looked at").unwrap();
    std::fs::write(folder.path().join("bad.yaml"), b"\xff\xfe").unwrap();
    until("no text", &store, |store| store.report().refused.contains_key("policy_unreadable"));
    assert_eq!(version(&store), 2);
}
