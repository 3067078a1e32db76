//! See `tandem_fuzz::fixture_plan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::fixture_plan(bytes);
});
