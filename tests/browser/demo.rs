//! The demonstration with its console, as a process of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// A demonstration that runs until it is dropped.
pub(crate) struct Demo {
    child: Child,
    /// Where the console is.
    pub(crate) console: String,
    /// One-time passwords by the names of accounts.
    pub(crate) logins: HashMap<String, String>,
    /// The point of the overdue customer, and one that is protected.
    pub(crate) overdue: String,
    pub(crate) protected: String,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Starts one with so many meters, and waits until its console is there.
    pub(crate) fn start(meters: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
            .args(["demo", "--listen", "127.0.0.1:0", "--meters", &meters.to_string()])
            .arg("--dir")
            .arg(folder.path().join("demo"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = lines(&mut child);
        let mut demo = Self {
            child,
            console: String::new(),
            logins: HashMap::new(),
            overdue: String::new(),
            protected: String::new(),
            _folder: folder,
        };
        let mut all = String::new();
        while demo.overdue.is_empty() {
            let Ok(line) = said.recv_timeout(PATIENCE) else {
                panic!("the demonstration said no more:\n{all}")
            };
            demo.take(&line);
            all.push_str(&line);
            all.push('\n');
        }
        demo
    }

    fn take(&mut self, line: &str) {
        if let Some((_, address)) = line.split_once("控制台: ") {
            self.console = address.trim().to_owned();
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [role, name, password] = words[..]
            && ROLES.contains(&role)
        {
            self.logins.insert(name.to_owned(), password.to_owned());
        }
        if let Some((_, rest)) = line.split_once("overdue: point ") {
            let number = |text: &str| text.split([';', ' ']).next().unwrap_or_default().to_owned();
            self.overdue = number(rest);
            self.protected = rest.split_once("protected: point ").map(|(_, rest)| number(rest)).unwrap();
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process says on standard error, line by line.
fn lines(child: &mut Child) -> Receiver<String> {
    let said = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = sync_channel(10_000);
    std::thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            let _ = sender.try_send(line);
        }
    });
    receiver
}

const ROLES: [&str; 6] = ["viewer", "operator", "approver", "admin", "auditor", "billing"];
/// The history and the first night of a few meters, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
