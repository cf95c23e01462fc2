//! Receivers that note what they were sent: one of HTTP, one of mail. Each connection is served by a thread.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How a receiver behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers with this status and body.
    Answers(u16, &'static str),
    /// Takes the message and closes without an answer.
    Mute,
    /// Sends elsewhere.
    Redirects(String),
    /// Takes letters, but for none of these mailboxes.
    Refuses(&'static [&'static str]),
}

/// What came in one message.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// The first line of the request; of a mail who it is for.
    pub(crate) head: String,
    /// The headers, in lower case.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// A receiver at work.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    manner: Manner,
    heard: Vec<Heard>,
}

impl Receiver {
    pub(crate) fn http(manner: Manner) -> Self {
        Self::start(manner, serve_http)
    }

    pub(crate) fn mail() -> Self {
        Self::start(Manner::Answers(250, ""), serve_mail)
    }

    fn start(manner: Manner, serve: fn(TcpStream, &Mutex<State>) -> Option<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { manner, heard: Vec::new() }));
        let inside = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inside = Arc::clone(&inside);
                std::thread::spawn(move || {
                    let _ = serve(stream, &inside);
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/send?key=canary", self.address)
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }
}

fn serve_http(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    reader.read_line(&mut head).ok()?;
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let manner = {
        let mut state = state.lock().unwrap();
        state.heard.push(Heard { head: head.trim().to_owned(), headers, body });
        state.manner.clone()
    };
    let (status, more, body) = match manner {
        Manner::Answers(status, body) => (status, String::new(), body),
        Manner::Redirects(place) => (302, format!("Location: {place}\r\n"), ""),
        Manner::Mute | Manner::Refuses(_) => return Some(()),
    };
    let length = body.len();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n{body}")
        .ok()
}

fn serve_mail(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    stream.write_all(b"220 test\r\n").ok()?;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let verb: String = line.chars().take(4).collect::<String>().to_uppercase();
        match verb.as_str() {
            "EHLO" => stream.write_all(b"250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n").ok()?,
            "AUTH" => stream.write_all(b"235 welcome\r\n").ok()?,
            "RCPT" => {
                let refused = match &state.lock().unwrap().manner {
                    Manner::Refuses(mailboxes) => mailboxes.iter().any(|mailbox| line.contains(mailbox)),
                    _ => false,
                };
                if refused {
                    stream.write_all(b"550 no such user here\r\n").ok()?;
                } else {
                    to.push_str(line.trim());
                    stream.write_all(b"250 ok\r\n").ok()?;
                }
            }
            "DATA" if to.is_empty() => stream.write_all(b"554 for nobody\r\n").ok()?,
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                let mut body = String::new();
                while !body.ends_with("\r\n.\r\n") {
                    reader.read_line(&mut body).ok()?;
                }
                state.lock().unwrap().heard.push(Heard { head: to.clone(), headers: String::new(), body });
                stream.write_all(b"250 taken\r\n").ok()?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").ok(),
            _ => stream.write_all(b"250 ok\r\n").ok()?,
        }
    }
}
