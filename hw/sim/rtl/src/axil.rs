//! An AXI4-Lite manager: one access at a time, with the channels' handshakes in any order.

use crate::Stall;
use crate::model::{Model, Port};

/// The subordinate answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusError;

struct Ports {
    awaddr: Port,
    awvalid: Port,
    awready: Port,
    wdata: Port,
    wstrb: Port,
    wvalid: Port,
    wready: Port,
    bresp: Port,
    bvalid: Port,
    bready: Port,
    araddr: Port,
    arvalid: Port,
    arready: Port,
    rdata: Port,
    rresp: Port,
    rvalid: Port,
    rready: Port,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Write of a word with byte strobes.
    Write { at: u32, value: u32, strobes: u32 },
    /// Read of a word.
    Read { at: u32 },
}

pub(crate) struct Axil {
    ports: Ports,
    name: String,
    /// Of addresses, write data and answers.
    stalls: [Stall; 3],
    access: Option<Access>,
    /// Valid is up; and the handshake is done.
    address: (bool, bool),
    data: (bool, bool),
    ready: bool,
    answer: Option<(u32, u64)>,
    result: Option<Result<u32, BusError>>,
    taken_at: u64,
}

impl Axil {
    pub(crate) fn find(model: &Model) -> Option<Self> {
        model.find("s_axil_awaddr")?;
        let port = |name: &str| model.port(&format!("s_axil_{name}"));
        Some(Self {
            ports: Ports {
                awaddr: port("awaddr"),
                awvalid: port("awvalid"),
                awready: port("awready"),
                wdata: port("wdata"),
                wstrb: port("wstrb"),
                wvalid: port("wvalid"),
                wready: port("wready"),
                bresp: port("bresp"),
                bvalid: port("bvalid"),
                bready: port("bready"),
                araddr: port("araddr"),
                arvalid: port("arvalid"),
                arready: port("arready"),
                rdata: port("rdata"),
                rresp: port("rresp"),
                rvalid: port("rvalid"),
                rready: port("rready"),
            },
            name: format!("{}.s_axil", model.name()),
            stalls: [Stall::never(), Stall::never(), Stall::never()],
            access: None,
            address: (false, false),
            data: (false, false),
            ready: false,
            answer: None,
            result: None,
            taken_at: 0,
        })
    }

    pub(crate) fn set_stall(&mut self, mut stall: Stall) {
        self.stalls = [stall.fork(), stall.fork(), stall.fork()];
    }

    pub(crate) fn begin(&mut self, access: Access) {
        assert!(self.access.is_none(), "{}: one access at a time", self.name);
        self.access = Some(access);
        self.address = (false, false);
        self.data = (false, false);
        self.result = None;
    }

    pub(crate) fn result(&mut self) -> Option<Result<u32, BusError>> {
        self.result.take()
    }

    /// Clock in which the last access was taken: address, and data of a write.
    pub(crate) fn taken_at(&self) -> u64 {
        self.taken_at
    }

    /// Forgets everything: the kernel is in reset.
    pub(crate) fn clear(&mut self) {
        self.access = None;
        self.answer = None;
        self.result = None;
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        let wants = |valid: bool, done: bool| !valid && !done;
        if self.access.is_some() {
            if wants(self.address.0, self.address.1) {
                self.address.0 = !self.stalls[0].holds();
            }
            let write = matches!(self.access, Some(Access::Write { .. }));
            if write && wants(self.data.0, self.data.1) {
                self.data.0 = !self.stalls[1].holds();
            }
        }
        self.ready = !self.stalls[2].holds();
        let p = &self.ports;
        let (mut aw, mut w, mut ar) = (false, false, false);
        match self.access {
            Some(Access::Write { at, value, strobes }) => {
                (aw, w) = (self.address.0, self.data.0);
                model.set(p.awaddr, u64::from(at));
                model.set(p.wdata, u64::from(value));
                model.set(p.wstrb, u64::from(strobes));
            }
            Some(Access::Read { at }) => {
                ar = self.address.0;
                model.set(p.araddr, u64::from(at));
            }
            None => {}
        }
        for (port, level) in [(p.awvalid, aw), (p.wvalid, w), (p.arvalid, ar)] {
            model.set(port, u64::from(level));
        }
        for port in [p.bready, p.rready] {
            model.set(port, u64::from(self.ready));
        }
    }

    pub(crate) fn observe(&mut self, model: &Model, clock: u64, reset: bool) {
        let name = &self.name;
        let p = &self.ports;
        let up = |port: Port| model.get(port) != 0;
        if reset {
            assert!(!up(p.bvalid) && !up(p.rvalid) || clock < 2, "{name}: valid in reset");
            return;
        }
        let write = matches!(self.access, Some(Access::Write { .. }));
        let read = matches!(self.access, Some(Access::Read { .. }));
        let (b, r) = (up(p.bvalid), up(p.rvalid));
        let done = self.address.1 && (self.data.1 || !write);
        assert!(!b || (write && done), "{name}: bvalid without a write, clock {clock}");
        assert!(!r || (read && done), "{name}: rvalid without a read, clock {clock}");
        let shown = match (b, r) {
            (true, _) => Some((model.get(p.bresp) as u32, 0)),
            (_, true) => Some((model.get(p.rresp) as u32, model.get(p.rdata))),
            _ => None,
        };
        if self.answer.is_some() {
            assert!(shown == self.answer, "{name}: an answer changed before ready, clock {clock}");
        }
        self.answer = shown;
        if let (Some((response, data)), true) = (shown, self.ready) {
            assert!(response == 0 || response == 2, "{name}: response {response}, clock {clock}");
            self.result = Some(if response == 0 { Ok(data as u32) } else { Err(BusError) });
            self.access = None;
            self.answer = None;
            return;
        }
        let address_ready = if write { up(p.awready) } else { up(p.arready) };
        let before = self.address.1 && (self.data.1 || !write);
        if self.address.0 && address_ready {
            self.address = (false, true);
        }
        if self.data.0 && up(p.wready) {
            self.data = (false, true);
        }
        if self.access.is_some() && !before && self.address.1 && (self.data.1 || !write) {
            self.taken_at = clock;
        }
    }
}
