#![no_main]

#[path = "../../tests/fuzz/harness.rs"]
#[allow(dead_code, reason = "each target uses one function")]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::pipeline(bytes));
