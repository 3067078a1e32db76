//! See `tandem_fuzz::kernel_params`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::kernel_params(bytes);
});
