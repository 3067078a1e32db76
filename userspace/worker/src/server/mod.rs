//! The worker: takes connections, keeps the slots, runs the model.

mod connection;
mod counters;
mod runner;
mod slots;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tandem_engine::Engine;

use crate::protocol::{Interface, note};
use crate::wire::LOOK;
pub use counters::{Counters, Event};
use runner::Runner;
use slots::Pool;

/// Connections at once, those that have not said hello included.
const MAX_CONNECTIONS: u32 = 64;

/// How a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Slots: jobs that the worker may hold at once, of all clients.
    pub slots: usize,
}

/// What every thread of the worker sees.
struct Shared {
    interface: Interface,
    runs_on: crate::protocol::Note,
    pool: Pool,
    runner: Runner,
    counters: Arc<Counters>,
    connections: AtomicU32,
    stop: AtomicBool,
}

/// A running worker. Dropped, it stops.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves one model on a listening socket until it is stopped.
    ///
    /// # Errors
    /// The system's: socket, threads.
    pub fn start(
        listener: TcpListener,
        interface: Interface,
        engine: Box<dyn Engine>,
        config: ServerConfig,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (tensor, heads) = (interface.identity.tensor_bytes as usize, interface.slot_bytes);
        let (runner, work) = runner::of(config.slots, engine);
        let shared = Arc::new(Shared {
            runs_on: note(&work.describe()),
            pool: Pool::new(config.slots, tensor, heads),
            interface,
            runner,
            counters: Arc::default(),
            connections: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        });
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.into()).spawn(body)
        };
        let engine = spawn("worker-engine", {
            let shared = shared.clone();
            Box::new(move || work.run(&shared))
        })?;
        shared.runner.is_run_by(engine.thread().clone());
        let accept = spawn("worker-accept", {
            let shared = shared.clone();
            Box::new(move || accept(&shared, &listener))
        })?;
        Ok(Self { shared, address, threads: vec![accept, engine] })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.shared.counters
    }

    /// Slots that no connection has.
    pub fn free_slots(&self) -> usize {
        self.shared.pool.free()
    }

    /// Ends all connections, jobs under way first; blocks until it is done.
    pub fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes connections until told to stop, then waits for their ends and stops the engine.
fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stop.load(Ordering::Acquire) {
        threads.retain(|thread| !thread.is_finished());
        match listener.accept() {
            Ok((socket, peer)) => {
                if shared.connections.load(Ordering::Acquire) >= MAX_CONNECTIONS {
                    shared.counters.count(Event::TooManyConnections);
                    continue;
                }
                shared.connections.fetch_add(1, Ordering::AcqRel);
                let own = shared.clone();
                let body = move || {
                    connection::serve(&own, socket, peer);
                    own.connections.fetch_sub(1, Ordering::AcqRel);
                };
                match std::thread::Builder::new().name("worker-read".into()).spawn(body) {
                    Ok(thread) => threads.push(thread),
                    Err(_) => {
                        shared.connections.fetch_sub(1, Ordering::AcqRel);
                        shared.counters.count(Event::TooManyConnections);
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(listener),
            // A connection that ended before it was taken, or no descriptors left.
            Err(_) => std::thread::sleep(LOOK),
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
    shared.runner.stop();
}

/// Waits for a connection, a look long at most.
fn wait(listener: &TcpListener) {
    let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    // Whatever it was, the listener is asked next.
    let _ = poll(&mut [PollFd::new(&listener.as_fd(), PollFlags::IN)], Some(&timeout));
}
