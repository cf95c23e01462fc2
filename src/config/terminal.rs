//! `[terminals]`: the port that concentrators dial, how they are treated, and `[[terminal_dial]]` for those that are dialled.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gdw1376::address::TerminalAddress;

use super::address::HostPort;
use super::fault::FaultKind;
use super::limit::Each;
use super::section::Section;
use super::setting::{Choice, Setting};
use super::words::Words;

/// `[terminals]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminals {
    /// Where to wait for them; `None` when none dials in.
    pub listen: Option<SocketAddr>,
    /// Where to wait for those that send datagrams; `None` when none does.
    pub listen_udp: Option<SocketAddr>,
    /// How long one may take to say who it is.
    pub register_within: Duration,
    /// How many may be connected that have not yet said so.
    pub most_unregistered: u32,
    /// How many may be logged in.
    pub most_sessions: u32,
    /// How often a terminal sends its heartbeat, until it is known; without three of them it counts as gone.
    pub heartbeat: Duration,
    /// How logins and heartbeats are confirmed.
    pub confirm: Confirm,
    /// How long what is to be asked waits for a terminal that has gone.
    pub return_within: Duration,
    /// How long keeping a report may take before it is left unconfirmed.
    pub kept_within: Duration,
    /// The longest request, in counted bytes, until a terminal has said what it takes.
    pub most_request: u32,
    /// The number of this master station, MSA.
    pub master: u8,
    /// How long the answer to a forwarded frame may take behind an RS-485 port.
    pub rs485_within: Duration,
    /// The same behind a carrier or radio module.
    pub plc_within: Duration,
    /// The ports with a carrier or radio module.
    pub plc_ports: Vec<u8>,
    /// TLS with certificates on both sides.
    pub tls: Option<TerminalTls>,
    /// Terminals that are dialled.
    pub dial: Vec<TerminalDial>,
}

/// The files of mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalTls {
    /// Our certificate and those it hangs on, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs the certificates of terminals, PEM.
    pub client_ca: PathBuf,
    /// Which of these are revoked: lists of that authority, PEM or DER.
    pub revoked: Option<PathBuf>,
}

/// A terminal that waits to be dialled (终端作服务器).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalDial {
    /// Its address.
    pub address: TerminalAddress,
    /// Where it waits.
    pub to: HostPort,
}

/// How logins and heartbeats are confirmed. [1376 3.3]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirm {
    /// F1, all of it.
    All,
    /// F3, item by item.
    Each,
}

impl Choice for Confirm {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::All, "all"), (Self::Each, "each")]
    }
}

impl Setting for TerminalAddress {
    fn form() -> Words {
        Words::of("a terminal address such as \"1100-3039\"", "终端地址，如 \"1100-3039\"")
    }

    fn read(value: &toml::de::DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Terminals {
    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let second = Duration::from_secs(1);
        let minute = second * 60;
        Self {
            listen: section.optional("listen", ..),
            listen_udp: section.optional("listen_udp", ..),
            register_within: section.value("register_within", second..=second * 30, second * 10),
            most_unregistered: section.value("most_unregistered", 1..=10_000, 1024),
            most_sessions: section.value("most_sessions", 1..=200_000, 25_000),
            heartbeat: section.value("heartbeat", second * 30..=minute * 60, minute * 5),
            confirm: section.value("confirm", .., Confirm::All),
            return_within: section.value("return_within", second..=minute * 60, minute * 2),
            kept_within: section.value("kept_within", second..=minute, second * 10),
            most_request: section.value("most_request", 64..=16_383, 512),
            master: section.value("master", 0..=127, 1),
            rs485_within: section.value("rs485_within", second..=minute * 2, second * 10),
            plc_within: section.value("plc_within", second * 5..=minute * 3, second * 90),
            plc_ports: section.value("plc_ports", Each(1..=31), vec![31]),
            tls: read_tls(section, base),
            dial: Vec::new(),
        }
    }
}

fn read_tls(section: &mut Section<'_>, base: &Path) -> Option<TerminalTls> {
    let files = TLS.map(|key| section.optional::<PathBuf>(key, ..).map(|path| base.join(path)));
    // All three or none: half of it would let anybody in.
    let missing = TLS.iter().zip(TLS_NAMES).find(|(key, _)| !section.has(key));
    let given = TLS.iter().find(|key| section.has(key));
    if let (Some((_, name)), Some(key)) = (missing, given) {
        section.fault(key, FaultKind::Needs(name));
    }
    // A datagram shows no certificate, and would be let in beside those that have to.
    let is_open = given.is_some() && section.has("listen_udp");
    section.check(!is_open, &["listen_udp"], FaultKind::Expected(Words::of(
        "no listen_udp beside tls_certificate: datagrams show no certificate, and anybody could be any terminal by them",
        "不与 tls_certificate 同时使用：UDP 报文不带证书，任何人都可冒充终端",
    )));
    let revoked = section.optional::<PathBuf>("tls_revoked", ..).map(|path| base.join(path));
    section.check(
        !section.has("tls_revoked") || given.is_some(),
        &["tls_revoked"],
        FaultKind::Needs(TLS_NAMES[0]),
    );
    let [certificate, key, client_ca] = files;
    Some(TerminalTls { certificate: certificate?, key: key?, client_ca: client_ca?, revoked })
}

/// Reads every terminal that is dialled; none twice, by address or place.
pub(super) fn read_dials(root: &mut Section<'_>) -> Vec<TerminalDial> {
    let mut seen: Vec<(TerminalDial, Option<usize>)> = Vec::new();
    root.sections("terminal_dial", |section| {
        let address = section.optional::<TerminalAddress>("address", ..);
        let to = section.optional::<HostPort>("to", ..);
        section.check(!section.has("to") || section.has("address"), &["to"], FaultKind::Needs("address"));
        section.check(!section.has("address") || section.has("to"), &["address"], FaultKind::Needs("to"));
        let (Some(address), Some(to)) = (address, to) else { return };
        for (other, at) in &seen {
            section.check(other.address != address, &["address"], FaultKind::Taken { line: *at });
            section.check(other.to != to, &["to"], FaultKind::Taken { line: *at });
        }
        seen.push((TerminalDial { address, to }, section.line()));
    });
    seen.into_iter().map(|(dial, _)| dial).collect()
}

const TLS: [&str; 3] = ["tls_certificate", "tls_key", "tls_client_ca"];
const TLS_NAMES: [&str; 3] = ["terminals.tls_certificate", "terminals.tls_key", "terminals.tls_client_ca"];
