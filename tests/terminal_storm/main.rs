//! A whole head-end while terminals storm its port, and while thousands say nothing there: real sockets, real time.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a step that fails must end its test")]

mod crowd;
#[path = "../store_contract/supply/ready.rs"]
#[expect(dead_code, reason = "not all that orders can need is needed here")]
mod ready;
mod silent;
mod site;
mod work;

/// Each of these tests wants the machine and its file handles for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
