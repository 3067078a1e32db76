//! See `tandem_fuzz::ingest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::ingest(bytes);
});
