//! See `tandem_fuzz::log_frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::log_frames(bytes);
});
