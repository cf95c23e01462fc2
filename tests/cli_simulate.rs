//! `chaobiao simulate` and `chaobiao read` against each other, as a user runs them: two processes, a TCP port or a
//! pseudo-terminal, real time.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

#[path = "support/simulator.rs"]
mod simulator;

use std::process::{Command, Output};

use serde_json::Value;
use simulator::Simulator;

fn read(path: [&str; 2], meter: &str, more: &[&str]) -> (Output, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(["read", "--json", path[0], path[1], "--meter", meter, "--baud", "9600"])
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, records)
}

#[test]
fn what_is_read_is_what_the_simulator_says_is_true() {
    let simulator = Simulator::start(&[
        "--tcp",
        "127.0.0.1:0",
        "--tcp",
        "127.0.0.1:0",
        "--meters",
        "3",
        "--baud",
        "9600",
        "--hold",
    ]);
    for place in 0..3 {
        let meter = simulator.meter(place);
        let address = meter["address"].as_str().unwrap();
        assert_eq!(address, format!("20241111000{}", place + 1));
        let told: Vec<_> = meter["values"].as_array().unwrap().iter().take(5).collect();
        let ids: Vec<&str> = told.iter().map(|value| value["di"].as_str().unwrap()).collect();
        let (output, records) = read(["--tcp", meter["listen"].as_str().unwrap()], address, &ids);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (record, told) in records.iter().zip(told) {
            assert_eq!(record["ok"], true);
            assert_eq!(record["address"], address);
            assert_eq!(record["values"][0]["value"], told["value"], "{record}");
            assert_eq!(record["values"][0]["unit"], told["unit"]);
        }
    }
    assert_ne!(simulator.listen(0), simulator.listen(1), "two lines");
    let elsewhere = simulator.meter(2)["address"].as_str().unwrap();
    let (output, records) = read(
        ["--tcp", simulator.listen(0)],
        elsewhere,
        &["--timeout", "200ms", "--retries", "0", "00010000"],
    );
    assert_eq!(output.status.code(), Some(1), "that meter is on the other line");
    assert!(records[0]["error"].as_str().unwrap().contains("no answer in 1 attempts"));
    assert_eq!(simulator.stop()["stopped"], true);
}

#[test]
fn one_meter_answers_a_wildcard_and_two_collide() {
    let one = Simulator::start(&["--tcp", "127.0.0.1:0", "--meters", "1", "--baud", "9600", "--hold"]);
    let (_, records) = read(["--tcp", one.listen(0)], "AAAAAAAAAAAA", &["00010000"]);
    assert_eq!(records[0]["address"], "202411110001");
    assert_eq!(records[0]["values"][0]["value"], one.meter(0)["values"][0]["value"]);
    let two = Simulator::start(&["--tcp", "127.0.0.1:0", "--meters", "2", "--baud", "9600", "--hold"]);
    let (output, records) =
        read(["--tcp", two.listen(0)], "AAAAAAAAAAAA", &["--retries", "0", "--timeout", "300ms", "00010000"]);
    assert_eq!((output.status.code(), &records[0]["ok"]), (Some(1), &Value::Bool(false)), "{records:?}");
}

#[test]
fn faults_are_injected_counted_and_survived() {
    let simulator = Simulator::start(&[
        "--tcp",
        "127.0.0.1:0",
        "--meters",
        "1",
        "--baud",
        "9600",
        "--hold",
        "--fault",
        "flip=40%",
        "--fault",
        "noise-before=40%",
    ]);
    let truth = simulator.meter(0)["values"][0]["value"].clone();
    let wanted = ["00010000"; 12];
    let more = [&["--retries", "9", "--timeout", "250ms"][..], &wanted].concat();
    let (output, records) = read(["--tcp", simulator.listen(0)], "202411110001", &more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(records.len(), wanted.len());
    assert!(records.iter().all(|record| record["values"][0]["value"] == truth), "never a wrong value");
    assert!(records.iter().any(|record| record["attempts"].as_u64() > Some(1)), "some had to be asked again");
    let last = simulator.stop();
    assert!(
        last["faults"]["flip"].as_u64() > Some(0) && last["faults"]["noise-before"].as_u64() > Some(0),
        "{last}"
    );
}

#[test]
fn a_line_may_be_a_pseudo_terminal() {
    let directory = std::env::temp_dir().join(format!("chaobiao-pty-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let link = directory.join("line-1");
    let name = link.to_str().unwrap();
    let simulator = Simulator::start(&["--pty", name, "--meters", "1", "--baud", "9600", "--hold"]);
    let (output, records) = read(["--serial", name], "202411110001", &["00010000", "04000401"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(records[0]["values"][0]["value"], simulator.meter(0)["values"][0]["value"]);
    assert_eq!(records[1]["values"][0]["value"], "202411110001");
    simulator.stop();
    assert!(std::fs::symlink_metadata(&link).is_err(), "the name is gone with the simulator");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_drawn_world_file_can_be_run_and_a_wrong_one_is_refused_with_its_place() {
    let directory = std::env::temp_dir().join(format!("chaobiao-world-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("world.toml");
    let chaobiao =
        |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap();
    let drawn = chaobiao(&["simulate", "world", "--meters", "5", "--lines", "1", "--first-port", "0"]);
    assert!(drawn.status.success());
    std::fs::write(&file, &drawn.stdout).unwrap();
    let simulator = Simulator::start(&["--world", file.to_str().unwrap()]);
    assert_eq!(simulator.first["meters"].as_array().unwrap().len(), 5);
    std::fs::write(&file, "seed = 1\n[[bus]]\nname = \"a\"\nspeed = 9600\n").unwrap();
    let refused = chaobiao(&["simulate", "--world", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("line 4"), "{:?}", refused.stderr);
    std::fs::remove_dir_all(&directory).unwrap();
}
