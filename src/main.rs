//! chaobiao.
fn main() {}
