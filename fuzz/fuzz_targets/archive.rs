//! See `coracle::fuzzing::archive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coracle::fuzzing::archive(data));
