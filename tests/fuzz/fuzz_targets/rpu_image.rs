//! See `tandem_fuzz::rpu_image`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::rpu_image(bytes);
});
