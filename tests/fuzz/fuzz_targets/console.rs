//! See `tandem_fuzz::console`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::console(bytes);
});
