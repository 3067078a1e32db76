//! The pins of the Zynq UltraScale+ and who else drives them. Linux `gpio-zynq.c`; UG1087, module GPIO.

use super::Device;

const BANKS: usize = 6;
const PINS: [u32; BANKS] = [26, 26, 26, 32, 32, 32];

/// The GPIO controller.
#[derive(Default)]
pub struct GpioModel {
    data: [u32; BANKS],
    direction: [u32; BANKS],
    output: [u32; BANKS],
    /// Levels that others drive; a pin that nobody drives is low.
    outside: [u32; BANKS],
    misuse: Vec<String>,
}

impl GpioModel {
    /// Somebody drives pin `bit` of `bank`.
    pub fn drive(&mut self, bank: usize, bit: u32, high: bool) {
        self.outside[bank] = self.outside[bank] & !(1 << bit) | u32::from(high) << bit;
        if self.driven(bank) >> bit & 1 == 1 {
            self.misuse.push(format!("bank {bank} bit {bit}: two drive the pin"));
        }
    }

    /// Bits of a bank that this controller drives.
    pub fn driven(&self, bank: usize) -> u32 {
        self.direction[bank] & self.output[bank]
    }

    /// Levels of a bank's pins.
    pub fn levels(&self, bank: usize) -> u32 {
        let ours = self.driven(bank);
        self.data[bank] & ours | self.outside[bank] & !ours
    }

    fn pins(bank: usize) -> u32 {
        u32::MAX >> (32 - PINS[bank])
    }

    fn check(&mut self, bank: usize, value: u32) -> u32 {
        if value & !Self::pins(bank) != 0 {
            self.misuse.push(format!("bank {bank} has no pins {:#x}", value & !Self::pins(bank)));
        }
        value & Self::pins(bank)
    }
}

impl Device for GpioModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x40..0x58 => self.data[(at as usize - 0x40) / 4],
            0x60..0x78 => self.levels((at as usize - 0x60) / 4),
            0x204..0x384 if (at - 0x204).is_multiple_of(0x40) => {
                self.direction[(at as usize - 0x204) / 0x40]
            }
            0x208..0x388 if (at - 0x208).is_multiple_of(0x40) => {
                self.output[(at as usize - 0x208) / 0x40]
            }
            _ => {
                self.misuse.push(format!("GPIO {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00..0x30 => {
                let (bank, shift) = (at as usize / 8, (at & 4) * 4);
                let taken = !(value >> 16) & 0xFFFF;
                let taken = self.check(bank, taken << shift);
                self.data[bank] = self.data[bank] & !taken | value << shift & taken;
            }
            0x204..0x384 if (at - 0x204).is_multiple_of(0x40) => {
                let bank = (at as usize - 0x204) / 0x40;
                self.direction[bank] = self.check(bank, value);
            }
            0x208..0x388 if (at - 0x208).is_multiple_of(0x40) => {
                let bank = (at as usize - 0x208) / 0x40;
                self.output[bank] = self.check(bank, value);
            }
            _ => self.misuse.push(format!("GPIO {at:#x} written")),
        }
    }

    fn advance(&mut self, _now: u64) {}

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
