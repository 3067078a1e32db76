//! See `tandem_fuzz::link_messages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::link_messages(bytes);
});
