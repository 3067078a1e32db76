//! See `tandem_fuzz::firmware`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::firmware(bytes);
});
