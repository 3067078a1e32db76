//! See `tandem_fuzz::result`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::result(bytes);
});
