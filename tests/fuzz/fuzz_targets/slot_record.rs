//! See `tandem_fuzz::slot_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::slot_record(bytes);
});
