#![no_main]

#[path = "../src/divergences.rs"]
mod divergences;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| divergences::divergences(bytes));
