//! See `tandem_fuzz::simulator`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::simulator(bytes);
});
