//! See `tandem_fuzz::sched_load`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tandem_fuzz::sched_load(bytes);
});
