#![no_main]

#[path = "../../tests/fuzz/harness.rs"]
#[allow(dead_code, reason = "each target uses one function")]
mod harness;

libfuzzer_sys::fuzz_target!(
    init: {
        // libFuzzer's own panic hook aborts the process, even if the panic is caught.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| harness::image(bytes)
);
