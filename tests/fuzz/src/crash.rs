//! The page of crash records.

use tandem_link::SharedMemory;
use tandem_link::crash::{
    Crash, Faults, LOG_BYTES, MAGIC, RECORDS, Reason, Registers, SIZE, STRIDE, records, write,
};
use tandem_link::memory::HostMemory;

use crate::input::Input;

/// Bytes of a record that its CRC covers end here, and the CRC begins.
const CRC_AT: u32 = 4 * (29 + LOG_BYTES as u32 / 4);

/// Any words in the page, with a CRC that holds where the input says so, and records between them. What
/// is read is in order, at most the ring, each with at most its bytes of log; a record that is written is
/// read as it was written.
pub fn crash_page(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let mem = HostMemory::new(SIZE);
    let mut found = false;
    while !input.is_empty() {
        match input.byte() % 4 {
            0 => {
                let at = u32::from(input.half()) % (SIZE / 4) * 4;
                mem.store(at, input.word());
            }
            1 => seal(&mem, u32::from(input.byte()) % RECORDS * STRIDE),
            2 => {
                let crash = any_crash(&mut input);
                let log = [input.byte(); 300];
                let log = &log[..usize::from(input.half()) % 301];
                let number = write(&mem, &crash, log.iter().copied()).expect("a whole page");
                let (records, _) = records(&mem);
                let new = records.iter().find(|record| record.sequence == number);
                let new = new.expect("just written");
                assert_eq!(new.crash, crash);
                assert_eq!(new.log, log[..log.len().min(LOG_BYTES)]);
            }
            _ => {
                let (records, damaged) = records(&mem);
                assert!(records.len() as u32 + damaged <= RECORDS);
                assert!(records.is_sorted_by_key(|record| record.sequence));
                assert!(records.iter().all(|record| record.log.len() <= LOG_BYTES));
                found |= !records.is_empty();
            }
        }
    }
    found
}

fn any_crash(input: &mut Input) -> Crash {
    let mut word = || input.word();
    Crash {
        reason: Reason::from_code(1 + word() % 9).expect("nine reasons"),
        time: u64::from(word()) << 32 | u64::from(word()),
        detail: word(),
        registers: Registers { r: [word(); 16], cpsr: word() },
        faults: Faults {
            data_status: word(),
            data_address: word(),
            fetch_status: word(),
            fetch_address: word(),
        },
    }
}

/// Makes the CRC of what lies at `base` hold.
fn seal(mem: &HostMemory, base: u32) {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    for at in (4..CRC_AT).step_by(4) {
        digest.update(&mem.load(base + at).to_le_bytes());
    }
    mem.store(base + CRC_AT, digest.finalize());
    mem.store(base, MAGIC);
}
