//! See `coracle::fuzzing::dockerfile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coracle::fuzzing::dockerfile(data));
