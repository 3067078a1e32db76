//! See `tandem_fuzz::kernel_spec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::kernel_spec(bytes);
});
