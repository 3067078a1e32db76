//! See `tandem_fuzz::infer_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::infer_request(bytes);
});
