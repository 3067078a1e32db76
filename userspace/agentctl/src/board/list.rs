//! Boards that are described, named, or attached to this machine.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tandem_agent::server::{default_socket, find_socket};

use super::names;

/// How an entry is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A description in `boards/`.
    Description,
    /// A name in `targets.toml`.
    Named,
    /// An agent's socket on this machine.
    Agent,
    /// A serial adapter.
    Serial,
    /// A machine of `cargo xtask qemu`.
    Qemu,
}

/// A board, or a way to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// How it is known.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What `--target` takes; a description alone is no board.
    pub target: Option<String>,
    /// For people: title, device.
    pub detail: String,
}

/// Where is looked.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder of descriptions, where there is one.
    pub boards: Option<PathBuf>,
    /// Folder where udev names serial adapters.
    pub serial: PathBuf,
    /// Folders where QEMU's machines have theirs.
    pub machines: Vec<PathBuf>,
    /// Sockets where agents may be.
    pub sockets: Vec<PathBuf>,
}

impl Places {
    /// Of this machine; descriptions are found upward from `here`.
    pub fn near(here: &Path) -> Places {
        let boards = here.ancestors().map(|folder| folder.join("boards"));
        let mut sockets = vec![default_socket(), find_socket()];
        sockets.dedup();
        Places {
            boards: boards.into_iter().find(|path| path.join("virtual.toml").is_file()),
            serial: "/dev/serial/by-id".into(),
            machines: vec!["/dev/shm".into(), std::env::temp_dir()],
            sockets,
        }
    }

    /// Everything that is there, and what could not be read.
    pub fn list(&self, named: &names::Names) -> (Vec<Entry>, Vec<String>) {
        let (mut entries, mut wrong) = (Vec::new(), Vec::new());
        for path in self.boards.iter().flat_map(|folder| entries_of(folder)) {
            let cargo = path.ends_with("Cargo.toml");
            if cargo || path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            match tandem_boards::Board::load(&path) {
                Ok(board) => entries.push(Entry {
                    kind: Kind::Description,
                    target: (board.name == "virtual").then(|| "virtual".to_owned()),
                    name: board.name,
                    detail: board.title,
                }),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        entries.extend(named.iter().map(|(name, target)| Entry {
            kind: Kind::Named,
            name: name.clone(),
            target: Some(target.to_string()),
            detail: String::new(),
        }));
        let attached = |kind, name: &Path, target: String, detail: String| {
            let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Entry { kind, name, target: Some(target), detail }
        };
        for socket in self.sockets.iter().filter(|path| is_socket(path)) {
            let target = format!("unix://{}", socket.display());
            entries.push(attached(Kind::Agent, socket, target, String::new()));
        }
        for link in entries_of(&self.serial) {
            let device = std::fs::canonicalize(&link).unwrap_or_else(|_| link.clone());
            let detail = format!("{}; agent+serial:// if agentd is there", device.display());
            entries.push(attached(
                Kind::Serial,
                &link,
                format!("serial://{}", link.display()),
                detail,
            ));
        }
        for folder in self.machines.iter().flat_map(|place| entries_of(place)) {
            let uart = folder.join("uart1");
            if is_socket(&uart) && is_socket(&folder.join("uart0")) {
                let target = format!("serial+unix://{}", uart.display());
                entries.push(attached(Kind::Qemu, &folder, target, "the R5F's UART".to_owned()));
            }
        }
        (entries, wrong)
    }
}

/// What lies in a folder, in order of the names; nothing if there is no such folder.
fn entries_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_attached_is_listed_with_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["boards", "serial", "machines/tandem-board-x", "machines/other"] {
            std::fs::create_dir_all(path(name)).unwrap();
        }
        let virtual_board = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/virtual.toml");
        std::fs::copy(virtual_board, path("boards/virtual.toml")).unwrap();
        std::fs::write(path("boards/broken.toml"), "schema = 1\n").unwrap();
        std::fs::write(path("boards/Cargo.toml"), "[package]\n").unwrap();
        std::fs::write(path("ttyUSB0"), "").unwrap();
        std::os::unix::fs::symlink(path("ttyUSB0"), path("serial/usb-FTDI-if01")).unwrap();
        let sockets =
            ["agent.sock", "machines/tandem-board-x/uart0", "machines/tandem-board-x/uart1"]
                .map(|name| UnixListener::bind(path(name)).unwrap());
        let places = Places {
            boards: Some(path("boards")),
            serial: path("serial"),
            machines: vec![path("machines")],
            sockets: vec![path("agent.sock"), path("nobody.sock")],
        };
        let named = [("line-3".to_owned(), "ssh://root@a".parse().unwrap())].into();
        let (entries, wrong) = places.list(&named);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("broken.toml"), "{wrong:?}");
        let kinds: Vec<Kind> = entries.iter().map(|entry| entry.kind).collect();
        use Kind::{Agent, Description, Named, Qemu, Serial};
        assert_eq!(kinds, [Description, Named, Agent, Serial, Qemu]);
        let target = |at: usize| entries[at].target.clone().unwrap();
        assert_eq!((target(0), target(1)), ("virtual".to_owned(), "ssh://root@a".to_owned()));
        assert!(target(3).starts_with("serial:///") && target(3).ends_with("usb-FTDI-if01"));
        assert!(entries[3].detail.contains("ttyUSB0"));
        assert!(target(4).starts_with("serial+unix:///") && target(4).ends_with("uart1"));
        drop(sockets);
    }
}
