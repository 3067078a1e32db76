//! See `tandem_fuzz::outputs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::outputs(bytes);
});
