//! See `tandem_fuzz::post_heads`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::post_heads(bytes);
});
