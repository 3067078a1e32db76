//! See `tandem_fuzz::fault_name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::fault_name(bytes);
});
