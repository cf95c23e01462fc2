#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dlt645_fuzz::decoder(input));
