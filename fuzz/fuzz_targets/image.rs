#![no_main]

#[path = "../../tests/fuzz/harness.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod harness;

libfuzzer_sys::fuzz_target!(
    init: {
        // libFuzzer's own hook ends the process at a panic, though it is caught.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| harness::image(bytes)
);
