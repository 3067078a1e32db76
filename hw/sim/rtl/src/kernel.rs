//! One model with a clock, and everything that sits on its ports.

use std::path::Path;

use crate::axil::{Access, Axil};
use crate::model::{Model, Port};
use crate::{BusError, Packet, Sink, Source, Stall};

/// CTRL of every kernel of ours, and its bit that holds the kernel in reset.
const CTRL: u32 = 0x20;
const CTRL_RESET: u32 = 2;

/// Clocks after which a single access or wait counts as stuck.
const STUCK: u64 = 200_000;

/// Names a source of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct SourceId(usize);

/// Names a sink of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct SinkId(usize);

/// A kernel under test.
pub struct Kernel {
    model: Model,
    clk: Port,
    resetn: Port,
    axil: Option<Axil>,
    sources: Vec<Source>,
    sinks: Vec<Sink>,
    clocks: u64,
    in_reset: bool,
    /// CTRL.RESET is set: the streams may stop in the middle.
    held: bool,
    settled: bool,
}

impl Kernel {
    /// Loads a model of `models.toml` and resets it. Registers that nobody wrote hold what `seed`
    /// says.
    ///
    /// # Panics
    /// There is no such model, or it lacks `aclk` and `aresetn`.
    pub fn load(name: &str, seed: u64) -> Self {
        Self::over(Model::load(name, seed))
    }

    /// As [`Kernel::load`], from a library that `verilate` built.
    ///
    /// # Panics
    /// It is no library of that kind.
    pub fn load_file(file: &Path, seed: u64) -> Self {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        Self::over(Model::load_file(&name, file, seed))
    }

    fn over(model: Model) -> Self {
        let (clk, resetn) = (model.port("aclk"), model.port("aresetn"));
        let axil = Axil::find(&model);
        Self {
            model,
            clk,
            resetn,
            axil,
            sources: Vec::new(),
            sinks: Vec::new(),
            clocks: 0,
            in_reset: true,
            held: false,
            settled: false,
        }
    }

    /// Holds `aresetn` low for some clocks: what was under way is forgotten.
    pub fn reset(&mut self) {
        self.reset_watched(|_, _| ());
    }

    /// As [`Kernel::reset`]; `watch` sees the kernel after each clock of the reset, which are counted
    /// from 1.
    pub fn reset_watched(&mut self, mut watch: impl FnMut(&mut Self, u32)) {
        self.in_reset = true;
        self.held = false;
        self.model.check_assertions(false);
        self.sources.iter_mut().for_each(Source::clear);
        self.sinks.iter_mut().for_each(Sink::clear);
        if let Some(axil) = &mut self.axil {
            axil.clear();
        }
        for clock in 1..=4 {
            self.clock();
            watch(self, clock);
        }
        self.in_reset = false;
        self.model.check_assertions(true);
    }

    /// A source on the stream whose ports begin with `prefix`.
    pub fn source(&mut self, prefix: &str, stall: Stall) -> SourceId {
        self.sources.push(Source::new(&self.model, prefix, stall));
        SourceId(self.sources.len() - 1)
    }

    /// A sink on the stream whose ports begin with `prefix`.
    pub fn sink(&mut self, prefix: &str, stall: Stall) -> SinkId {
        self.sinks.push(Sink::new(&self.model, prefix, stall));
        SinkId(self.sinks.len() - 1)
    }

    /// Other stalls from now on.
    pub fn stall_source(&mut self, id: SourceId, stall: Stall) {
        self.sources[id.0].set_stall(stall);
    }

    /// Other stalls from now on.
    pub fn stall_sink(&mut self, id: SinkId, stall: Stall) {
        self.sinks[id.0].set_stall(stall);
    }

    /// Stalls of the five AXI4-Lite channels from now on.
    pub fn stall_axil(&mut self, stall: Stall) {
        if let Some(axil) = &mut self.axil {
            axil.set_stall(stall);
        }
    }

    /// Queues a packet.
    pub fn push(&mut self, id: SourceId, bytes: &[u8]) {
        self.sources[id.0].push(bytes.to_vec());
    }

    /// Drops what a source has not sent, also what is on the wires: only while the kernel is held.
    pub fn clear_source(&mut self, id: SourceId) {
        assert!(self.held || self.in_reset, "{}: the kernel is not in reset", self.model.name());
        self.sources[id.0].clear();
    }

    /// What a source has done.
    pub fn source_of(&self, id: SourceId) -> &Source {
        &self.sources[id.0]
    }

    /// What a sink has seen.
    pub fn sink_of(&self, id: SinkId) -> &Sink {
        &self.sinks[id.0]
    }

    /// Whole packets that came since they were last taken.
    pub fn packets(&self, id: SinkId) -> &[Packet] {
        self.sinks[id.0].packets()
    }

    /// Takes the whole packets out.
    pub fn take(&mut self, id: SinkId) -> Vec<Packet> {
        self.sinks[id.0].take()
    }

    /// Clocks since the model was loaded.
    pub fn clocks(&self) -> u64 {
        self.clocks
    }

    /// A port by its name.
    pub fn port(&self, name: &str) -> Port {
        self.model.port(name)
    }

    /// The lowest 64 bits of a port. After [`Kernel::settle`]: within the clock; after
    /// [`Kernel::clock`]: what the registers hold now, with inputs as they were.
    pub fn get(&self, name: &str) -> u64 {
        self.model.get(self.model.port(name))
    }

