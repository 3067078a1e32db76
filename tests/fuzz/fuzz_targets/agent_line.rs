//! See `tandem_fuzz::agent_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::agent_line(bytes);
});
