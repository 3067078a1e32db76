//! See `tandem_fuzz::bitstream_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::bitstream_record(bytes);
});
