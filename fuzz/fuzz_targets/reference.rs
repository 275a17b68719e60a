//! See `coracle::fuzzing::reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coracle::fuzzing::reference(data));
