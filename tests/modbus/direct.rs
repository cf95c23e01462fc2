//! `chaobiao read --profile`, `scan` and `simulate` with Modbus meters, as a user runs them: two processes, TCP ports, real time.

use std::process::Command;

use serde_json::Value;
use simulator::bus::Bus;
use simulator::bus::settings::{Pace, Settings};
use simulator::serve::Server;
use simulator::station::ModbusMeter;
use tokio_util::task::TaskTracker;

use crate::rig::{MAP, MAP_FILE, energies, meter, rate};
use crate::simulate::Simulator;
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
    run(&[&fixed[..], more].concat()).await
}

async fn run(arguments: &[&str]) -> Said {
    let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
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

/// A world with meters of both protocols on a bus, and Modbus meters behind a gateway; their map is that of the example.
fn world() -> String {
    let (_, registers) = MAP.split_once("\n[[register]]").unwrap();
    let registers = format!("\n[[register]]{registers}").replace("[[register]]", "[[meter.modbus.register]]");
    let meter = |address: &str, bus: &str| {
        format!(
            "[[meter]]\naddress = \"{address}\"\nbus = \"{bus}\"\nload = \"factory\"\nwiring = \"three\"\n\
             [meter.modbus]\nprofile = \"modbus-example\"\n{registers}\n"
        )
    };
    format!(
        "seed = 9\n[[bus]]\nname = \"east\"\ntcp = \"127.0.0.1:0\"\nbaud = 9600\n\
         [[gateway]]\nname = \"hall\"\ntcp = \"127.0.0.1:0\"\n\
         [[meter]]\naddress = \"202411110001\"\nbus = \"east\"\n{}{}{}",
        meter("7017", "east"),
        meter("7018", "hall"),
        meter("7019", "hall"),
    )
}

#[tokio::test]
async fn a_world_may_have_modbus_meters_on_a_bus_and_behind_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    std::fs::write(&file, world()).unwrap();
    let archive = folder.path().join("archive.csv");
    let simulator = Simulator::start(&[
        "--world",
        file.to_str().unwrap(),
        "--hold",
        "--archive",
        archive.to_str().unwrap(),
    ]);
    let gateway = simulator.first["gateways"][0].as_str().unwrap();
    for (place, framing) in [(simulator.listen(0), "bus"), (gateway, "modbus-tcp")] {
        let all = simulator.first["meters"].as_array().unwrap();
        let told = all.iter().find(|meter| meter["edition"] == "modbus" && meter["listen"] == place).unwrap();
        let address = told["address"].as_str().unwrap();
        let said =
            read(place, &["--framing", framing, "--meter", address, "--profile", MAP_FILE, "--json"]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.talk);
        let values = told["values"].as_array().unwrap();
        assert_eq!(values.len(), 13);
        for value in values {
            let code = value["di"].as_str().unwrap().trim_start_matches("1-0:");
            let read = said.value(code).unwrap();
            let (number, unit) = read.split_once(' ').unwrap();
            assert_eq!(unit, value["unit"], "{code}");
            let (read, told) =
                (number.parse::<f64>().unwrap(), value["value"].as_str().unwrap().parse::<f64>().unwrap());
            // A single-precision number has seven digits.
            let off = (read - told).abs();
            assert!(
                off <= if code == "16.7.0" { told.abs() * 1e-6 } else { 0.0 },
                "{code}: {read}, true is {told}"
            );
            assert!(!code.starts_with("1.8.0") || read > 0.0);
        }
    }
    assert_eq!(simulator.meter(0)["edition"], "2007");
    // A meter of DL/T 645 on the same bus is read as ever.
    let said = read(simulator.listen(0), &["--meter", "202411110001", "--json", "00010000"]).await;
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let nobody =
        read(gateway, &["--framing", "modbus-tcp", "--meter", "9", "--profile", MAP_FILE, "1.8.0"]).await;
    assert_eq!(nobody.code, Some(1));
    assert_eq!(simulator.stop()["stopped"], true);
    let archive = std::fs::read_to_string(archive).unwrap();
    let row = archive.lines().find(|row| row.contains("000000007018")).unwrap();
    assert!(row.contains("modbus") && row.contains("modbus-example") && row.contains("hall"), "{row}");
}

