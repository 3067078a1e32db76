//! Boards, and what only their users can supply.

use crate::shell::Runner;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// A board that an image can be made for.
#[derive(Clone, Copy)]
pub struct Target {
    /// As in `boards/NAME.toml`.
    pub name: &'static str,
    /// Its own device tree among those of Debian's kernel; `None` is `boards/qemu/zcu102.dts`.
    pub tree: Option<&'static str>,
    /// Linux's name of the serial line that people see.
    pub console: &'static str,
    /// Whether the slots hold the models' weights; QEMU's card is read slowly, and its main model
    /// runs in a worker.
    pub weights: bool,
    /// What the user puts into `boards/NAME/vendor`.
    pub parts: &'static [Part],
}

/// A file of the vendor's.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its name there.
    pub file: &'static str,
    /// What it is and who makes it.
    pub what: &'static str,
    /// Whether it lies in the boot partition; else in the slot's `lib/firmware`.
    pub boot: bool,
}

const BOOT: Part = Part {
    file: "BOOT.BIN",
    what: "made by AMD's bootgen of the FSBL (fsbl.elf) and the PMU firmware (pmufw.elf), both from \
           Vitis for this board, TF-A (bl31.elf) and U-Boot (u-boot.elf)",
    boot: true,
};
const LOGIC: Part = Part {
    file: "tandem.bit.bin",
    what: "the programmable logic, from hw/vivado/build with AMD's Vivado, converted by \
           tandem-bitstream",
    boot: false,
};

const TARGETS: [Target; 4] = [
    Target { name: "qemu", tree: None, console: "ttyPS0", weights: false, parts: &[] },
    Target {
        name: "kv260",
        tree: Some("smk-k26-revA-sm-k26-revA-sck-kv-g-revB.dtb"),
        console: "ttyPS1",
        weights: true,
        // FSBL, PMU firmware, TF-A and U-Boot lie in the module's QSPI flash (UG1089).
        parts: &[LOGIC],
    },
    Target {
        name: "zcu102",
        tree: Some("zynqmp-zcu102-rev1.0.dtb"),
        console: "ttyPS0",
        weights: true,
        parts: &[BOOT, LOGIC],
    },
    Target {
        name: "ultra96v2",
        tree: Some("avnet-ultra96-rev1.dtb"),
        console: "ttyPS0",
        weights: true,
        parts: &[BOOT, LOGIC],
    },
];

impl Target {
    /// By name.
    ///
    /// # Errors
    /// The names that there are.
    pub fn of(name: &str) -> Result<Self> {
        TARGETS.into_iter().find(|target| target.name == name).with_context(|| {
            let names = TARGETS.map(|target| target.name).join(", ");
            format!("no image is made for board {name:?}; there is {names}")
        })
    }

    /// Where a part is looked for.
    pub fn path(&self, runner: &Runner, part: &Part) -> PathBuf {
        runner.root.join("boards").join(self.name).join("vendor").join(part.file)
    }
}

/// One line for each part that is not there.
pub fn missing(runner: &Runner, target: &Target) -> Vec<String> {
    let missing = target.parts.iter().filter(|part| !target.path(runner, part).is_file());
    missing
        .map(|part| format!("boards/{}/vendor/{}: {}", target.name, part.file, part.what))
        .collect()
}

/// The text that lies on the card.
pub fn readme(runner: &Runner, target: &Target) -> String {
    let mut text =
        format!("Tandem, board {}. Boots by boot.scr (its source: boot.cmd).\n\n", target.name);
    text += "Of the vendor, not in Tandem's repository:\n";
    for part in target.parts {
        let there = if target.path(runner, part).is_file() { "here" } else { "MISSING" };
        let place = if part.boot { "this partition" } else { "the slots, lib/firmware" };
        text += &format!("  {} ({there}; in {place}): {}\n", part.file, part.what);
    }
    match target.name {
        "qemu" => text += "  nothing: QEMU loads kernel, device tree and initramfs itself\n",
        "kv260" => {
            text += "  FSBL, PMU firmware, TF-A, U-Boot: in the module's QSPI flash, from the factory\n";
        }
        _ => {
            text += "\nBOOT.BIN is made by `bootgen -arch zynqmp -image boot.bif -o BOOT.BIN`, boot.bif:\n\
                     the_ROM_image: {\n\
                     [bootloader, destination_cpu=a53-0] fsbl.elf\n\
                     [pmufw_image] pmufw.elf\n\
                     [destination_cpu=a53-0, exception_level=el-3, trustzone] bl31.elf\n\
                     [destination_cpu=a53-0, exception_level=el-2] u-boot.elf\n\
                     }\n";
        }
    }
    text
}
