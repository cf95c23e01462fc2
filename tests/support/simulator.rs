//! `chaobiao simulate` as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A simulator that runs until it is dropped, and the first line it printed.
pub(crate) struct Simulator {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    pub(crate) first: Value,
}

impl Simulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
            .args(["simulate", "--json", "--seed", "7"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Self { child, output, first: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn listen(&self, line: usize) -> &str {
        self.first["listen"][line].as_str().unwrap()
    }

    pub(crate) fn meter(&self, place: usize) -> &Value {
        &self.first["meters"][place]
    }

    /// Asks it to end and gives its last line.
    pub(crate) fn stop(mut self) -> Value {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "it ends well when asked to");
        serde_json::from_str(rest.lines().last().unwrap()).unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
