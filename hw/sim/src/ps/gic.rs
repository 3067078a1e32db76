//! PL390: distributor at 0, CPU interface at 0x1000 (as the R5F sees them). IHI 0048, DDI 0416.

use super::Device;

/// Interrupts of the model.
pub const COUNT: usize = 192;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GicFault {
    /// The next acknowledge gives 1023, though one is pending: the level fell and rose again.
    Spurious,
    /// The next end is lost: the interrupt stays active.
    LostEnd,
}

/// A PL390 with 192 interrupts and one core.
pub struct GicModel {
    on: u32,
    cpu_on: u32,
    mask: u32,
    group: [bool; COUNT],
    enabled: [bool; COUNT],
    latched: [bool; COUNT],
    level: [bool; COUNT],
    active: [bool; COUNT],
    edge: [bool; COUNT],
    priority: [u8; COUNT],
    targets: [u8; COUNT],
    fault: Option<GicFault>,
    misuse: Vec<String>,
}

impl Default for GicModel {
    fn default() -> Self {
        Self {
            on: 0,
            cpu_on: 0,
            mask: 0,
            group: [false; COUNT],
            enabled: [false; COUNT],
            latched: [false; COUNT],
            level: [false; COUNT],
            active: [false; COUNT],
            edge: [false; COUNT],
            priority: [0; COUNT],
            targets: [0; COUNT],
            fault: None,
            misuse: Vec::new(),
        }
    }
}

impl GicModel {
    /// The wire of interrupt `id`.
    pub fn set_level(&mut self, id: usize, high: bool) {
        self.latched[id] |= self.edge[id] && high && !self.level[id];
        self.level[id] = high;
    }

    /// Plants a fault; taken once.
    pub fn plant(&mut self, fault: GicFault) {
        self.fault = Some(fault);
    }

    fn take(&mut self, fault: GicFault) -> bool {
        let hit = self.fault == Some(fault);
        if hit {
            self.fault = None;
        }
        hit
    }

    fn pending(&self, id: usize) -> bool {
        self.latched[id] || !self.edge[id] && self.level[id]
    }

    /// The most urgent interrupt of a group that may be signalled.
    fn best(&self, group: bool) -> Option<usize> {
        let on = self.on >> u32::from(group) & self.cpu_on >> u32::from(group) & 1 == 1;
        (0..COUNT)
            .filter(|&id| {
                on && self.group[id] == group && self.enabled[id] && self.targets[id] & 1 == 1
            })
            .filter(|&id| self.pending(id) && !self.active[id])
            .filter(|&id| u32::from(self.priority[id]) < self.mask)
            .min_by_key(|&id| self.priority[id])
    }

    /// Level of the core's IRQ input.
    pub fn irq(&self) -> bool {
        self.best(true).is_some() || self.cpu_on & 8 == 0 && self.best(false).is_some()
    }

    /// Level of its FIQ input.
    pub fn fiq(&self) -> bool {
        self.cpu_on & 8 != 0 && self.best(false).is_some()
    }

    fn word(bits: impl Fn(usize) -> bool, at: u32) -> u32 {
        let first = (at as usize & 0x7F) / 4 * 32;
        (0..32).filter(|bit| first + bit < COUNT && bits(first + bit)).map(|bit| 1 << bit).sum()
    }

    fn each(at: u32, value: u32) -> impl Iterator<Item = usize> {
        let first = (at as usize & 0x7F) / 4 * 32;
        (0..32).filter(move |bit| value >> bit & 1 == 1).map(move |bit| first + bit)
    }

    fn setting(&mut self, what: &str, id: usize) {
        if self.enabled[id] {
            self.misuse.push(format!("{what} of interrupt {id} changed while it is enabled"));
        }
    }

    fn acknowledge(&mut self) -> u32 {
        if self.take(GicFault::Spurious) {
            return 1023;
        }
        let best = self.best(false).or_else(|| self.best(true));
        let Some(id) = best else { return 1023 };
        self.latched[id] = false;
        self.active[id] = true;
        id as u32
    }

    fn write_distributor(&mut self, at: u32, value: u32) {
        match at {
            0x000 => self.on = value & 3,
            0x080..0x100 => (0..32).for_each(|bit| {
                let id = (at as usize & 0x7F) / 4 * 32 + bit;
                let group = value >> bit & 1 == 1;
                if id < COUNT && self.group[id] != group {
                    self.setting("group", id);
                    self.group[id] = group;
                }
            }),
            0x100..0x300 => {
                for id in Self::each(at, value).filter(|id| *id < COUNT) {
                    match at {
                        0x100..0x180 => self.enabled[id] = true,
                        0x180..0x200 => self.enabled[id] = false,
                        0x200..0x280 => self.latched[id] = true,
                        _ => self.latched[id] = false,
                    }
                }
            }
            0x400..0x800 => self.bytes(at - 0x400, value, |gic, id, byte| gic.priority[id] = byte),
            0x800..0xC00 => self.bytes(at - 0x800, value, |gic, id, byte| gic.targets[id] = byte),
            0xC00..0xD00 => (0..16).for_each(|index| {
                let id = (at as usize - 0xC00) / 4 * 16 + index;
                let edge = value >> (2 * index + 1) & 1 == 1;
                if id < COUNT && self.edge[id] != edge {
                    self.setting("trigger", id);
                    self.edge[id] = edge;
                }
            }),
            _ => self.misuse.push(format!("distributor {at:#x} written")),
        }
    }

    fn bytes(&mut self, at: u32, value: u32, set: impl Fn(&mut Self, usize, u8)) {
        for (index, byte) in value.to_le_bytes().into_iter().enumerate() {
            let id = at as usize + index;
            if id < COUNT {
                set(self, id, byte);
            }
        }
    }
}

impl Device for GicModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x000 => self.on,
            0x004 => (COUNT / 32 - 1) as u32,
            0x080..0x100 => Self::word(|id| self.group[id], at),
            0x100..0x200 => Self::word(|id| self.enabled[id], at),
            0x200..0x300 => Self::word(|id| self.pending(id), at),
            0x800..0xC00 => {
                let first = at as usize - 0x800;
                u32::from_le_bytes(std::array::from_fn(|i| {
                    *self.targets.get(first + i).unwrap_or(&0)
                }))
            }
            0xC00..0xD00 => {
                let first = (at as usize - 0xC00) / 4 * 16;
                (0..16)
                    .filter(|i| self.edge.get(first + i) == Some(&true))
                    .map(|i| 2 << (2 * i))
                    .sum()
            }
            0x1000 => self.cpu_on,
            0x1004 => self.mask,
            0x100C => self.acknowledge(),
            _ => {
                self.misuse.push(format!("GIC {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x1000 => self.cpu_on = value & 0x1F,
            0x1004 => self.mask = value & 0xFF,
            0x1010 => {
                let id = value as usize & 0x3FF;
                if self.active.get(id) != Some(&true) {
                    self.misuse.push(format!("end of interrupt {id}, which is not active"));
                } else if !self.take(GicFault::LostEnd) {
                    self.active[id] = false;
                }
            }
            _ => self.write_distributor(at, value),
        }
    }

    fn advance(&mut self, _now: u64) {}

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
