//! The Python package `dlt645`, asked to read the same from the same meters over one connection.

use std::process::Command;

use crate::QUESTIONS;
use crate::town::Town;

/// Its reads a second; `None` when no Python is named.
pub(crate) fn reads(town: &Town, times: usize) -> Option<u64> {
    let python = std::env::var_os("CHAOBIAO_PEER_PYTHON")?;
    let (place, meters) = &town.lines[0];
    let (host, port) = place.rsplit_once(':').unwrap();
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, host, port, &(QUESTIONS * times).to_string()]);
    // It puts the digits on the wire as they stand, so they are given as they go there: the last two first.
    let turned = |meter: &u64| {
        let digits = format!("{meter:012}");
        (0..6).rev().map(|pair| digits[2 * pair..2 * pair + 2].to_owned()).collect::<String>()
    };
    command.args(meters.iter().map(turned));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default();
    let rate = last.parse().ok();
    assert!(rate.is_some(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    rate
}

/// Arguments: host, port, how many reads, addresses.
const SCRIPT: &str = r#"
import sys, time
from loguru import logger
logger.remove()
from dlt645.service.clientsvc.client_service import MeterClientService
host, port, count, meters = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
client = MeterClientService.new_tcp_client(host, port, 2.0)
began = time.perf_counter()
for number in range(count):
    client.set_address(meters[number % len(meters)])
    assert client.read_00(0x00010000) is not None
print(int(count / (time.perf_counter() - began)))
"#;
