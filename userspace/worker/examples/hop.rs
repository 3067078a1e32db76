//! What the hop over TCP costs: round trips to a worker on this machine whose engine does nothing,
//! against the time in which loopback carries as many bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use tandem_engine::{Capabilities, Engine, EngineError, Model};
use tandem_worker::protocol::Interface;
use tandem_worker::{Absent, RemoteEngine, Server, ServerConfig};

const ROUNDS: usize = 500;

/// Leaves the heads as they are.
struct Nothing;

impl Engine for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn describe(&self) -> String {
        "nothing".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { reads_in_place: true, writes_in_place: true }
    }

    fn run(&mut self, _: &[u8], _: &mut [u8]) -> Result<(), EngineError> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/yolov3-tiny/1");
    let model = Model::load(&folder)?;
    let interface = Interface::of(&model)?;
    let (out, back) = (interface.identity.tensor_bytes, interface.identity.heads_bytes);
    let config = ServerConfig { slots: 2 };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = Server::start(listener, interface, Box::new(Nothing), config)?;
    let address = format!("tcp://{}", server.address()).parse()?;
    let mut engine = RemoteEngine::connect(&model, address, Absent::Refuse)?;
    let tensor = vec![7; model.tensor_bytes()];
    let mut heads = vec![0; model.heads_bytes()];
    let hop = times(|| {
        let began = Instant::now();
        engine.run(&tensor, &mut heads)?;
        Ok(began
            .elapsed()
            .saturating_sub(Duration::from_nanos(engine.away().map_or(0, |away| away.engine_ns))))
    })?;
    let limit = times(plain(out as usize, back as usize)?)?;
    println!("{}: {out} bytes out, {back} back, {ROUNDS} rounds, microseconds", model.id());
    println!("                              p50     p90     p99");
    for (name, times) in
        [("round trip less engine time", hop), ("the same bytes, plain TCP ", limit)]
    {
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
        println!("{name}  {:7.0} {:7.0} {:7.0}", at(50), at(90), at(99));
    }
    Ok(())
}

type Failure = Box<dyn std::error::Error>;

/// Times of many rounds, sorted, after some that are not counted.
fn times(mut round: impl FnMut() -> Result<Duration, Failure>) -> Result<Vec<Duration>, Failure> {
    for _ in 0..20 {
        round()?;
    }
    let mut times = (0..ROUNDS).map(|_| round()).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    Ok(times)
}

/// Rounds over a plain blocking connection: as many bytes there and back, nothing else.
fn plain(out: usize, back: usize) -> Result<impl FnMut() -> Result<Duration, Failure>, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    std::thread::spawn(move || {
        let (mut there, here) = (vec![0; out], vec![0; back]);
        while far.read_exact(&mut there).is_ok() && far.write_all(&here).is_ok() {}
    });
    let (there, mut here) = (vec![7; out], vec![0; back]);
    Ok(move || {
        let began = Instant::now();
        near.write_all(&there)?;
        near.read_exact(&mut here)?;
        Ok(began.elapsed())
    })
}
