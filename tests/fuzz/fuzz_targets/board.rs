//! See `tandem_fuzz::board`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::board(bytes);
});
