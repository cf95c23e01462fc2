#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gdw1376_fuzz::decoder(input));
