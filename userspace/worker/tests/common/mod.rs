//! A model, engines whose heads are a function of the tensor, a client that says what it is told.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod program;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tandem_engine::{Capabilities, Engine, EngineError, Model};
use tandem_worker::protocol::{
    ENTRY_BYTES, FromWorker, Hello, Interface, ToWorker, VERSION, decode, encode,
};
use tandem_worker::{Absent, Address, RemoteEngine, Server, ServerConfig};

/// A bound that only a hang exceeds.
pub const LONG: Duration = Duration::from_secs(120);

/// Folder of a committed tiny model.
pub fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/data/models/tiny-v5/1")
}

/// A committed tiny model.
pub fn model() -> Model {
    Model::load(&tiny()).unwrap()
}

/// A tensor made from a number.
pub fn tensor(model: &Model, seed: u8) -> Vec<u8> {
    (0..model.tensor_bytes()).map(|i| ((i * 37 + i / 251) as u8) ^ seed).collect()
}

/// What the tests' engines make of a tensor; the gaps between heads stay as they are.
pub fn answer(model: &Model, tensor: &[u8], heads: &mut [u8]) {
    let sum = tensor.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(*byte));
    for head in model.heads() {
        for (at, byte) in heads[head.offset..][..head.bytes].iter_mut().enumerate() {
            *byte = tensor[at % tensor.len()] ^ (sum >> (at % 24)) as u8;
        }
    }
}

/// The answer in a slot that held 0xa5.
pub fn expected(model: &Model, tensor: &[u8]) -> Vec<u8> {
    let mut heads = vec![0xa5; model.heads_bytes()];
    answer(model, tensor, &mut heads);
    heads
}

/// An engine in this process; with a gate, it says when a run begins and waits to be let through.
pub struct Toy {
    model: Model,
    gate: Option<(Sender<u8>, Receiver<()>)>,
}

impl Toy {
    pub fn engine() -> Box<dyn Engine> {
        Box::new(Self { model: model(), gate: None })
    }

    /// Behind a gate: the first byte of each tensor whose run begins, and what lets it end.
    pub fn gated() -> (Box<dyn Engine>, Receiver<u8>, Sender<()>) {
        let (begun, begins) = channel();
        let (through, let_through) = channel();
        (Box::new(Self { model: model(), gate: Some((begun, let_through)) }), begins, through)
    }
}

impl Engine for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn describe(&self) -> String {
        "a function of the tensor's bytes".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, tensor: &[u8], heads: &mut [u8]) -> Result<(), EngineError> {
        if let Some((begun, let_through)) = &self.gate {
            let _ = begun.send(tensor[0]);
            let _ = let_through.recv();
        }
        // No tensor of `tensor` begins so.
        match tensor[..2] {
            [0xfe, 0xfe] => Err(EngineError::Run("planted".into())),
            [0xfd, 0xfd] => panic!("planted: the engine panics"),
            _ => {
                answer(&self.model, tensor, heads);
                Ok(())
            }
        }
    }
}

/// A worker in this process.
pub fn serve(engine: Box<dyn Engine>, slots: usize) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let interface = Interface::of(&model()).unwrap();
    Server::start(listener, interface, engine, ServerConfig { slots }).unwrap()
}

/// How `--engine` names it.
pub fn address(of: SocketAddr) -> Address {
    format!("tcp://{of}").parse().unwrap()
}

pub fn connect(to: SocketAddr) -> RemoteEngine {
    RemoteEngine::connect(&model(), address(to), Absent::Refuse).unwrap()
}

/// Runs a tensor and compares every byte of the slot.
#[track_caller]
pub fn check(engine: &mut RemoteEngine, seed: u8) {
    let model = model();
    let tensor = tensor(&model, seed);
    let mut heads = vec![0xa5; model.heads_bytes()];
    engine.run_by(&tensor, &mut heads, Instant::now() + LONG).unwrap();
    assert!(heads == expected(&model, &tensor), "another answer");
}

/// Runs a tensor and gives what it came to.
pub fn attempt(engine: &mut RemoteEngine, seed: u8, limit: Duration) -> Result<(), EngineError> {
    let model = model();
    let tensor = tensor(&model, seed);
    let mut heads = vec![0xa5; model.heads_bytes()];
    engine.run_by(&tensor, &mut heads, Instant::now() + limit)?;
    assert!(heads == expected(&model, &tensor), "another answer");
    Ok(())
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A client that says what it is told.
pub struct Raw {
    pub socket: TcpStream,
    /// The worker's epoch.
    pub epoch: u32,
    pub credits: u32,
}

/// Epoch of every raw client.
pub const MINE: u32 = 77;

impl Raw {
    pub fn connect(to: SocketAddr) -> Self {
        let socket = TcpStream::connect(to).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self { socket, epoch: 0, credits: 0 }
    }

    pub fn hello(credits: u32) -> Hello {
        let identity = Interface::of(&model()).unwrap().identity;
        Hello { version: VERSION, epoch: MINE, credits, identity }
    }

    /// With a session.
    pub fn greeted(to: SocketAddr, credits: u32) -> Self {
        let mut raw = Self::connect(to);
        raw.say(&ToWorker::Hello(Self::hello(credits)));
        match raw.hear() {
            Some(FromWorker::Hello(hello)) => {
                (raw.epoch, raw.credits) = (hello.epoch, hello.credits);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(raw.hear(), Some(FromWorker::Engine(_))));
        raw
    }

    pub fn say(&mut self, message: &ToWorker) {
        let mut entry = [0; ENTRY_BYTES];
        encode(message, &mut entry);
        self.socket.write_all(&entry).unwrap();
    }

    /// A job with its tensor.
    pub fn submit(&mut self, id: u32, seed: u8, left: Duration) {
        let tensor = tensor(&model(), seed);
        let submit = ToWorker::Submit {
            epoch: self.epoch,
            id,
            left_ns: left.as_nanos() as u64,
            bytes: tensor.len() as u32,
            crc: crc32fast::hash(&tensor),
        };
        self.say(&submit);
        self.socket.write_all(&tensor).unwrap();
    }

    /// The next message but heartbeats; `None` at the end of the connection.
    pub fn hear(&mut self) -> Option<FromWorker> {
        loop {
            let mut entry = [0; ENTRY_BYTES];
            if self.socket.read_exact(&mut entry).is_err() {
                return None;
            }
            match decode(&entry).unwrap() {
                FromWorker::Heartbeat { epoch, .. } => {
                    assert_eq!(epoch, MINE);
                    // This side is there, too.
                    self.beat();
                }
                message => return Some(message),
            }
        }
    }

    pub fn beat(&mut self) {
        let mut entry = [0; ENTRY_BYTES];
        encode(&ToWorker::Heartbeat { epoch: self.epoch }, &mut entry);
        // The connection may be at its end.
        let _ = self.socket.write_all(&entry);
    }

    /// The payload of a `Done`.
    pub fn payload(&mut self, bytes: u32) -> Vec<u8> {
        let mut payload = vec![0; bytes as usize];
        self.socket.read_exact(&mut payload).unwrap();
        payload
    }
}