#[tokio::test]
async fn scan_asks_the_modbus_meters_of_the_archive_and_no_other_unit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("world.toml"), world()).unwrap();
    let simulator = Simulator::start(&["--world", &path("world.toml"), "--hold", "--unpaced"]);
    let gateway = simulator.first["gateways"][0].as_str().unwrap();
    std::fs::create_dir(path("profiles")).unwrap();
    std::fs::copy(MAP_FILE, folder.path().join("profiles/modbus-example.toml")).unwrap();
    let config = format!(
        "[database]\npath = {:?}\n[profiles]\ndirectory = {:?}\n\
         [[line]]\nname = \"east\"\ntcp = \"{}\"\nbaud = 9600\n\
         [[line]]\nname = \"hall\"\ntcp = \"{gateway}\"\nframing = \"modbus-tcp\"\n",
        path("site.db"),
        path("profiles"),
        simulator.listen(0),
    );
    std::fs::write(path("chaobiao.toml"), config).unwrap();
    let archive = "户号,户名,计量点编号,通信地址,规约,表型,线路\n\
        1,王,P1,202411110001,645-2007,,east\n2,李,P2,7017,modbus,modbus-example,east\n\
        3,张,P3,7099,modbus,modbus-example,east\n4,赵,P4,7018,modbus,modbus-example,hall\n\
        5,钱,P5,7020,modbus,modbus-example,hall\n";
    std::fs::write(path("archive.csv"), archive).unwrap();
    let config = path("chaobiao.toml");
    let said = run(&["meters", "import", &path("archive.csv"), "-c", &config, "--confirm"]).await;
    assert_eq!(said.code, Some(0), "{}", said.talk);

    let scan = |place: String, line: &'static str| {
        let config = config.clone();
        async move {
            let fixed = ["scan", "--tcp", &place, "--baud", "9600", "--timeout", "300ms", "--retries", "0"];
            let said =
                run(&[&fixed[..], &["--against", line, "-c", &config, "--json", "--trace"]].concat()).await;
            assert_eq!(said.code, Some(1), "one does not answer: {}{}", said.out, said.talk);
            said
        }
    };
    let held = |said: &Said| -> Vec<(String, bool, usize)> {
        let all = said.json();
        let rows = all.iter().filter(|row| !row["against"].is_null());
        rows.map(|row| {
            let findings = row["findings"].as_array().unwrap().len();
            (row["address"].as_str().unwrap().to_owned(), row["answers"].as_bool().unwrap(), findings)
        })
        .collect()
    };
    let there = |address: &str| (address.to_owned(), true, 0);
    let missing = |address: &str| (address.to_owned(), false, 1);
    let said = scan(simulator.listen(0).to_owned(), "east").await;
    assert_eq!(
        held(&said),
        [there("000000007017"), missing("000000007099"), there("202411110001")],
        "{}",
        said.talk
    );
    let found = said.json().into_iter().find(|row| row["edition"] == "modbus").unwrap();
    assert_eq!((&found["address"], &found["unit"]), (&"000000007017".into(), &"kWh".into()));
    // Questions of Modbus went to the two units of the archive, and to nobody else.
    let units: std::collections::BTreeSet<&str> = said
        .talk
        .lines()
        .filter_map(|line| line.split_once("→ "))
        .filter(|(_, hex)| !hex.contains("68"))
        .filter_map(|(_, hex)| hex.split_whitespace().next())
        .collect();
    assert_eq!(units, ["11", "63"].into(), "{}", said.talk);

    let said = scan(gateway.to_owned(), "hall").await;
    assert_eq!(held(&said), [there("000000007018"), missing("000000007020")], "{}", said.talk);
    assert!(!said.talk.contains("68 AA"), "no wildcard of DL/T 645 over Modbus TCP: {}", said.talk);
}