    /// Sets an input from the next clock on.
    pub fn set(&mut self, name: &str, value: u64) {
        let port = self.model.port(name);
        self.set_port(port, value);
    }

    /// [`Kernel::get`] of a port that was looked up before.
    pub fn get_port(&self, port: Port) -> u64 {
        self.model.get(port)
    }

    /// [`Kernel::set`] of a port that was looked up before.
    pub fn set_port(&mut self, port: Port, value: u64) {
        self.model.set(port, value);
        self.settled = false;
    }

    /// The model, for what has no method here.
    pub fn model(&mut self) -> &mut Model {
        self.settled = false;
        &mut self.model
    }

    /// Puts this clock's inputs on the wires and lets the outputs follow: the state just before the
    /// rising edge. [`Kernel::clock`] does it where it was not done.
    pub fn settle(&mut self) {
        if self.settled {
            return;
        }
        let reset = self.in_reset;
        self.model.set(self.clk, 0);
        self.model.set(self.resetn, u64::from(!reset));
        self.sources.iter_mut().for_each(|source| source.drive(&mut self.model, reset));
        self.sinks.iter_mut().for_each(|sink| sink.drive(&mut self.model));
        if let Some(axil) = &mut self.axil {
            axil.drive(&mut self.model);
        }
        self.model.eval();
        self.settled = true;
    }

    /// One clock.
    ///
    /// # Panics
    /// A rule of AXI4-Stream or AXI4-Lite is broken, or an assertion in the SystemVerilog fails.
    pub fn clock(&mut self) {
        self.settle();
        let (clock, reset) = (self.clocks, self.in_reset);
        if !reset {
            self.sources.iter_mut().for_each(|source| source.observe(&self.model));
        }
        let unchecked = reset || self.held;
        self.sinks.iter_mut().for_each(|sink| sink.observe(&self.model, clock, unchecked));
        if let Some(axil) = &mut self.axil {
            axil.observe(&self.model, clock, reset);
        }
        self.model.set(self.clk, 1);
        self.model.eval();
        self.clocks += 1;
        self.settled = false;
    }

    /// Clocks until `done`, which is asked before each.
    ///
    /// # Panics
    /// It takes more than `limit` clocks; the message says `what` was waited for.
    pub fn run_until(&mut self, limit: u64, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let from = self.clocks;
        while !done(self) {
            let name = self.model.name();
            assert!(self.clocks - from < limit, "{name}: no {what} within {limit} clocks");
            self.clock();
        }
    }

    /// Begins an access; other things may be done while it runs. [`Kernel::finished`] ends it.
    pub fn begin_write32(&mut self, at: u32, value: u32) {
        self.begin(Access::Write { at, value, strobes: 0xf });
    }

    /// Begins a read.
    pub fn begin_read32(&mut self, at: u32) {
        self.begin(Access::Read { at });
    }

    fn begin(&mut self, access: Access) {
        if let Access::Write { at: CTRL, value, strobes: 0xf } = access
            && value & CTRL_RESET != 0
        {
            // From the clock after the handshake on; the few before are not checked either.
            self.held = true;
        }
        self.bus().begin(access);
    }

    /// The answer of the access that was begun, once it is there.
    pub fn finished(&mut self) -> Option<Result<u32, BusError>> {
        self.bus().result()
    }

    /// The clock in which the last access was taken by the kernel.
    pub fn taken_at(&mut self) -> u64 {
        self.bus().taken_at()
    }

    fn bus(&mut self) -> &mut Axil {
        let Some(axil) = &mut self.axil else { panic!("the model has no AXI4-Lite port") };
        axil
    }

    fn access(&mut self, access: Access) -> Result<u32, BusError> {
        self.begin(access);
        let from = self.clocks;
        loop {
            self.clock();
            if let Some(result) = self.finished() {
                if let Access::Write { at: CTRL, value, strobes: 0xf } = access {
                    self.held = value & CTRL_RESET != 0;
                }
                return result;
            }
            let name = self.model.name();
            assert!(self.clocks - from < STUCK, "{name}: no answer to {access:x?}");
        }
    }

    /// Writes a register.
    ///
    /// # Errors
    /// The kernel answers with an error.
    pub fn try_write32(&mut self, at: u32, value: u32) -> Result<(), BusError> {
        self.access(Access::Write { at, value, strobes: 0xf }).map(drop)
    }

    /// Writes some bytes of a register.
    ///
    /// # Errors
    /// The kernel answers with an error.
    pub fn try_write_strobes(&mut self, at: u32, value: u32, strobes: u32) -> Result<(), BusError> {
        self.access(Access::Write { at, value, strobes }).map(drop)
    }

    /// Reads a register.
    ///
    /// # Errors
    /// The kernel answers with an error.
    pub fn try_read32(&mut self, at: u32) -> Result<u32, BusError> {
        self.access(Access::Read { at })
    }

    /// Writes a register that is there.
    ///
    /// # Panics
    /// The kernel answers with an error.
    pub fn write32(&mut self, at: u32, value: u32) {
        let result = self.try_write32(at, value);
        assert!(result.is_ok(), "{}: write of {at:#x} refused", self.model.name());
    }

    /// Reads a register that is there.
    ///
    /// # Panics
    /// The kernel answers with an error.
    pub fn read32(&mut self, at: u32) -> u32 {
        let result = self.try_read32(at);
        result.unwrap_or_else(|_| panic!("{}: read of {at:#x} refused", self.model.name()))
    }
}
