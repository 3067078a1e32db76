//! Breaks rule 4 of the shared words on purpose: its store is a read-modify-write. `cargo xtask
//! exclusives` builds it for both processors and fails unless it sees that.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicU32, Ordering};
use tandem_link::{SharedMemory, seqlock};

static WORDS: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

struct Swapped;

impl SharedMemory for Swapped {
    fn size(&self) -> u32 {
        16
    }
    fn load(&self, offset: u32) -> u32 {
        WORDS[offset as usize / 4 % 4].load(Ordering::Acquire)
    }
    fn store(&self, offset: u32, value: u32) {
        WORDS[offset as usize / 4 % 4].swap(value, Ordering::Release);
    }
}

fn write_and_read() -> Option<u64> {
    seqlock::write(&Swapped, 0, 1);
    seqlock::read(&Swapped, 0)
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("{:?}", write_and_read());
}

/// Never run: the R5F's build only has to link.
#[cfg(target_os = "none")]
mod bare {
    // SAFETY: nothing else in this image has the name, which is where the linker begins.
    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        core::hint::black_box(super::write_and_read());
        loop {}
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {}
    }
}
