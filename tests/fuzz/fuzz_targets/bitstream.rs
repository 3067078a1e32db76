//! See `tandem_fuzz::bitstream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::bitstream(bytes);
});
