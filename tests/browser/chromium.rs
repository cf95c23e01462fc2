//! A headless Chromium that is driven as a person would: addresses, clicks, keys, and a look at the picture.
//!
//! It is talked to through a pair of pipes (`--remote-debugging-pipe`: JSON messages, each ended by a zero byte), so that
//! no port is opened and no driver is installed. The browser ends when the pipe does, however the test ended.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Value>,
    /// What happened while an answer was waited for.
    events: VecDeque<Value>,
    session: String,
    last: u64,
    /// Every address that was asked for.
    pub(crate) asked: Vec<String>,
    /// What scripts complained about, refusals of the content security policy among it.
    pub(crate) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser with a window of this size; `None` where Chromium is not installed, which one line tells, unless
    /// `CHAOBIAO_TEST_REQUIRE` names chromium.
    pub(crate) fn start(width: u32, height: u32) -> Option<Self> {
        let programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
        let given = std::env::var("CHAOBIAO_TEST_CHROMIUM").ok();
        let found = programs.into_iter().map(str::to_owned).find(|program| Path::new(program).exists());
        let Some(program) = given.or(found) else {
            let required = std::env::var("CHAOBIAO_TEST_REQUIRE").unwrap_or_default();
            assert!(!required.contains("chromium"), "Chromium is required and not installed");
            eprintln!("not covered: the console in a browser (apt-get install chromium fonts-wqy-microhei)");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#, &program])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},{height}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, receiver) = sync_channel(4096);
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { return };
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            input,
            output: receiver,
            events: VecDeque::new(),
            session: String::new(),
            last: 0,
            asked: Vec::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        browser.open_page(width, height);
        Some(browser)
    }

    fn open_page(&mut self, width: u32, height: u32) {
        let target = self.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        self.session = self.ask("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Network.enable", "Log.enable"] {
            self.ask(domain, json!({}));
        }
        self.resize(width, height);
    }

    /// Gives the page another size.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Opens an address and waits until it is there.
    pub(crate) fn open(&mut self, address: &str) {
        self.events.clear();
        let gone = self.ask("Page.navigate", json!({"url": address}));
        assert!(gone.get("errorText").is_none(), "{address}: {gone}");
        self.wait_for_event("Page.loadEventFired");
    }

    /// Clicks what a selector finds, with the mouse, and does not wait for anything.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = format!(
            "(() => {{ const e = document.querySelector({}); if (!e) return null; \
             e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
            json!(selector)
        );
        let place = self.value(&place);
        let (Some(x), Some(y)) = (place[0].as_f64(), place[1].as_f64()) else {
            panic!("{selector} is not on the page:\n{}", self.text())
        };
        for kind in ["mousePressed", "mouseReleased"] {
            let button = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", button);
        }
    }

    /// Clicks what leads to another page, and waits until that is there.
    pub(crate) fn follow(&mut self, selector: &str) {
        self.events.clear();
        self.click(selector);
        self.wait_for_event("Page.loadEventFired");
    }

    /// Writes into a field, in place of what stands there.
    pub(crate) fn write(&mut self, selector: &str, text: &str) {
        let field = json!(selector);
        let ready = self.value(&format!(
            "(() => {{ const e = document.querySelector({field}); if (!e) return false; \
             e.focus(); if (e.select) e.select(); return true; }})()"
        ));
        assert_eq!(ready, json!(true), "{selector} is not on the page:\n{}", self.text());
        self.ask("Input.insertText", json!({"text": text}));
    }

    /// Chooses an option of a list, or a date, as the widget of the browser would.
    pub(crate) fn choose(&mut self, selector: &str, value: &str) {
        let (field, wanted) = (json!(selector), json!(value));
        let chosen = self.value(&format!(
            "(() => {{ const e = document.querySelector({field}); if (!e) return null; e.value = {wanted}; \
             e.dispatchEvent(new Event('input', {{bubbles: true}})); \
             e.dispatchEvent(new Event('change', {{bubbles: true}})); return e.value; }})()"
        ));
        assert_eq!(chosen, wanted, "{selector}:\n{}", self.text());
    }

    /// What an expression of the page is.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let told = self.ask("Runtime.evaluate", asked);
        assert!(told.get("exceptionDetails").is_none(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// All text that is to be seen.
    pub(crate) fn text(&mut self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Where the page is, without the host.
    pub(crate) fn place(&mut self) -> String {
        self.value("location.pathname + location.search").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows a text; pages may load anew meanwhile.
    pub(crate) fn wait_for_text(&mut self, text: &str) {
        let text = json!(text);
        let shown = format!(
            "new Promise(done => {{ const look = () => document.body && document.body.innerText.includes({text}); \
             if (look()) return done(true); const watch = new MutationObserver(() => look() && done(true)); \
             watch.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}}); \
             setTimeout(() => done(look()), 2000); }})"
        );
        for _ in 0..180 {
            let asked = json!({"expression": shown, "returnByValue": true, "awaitPromise": true});
            // A page that goes away while it is watched answers with an error.
            if self
                .try_ask("Runtime.evaluate", asked)
                .is_ok_and(|told| told["result"]["value"] == json!(true))
            {
                return;
            }
        }
        panic!("{text} did not appear:\n{}", self.text());
    }

    /// Keeps a picture of the page as it is seen.
    pub(crate) fn picture(&mut self, path: &Path) {
        let picture = self.ask("Page.captureScreenshot", json!({"format": "png"}));
        std::fs::write(path, from_base64(picture["data"].as_str().unwrap())).unwrap();
    }

    fn wait_for_event(&mut self, name: &str) {
        loop {
            if let Some(place) = self.events.iter().position(|event| event["method"] == name) {
                self.events.drain(..=place);
                return;
            }
            let message = self.next();
            self.note(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.as_mut().unwrap().write_all(&bytes).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == json!(self.last) {
                return match answer.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(answer["result"].clone()),
                };
            }
            self.note(answer);
        }
    }

    fn next(&mut self) -> Value {
        match self.output.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("the browser says nothing"),
            Err(RecvTimeoutError::Disconnected) => panic!("the browser is gone: {:?}", self.child.try_wait()),
        }
    }

    fn note(&mut self, event: Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => self.asked.push(text(&event["params"]["request"]["url"])),
            Some("Log.entryAdded") if is_complaint(&event["params"]["entry"]) => {
                self.complaints.push(event["params"]["entry"].to_string());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(event["params"].to_string()),
            _ => {}
        }
        self.events.push_back(event);
    }
}

/// True for an error that no page should cause. That a form was refused is told by its status, which Chromium notes.
fn is_complaint(entry: &Value) -> bool {
    let is_refusal = entry["source"] == "network"
        && entry["text"].as_str().is_some_and(|text| text.contains("status of 422"));
    entry["level"] == "error" && !is_refusal
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of the pipe ends the browser and all its processes.
        self.input = None;
        if self.child.wait().is_err() {
            let _ = self.child.kill();
        }
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> =
        text.bytes().filter(|byte| *byte != b'=').map(|byte| u32::from(digit(byte))).collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

/// How long a browser on a busy machine may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing but the page: no first run, no look-ups, no requests of its own.
const FLAGS: [&str; 16] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--metrics-recording-only",
    "--mute-audio",
    "--hide-scrollbars",
    "--lang=zh-CN",
    "--remote-debugging-pipe",
];
