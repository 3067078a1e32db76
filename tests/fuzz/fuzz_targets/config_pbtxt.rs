//! See `tandem_fuzz::config_pbtxt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::config_pbtxt(bytes);
});
