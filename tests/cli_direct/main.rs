//! `scan`, `time`, `freeze`, `load-profile` and `events` against simulated meters, as a user runs them: two processes, a
//! TCP port or a pseudo-terminal, real time.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

mod crossing;
mod fake;
mod orders;
mod remembered;
mod scan;
mod served;
#[path = "../support/simulator.rs"]
mod simulator;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::{Day, Moment};
use serde_json::Value;
use simulator::Simulator;

const METER: &str = "202411110001";

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    talk: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            talk: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one object it printed.
    fn one(&self) -> Value {
        let all = self.json();
        assert_eq!(all.len(), 1, "{}{}", self.out, self.talk);
        all.into_iter().next().unwrap()
    }
}

fn chaobiao(arguments: &[&str]) -> Said {
    Said::of(&Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap())
}

/// A command against a line.
fn at(place: &str, command: &str, more: &[&str]) -> Said {
    let path = if place.starts_with('/') { "--serial" } else { "--tcp" };
    chaobiao(&[&[command, path, place, "--baud", "9600"][..], more].concat())
}

fn unpaced(more: &[&str]) -> Simulator {
    let line = ["--tcp", "127.0.0.1:0", "--meters", "1", "--baud", "9600", "--hold", "--unpaced"];
    Simulator::start(&[&line[..], more].concat())
}

/// A folder for one test, with a world of these meters in it.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn world(&self, meters: &str) -> Simulator {
        let bus = "seed = 5\n[[bus]]\nname = \"a\"\ntcp = \"127.0.0.1:0\"\nbaud = 9600\n";
        let file = self.file("world.toml", &format!("{bus}{meters}"));
        Simulator::start(&["--world", &file, "--unpaced"])
    }

    fn audit(&self) -> String {
        self.path("state/audit.jsonl").to_str().unwrap().to_owned()
    }

    fn audited(&self) -> Vec<Value> {
        audited(&self.path("state/audit.jsonl"))
    }
}

fn audited(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn meter(extra: &str) -> String {
    format!("[[meter]]\naddress = \"{METER}\"\nbus = \"a\"\n{extra}")
}

fn now() -> Moment {
    Clock::system().now()
}

/// Clocks are set at no time near midnight, neither ours nor that of the meter, and these tests may run then: their meters
/// are some 4,000 s slow. (F14)
fn is_near_midnight() -> bool {
    let margin = Duration::from_secs(15 * 60);
    [now(), now().minus(Duration::from_secs(4000))].into_iter().any(|at| {
        let of_day = at.since(Day::of(at).start());
        of_day < margin || of_day + margin > Duration::from_secs(86_400)
    })
}

fn yesterday() -> String {
    Day::of(now()).previous().to_string()
}
