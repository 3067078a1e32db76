//! See `tandem_fuzz::worker_messages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::worker_messages(bytes);
});
