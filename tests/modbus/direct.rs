//! `chaobiao read --profile` against simulated units, as a user runs it: two processes, a TCP port, real time.

use std::process::Command;

use serde_json::Value;
use simulator::bus::Bus;
use simulator::bus::settings::{Pace, Settings};
use simulator::serve::Server;
use simulator::station::ModbusMeter;
use tokio_util::task::TaskTracker;

use crate::rig::{MAP_FILE, energies, meter, rate};
use crate::tcp::listening;

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    talk: String,
}

impl Said {
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The value of an item.
    fn value(&self, code: &str) -> Option<String> {
        let all = self.json();
        let mut values = all.iter().filter_map(|record| record["values"].as_array()).flatten();
        let value = values.find(|value| value["item"] == format!("1-0:{code}"))?;
        Some(format!("{} {}", value["value"].as_str()?, value["unit"].as_str()?))
    }
}

/// Reads at a place with the example map.
async fn read(place: &str, more: &[&str]) -> Said {
    let fixed = ["read", "--tcp", place, "--timeout", "400ms", "--retries", "1"];
    let arguments: Vec<String> = fixed.iter().chain(more).map(|text| (*text).to_owned()).collect();
    let run = move || Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A bus with these meters behind a port.
async fn bus(meters: Vec<ModbusMeter>) -> (Server, String) {
    let server = Server::new();
    let settings = Settings { rate: rate(), pace: Pace::Paced, ..Settings::default() };
    let bus = server.run(Bus::new(settings, meters));
    let place = bus.listen("127.0.0.1:0".parse().unwrap(), 4).await.unwrap();
    (server, place.to_string())
}

#[tokio::test]
async fn read_shows_what_the_registers_of_a_map_hold() {
    let mut other = meter(18);
    other.registers.insert((4, 0), 0xFFFF);
    let (server, place) = bus(vec![meter(17), other]).await;
    let said = read(&place, &["--meter", "17", "--profile", MAP_FILE, "--json", "--trace"]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.talk);
    let spans: Vec<String> =
        said.json().iter().map(|record| record["registers"].as_str().unwrap().to_owned()).collect();
    assert_eq!(spans, ["03 4096+12", "04 0+6", "04 8+2"]);
    let total = energies(17)[0];
    let total = format!("{}.{:02}00 kWh", total / 100, total % 100);
    assert_eq!(said.value("1.8.0"), Some(total));
    assert_eq!(said.value("32.7.0").as_deref(), Some("231.7 V"));
    assert_eq!(said.value("31.7.0").as_deref(), Some("5.017 A"));
    assert_eq!(said.value("16.7.0").as_deref(), Some("4.1040 kW"));
    // The frames as they passed, with their meaning; nothing but reading left.
    let sent: Vec<&str> =
        said.talk.lines().filter_map(|line| line.split_once("→ ")).map(|(_, hex)| hex).collect();
    assert!(sent.len() >= 4, "a sign of life, then three questions: {}", said.talk);
    for frame in sent {
        let bytes: Vec<&str> = frame.split_whitespace().collect();
        assert_eq!((bytes[0], bytes.len()), ("11", 8), "{frame}");
        assert!(["01", "02", "03", "04"].contains(&bytes[1]), "{frame}");
    }
    assert!(
        said.talk.contains("unit 017 read holding registers: first register 4096, registers 12"),
        "{}",
        said.talk
    );
    assert!(said.talk.contains("unit 017 read input registers: register +0 "), "{}", said.talk);

    let some = read(&place, &["--meter", "7018", "--profile", MAP_FILE, "1.8.1", "2.8.0", "32.7.0"]).await;
    assert_eq!(some.code, Some(1), "a voltage has no value: {}{}", some.out, some.talk);
    for part in ["000000007018  03 4098+2", "正向有功", "no value  无数值", "电表无数据", "1.2600 kWh"]
    {
        assert!(some.out.contains(part), "{part} is missing in\n{}", some.out);
    }
    let nobody = read(&place, &["--meter", "19", "--profile", MAP_FILE, "1.8.0"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.out.contains("no answer in 2 attempts") && nobody.out.contains("无应答"),
        "{}",
        nobody.out
    );
    server.stop().await;
}

#[tokio::test]
async fn read_over_modbus_tcp_and_at_a_place_where_nobody_listens() {
    let tasks = TaskTracker::new();
    let (place, device) = listening(&tasks).await;
    let arguments = ["--framing", "modbus-tcp", "--meter", "2", "--profile", MAP_FILE, "--json"];
    let said = read(&place, &arguments).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.talk);
    assert_eq!(said.value("2.8.0").as_deref(), Some("0.1400 kWh"));
    device.cancel();
    tasks.close();
    tasks.wait().await;
    let said = read(&place, &arguments).await;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.talk.contains("refused"), "it says why: {}", said.talk);
}

#[tokio::test]
async fn wrong_use_of_a_map_is_two_and_says_what_was_expected() {
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/profiles/five-byte-energies.toml");
    let none = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/profiles/there-is-none.toml");
    for (more, said) in [
        (&["--meter", "17", "--profile", MAP_FILE, "9.8.0"][..], "is not in the register map"),
        (&["--meter", "17", "--profile", MAP_FILE, "2.8.1"], "1-0:1.8.0"),
        (&["--meter", "7000", "--profile", MAP_FILE], "001 to 247"),
        (&["--meter", "AAAAAAAAAAAA", "--profile", MAP_FILE], "单元号"),
        (&["--meter", "17", "--profile", other], "expected a register map"),
        (&["--meter", "17", "--profile", none], "there-is-none.toml"),
        (&["--meter", "17"], "required"),
        (&["--meter", "17", "--framing", "modbus-tcp", "00010000"], "--profile"),
        (&["--meter", "17", "1.8.0"], "1.8.0"),
    ] {
        let refused = read("127.0.0.1:1", more).await;
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{more:?}: {}", refused.talk);
        assert!(refused.talk.contains(said), "{more:?}: {}", refused.talk);
    }
}
