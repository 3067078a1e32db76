//! See `tandem_fuzz::crash_page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::crash_page(bytes);
});
