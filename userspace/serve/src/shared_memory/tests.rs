use std::fs::File;

use rustix::fs::Mode;
use rustix::shm;

use super::{Region, SharedMemory};
use crate::error::Kind;

/// A memory object of this process, gone with the test.
struct Object(String, File);

impl Object {
    fn new(name: &str, bytes: u64) -> Self {
        let key = format!("/tandem-test-{}-{name}", std::process::id());
        let flags = shm::OFlags::CREATE | shm::OFlags::RDWR | shm::OFlags::EXCL;
        let file = File::from(shm::open(&key, flags, Mode::RUSR | Mode::WUSR).unwrap());
        file.set_len(bytes).unwrap();
        Self(key, file)
    }

    fn region(&self, name: &str, offset: u64, byte_size: u64) -> Region {
        Region { name: name.into(), key: self.0.clone(), offset, byte_size }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let _ = shm::unlink(&self.0);
    }
}

#[test]
fn what_is_not_allowed_is_refused_whatever_it_is() {
    let memory = SharedMemory::new(false);
    let object = Object::new("off", 64);
    let refused = [
        memory.register(object.region("r", 0, 64)),
        memory.unregister(None),
        memory.status(None).map(drop),
        memory.piece("r", 0, 1).map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.message.contains("--allow-shared-memory"), "{error}");
    }
}

#[test]
fn regions_and_pieces_lie_inside_their_memory() {
    let memory = SharedMemory::new(true);
    let object = Object::new("bounds", 64);
    for (offset, size) in [(0, 65), (64, 1), (1, 64), (u64::MAX, 1), (0, u64::MAX), (0, 0)] {
        let error = memory.register(object.region("r", offset, size)).unwrap_err();
        assert!(error.message.contains("\"r\""), "{error}");
    }
    memory.register(object.region("r", 16, 32)).unwrap();
    assert!(memory.register(object.region("r", 0, 1)).is_err(), "twice");
    for (offset, len) in [(0, 33), (32, 1), (u64::MAX, 1), (1, u64::MAX)] {
        assert!(memory.piece("r", offset, len).is_err(), "{offset} {len}");
    }
    assert_eq!(memory.piece("s", 0, 1).unwrap_err().kind, Kind::NotFound);
    let piece = memory.piece("r", 8, 4).unwrap();
    piece.write(&[1, 2, 3, 4]).unwrap();
    assert!(piece.write(&[0; 5]).is_err());
    let mut all = [0; 32];
    memory.piece("r", 0, 32).unwrap().read(&mut all).unwrap();
    assert_eq!(all[7..13], [0, 1, 2, 3, 4, 0]);
}

#[test]
fn a_memory_that_is_cut_off_is_an_error() {
    let memory = SharedMemory::new(true);
    let object = Object::new("cut", 64);
    memory.register(object.region("r", 0, 64)).unwrap();
    let piece = memory.piece("r", 0, 64).unwrap();
    object.1.set_len(8).unwrap();
    assert!(piece.read(&mut [0; 64]).is_err());
    assert!(piece.write(&[0; 64]).is_err());
    assert_eq!(object.1.metadata().unwrap().len(), 8);
}

#[test]
fn names_and_keys_are_plain() {
    let memory = SharedMemory::new(true);
    let key = |name: &str, key: &str| Region {
        name: name.into(),
        key: key.into(),
        offset: 0,
        byte_size: 1,
    };
    for region in [
        key("", "/k"),
        key("a/b", "/k"),
        key("a\n", "/k"),
        key("r", ""),
        key("r", "/"),
        key("r", "/.."),
        key("r", "/../etc/passwd"),
        key("r", "//k"),
        key("r", "/tandem-not-there"),
    ] {
        assert_eq!(memory.register(region).unwrap_err().kind, Kind::InvalidArgument);
    }
    assert!(memory.status(None).unwrap().is_empty());
}
