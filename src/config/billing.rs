//! `[billing]`: the hand-off to the ledger, and `[[billing.receivers]]` for those who are given the same values besides.
//!
//! Values go to the places named here and nowhere else (T20). A receiver by HTTP is known by its certificate: that of a
//! private authority, or one that is named by its digest (T22); without encryption only this machine is reached.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::fault::FaultKind;
use super::secret_file::Secret;
use super::section::Section;
use super::setting::{Choice, Setting, quoted};
use super::words::Words;
use crate::domain::Day;

/// `[billing]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billing {
    /// How many rows are handed over at a time.
    pub batch: u32,
    /// After how long without word a batch is taken as not handed over, and offered again under the same keys.
    pub lease: Duration,
    /// How long to wait at most after a failure; the wait doubles with each.
    pub retry_most: Duration,
}

/// Somebody who is given what the ledger is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingReceiver {
    /// Its name, unique, as the outbox has it.
    pub name: String,
    /// How many rows it is given at a time.
    pub batch: u32,
    /// The first day of which it is also given what is older than itself; `None` for nothing of that.
    pub from: Option<Day>,
    /// How it is reached.
    pub way: ReceiverWay,
}

/// How a receiver is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverWay {
    /// By POST.
    Http(HttpReceiver),
    /// By files in a directory.
    Csv {
        /// The directory.
        directory: PathBuf,
    },
}

/// A program that is sent values by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReceiver {
    /// Its address.
    pub url: ReceiverUrl,
    /// What it is to be known by; `None` on this machine, without encryption.
    pub known_by: Option<KnownBy>,
    /// Which secret signs, for a receiver that has several.
    pub key_id: String,
    /// What what is sent is signed with.
    pub secret: Secret,
    /// How long an exchange may take.
    pub within: Duration,
}

/// What a server is known by: one of both, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBy {
    /// The authority that signed its certificate, PEM.
    pub authority: Option<String>,
    /// The SHA-256 of its certificate, the whole of it as DER.
    pub pin: Option<Pin>,
}

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// The address of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverUrl {
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// The host, without the brackets of an address of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, from its first slash on.
    pub path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WayName {
    Http,
    Csv,
}

impl Choice for WayName {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Http, "http"), (Self::Csv, "csv")]
    }
}

impl Billing {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            batch: section.value("batch", 1..=10_000, 500),
            lease: section.value("lease", second * 5..=second * 3600, second * 60),
            retry_most: section.value("retry_most", second..=second * 86_400, second * 900),
        }
    }
}

/// Reads every receiver; one that does not say where it is is off.
pub(super) fn read_receivers(
    section: &mut Section<'_>,
    lease: Duration,
    base: &Path,
) -> Vec<BillingReceiver> {
    let mut seen: Vec<(String, Option<usize>)> = vec![(LEDGER.to_owned(), None)];
    let mut directories: Vec<PathBuf> = Vec::new();
    let read = |section: &mut Section<'_>| {
        let name = section.required::<String>("name", ..).unwrap_or_default();
        let same_name = seen.iter().find(|(other, _)| *other == name);
        if let Some((_, at)) = same_name {
            section.fault("name", FaultKind::Taken { line: *at });
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !name.is_empty() && (!name.chars().all(is_plain) || name.len() > LONGEST_NAME) {
            section.check(false, &["name"], FaultKind::Expected(name_form()));
        }
        seen.push((name.clone(), section.line()));
        let kind = section.value("kind", .., WayName::Http);
        let batch = section.value("batch", 1..=5000, 200);
        let from = section.optional::<Day>("from", ..);
        let http = read_http(section, &name, lease, base);
        let directory = section.optional::<PathBuf>("directory", ..).map(|directory| base.join(directory));
        let way = match kind {
            WayName::Http => {
                section.check(!section.has("directory"), &["directory"], FaultKind::Needs("kind = \"csv\""));
                ReceiverWay::Http(http?)
            }
            WayName::Csv => {
                section.check(!section.has("url"), &["url"], FaultKind::Needs("kind = \"http\""));
                section.check(directory.is_some(), &["directory"], FaultKind::Missing(PathBuf::form()));
                let directory = directory?;
                let plain = without_detours(&directory);
                let is_within = |other: &PathBuf| plain.starts_with(other) || other.starts_with(&plain);
                let kind = if directories.contains(&plain) {
                    FaultKind::Taken { line: None }
                } else {
                    // Each counts the files in its own directory and right below as its own.
                    FaultKind::Expected(directory_form())
                };
                section.check(!directories.iter().any(is_within), &["directory"], kind);
                directories.push(plain);
                ReceiverWay::Csv { directory }
            }
        };
        Some(BillingReceiver { name, batch, from, way })
    };
    section.sections("receivers", read).into_iter().flatten().collect()
}

/// A path without `.`, and without `..` behind a name.
fn without_detours(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let is_behind_a_name = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_behind_a_name => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn read_http(section: &mut Section<'_>, name: &str, lease: Duration, base: &Path) -> Option<HttpReceiver> {
    let second = Duration::from_secs(1);
    let url = section.optional::<ReceiverUrl>("url", ..);
    let key_id = section.optional::<String>("key_id", ..);
    let secret_file = section.optional::<PathBuf>("secret_file", ..);
    let ca_file = section.optional::<PathBuf>("ca_file", ..);
    let pin = section.optional::<Pin>("pin_sha256", ..);
    let within = section.value("within", second..=second * 60, second * 10);
    let secret =
        secret_file.and_then(|file| Secret::read(section, "secret_file", &base.join(file), secret_form));
    let authority = ca_file.and_then(|file| read_authority(section, &base.join(file)));
    let url = url?;
    section.check(section.has("secret_file"), &["secret_file"], FaultKind::Missing(PathBuf::form()));
    // Splitting a batch that was refused takes several exchanges under one lease.
    section.check(within * 2 <= lease, &["within"], FaultKind::Expected(within_form()));
    let has_known_by = section.has("ca_file") || section.has("pin_sha256");
    let is_told = has_known_by || !url.is_encrypted;
    section.check(is_told, &["url"], FaultKind::OneOf(&["ca_file", "pin_sha256"]));
    if has_known_by && !url.is_encrypted {
        let key = if section.has("ca_file") { "ca_file" } else { "pin_sha256" };
        section.check(false, &[key], FaultKind::Needs("url = \"https://...\""));
    }
    let known_by = url.is_encrypted.then_some(KnownBy { authority, pin });
    let key_id = key_id.unwrap_or_else(|| name.to_owned());
    Some(HttpReceiver { url, known_by, key_id, secret: secret?, within })
}

fn read_authority(section: &mut Section<'_>, file: &Path) -> Option<String> {
    let kind = match std::fs::read_to_string(file) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return Some(text),
        Ok(_) => FaultKind::Content(Words::of("a certificate in PEM", " PEM 格式的证书")),
        Err(error) => FaultKind::File(error.kind()),
    };
    section.check(false, &["ca_file"], kind);
    None
}

impl ReceiverUrl {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let is_odd =
            |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "?#@\\\"<>".contains(c);
        if rest.contains(is_odd) {
            return None;
        }
        let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        let (host, port) = match host.strip_prefix('[') {
            Some(host) => {
                let (host, port) = host.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
            }
            None => match host.split_once(':') {
                Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
                None => (host, Some("")),
            },
        };
        let port = match port? {
            "" => {
                if is_encrypted {
                    443
                } else {
                    80
                }
            }
            port => port.parse().ok().filter(|port| *port != 0)?,
        };
        let is_here = matches!(host, "127.0.0.1" | "::1" | "localhost");
        let fits = !host.is_empty() && !host.contains(':') | (host.parse::<std::net::Ipv6Addr>().is_ok());
        (fits && (is_encrypted || is_here)).then(|| Self {
            is_encrypted,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    /// Host and port, as the head of a request names them.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl Setting for ReceiverUrl {
    fn form() -> Words {
        Words::of(
            "an address such as \"https://billing.example:8443/readings\" without a question mark; http:// only for this \
             machine, as \"http://127.0.0.1:8080/readings\"",
            "地址，如 \"https://billing.example:8443/readings\"，不带问号；http:// 仅限本机，如 \"http://127.0.0.1:8080/readings\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for Pin {
    fn form() -> Words {
        Words::of(
            "64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them, with or without colons",
            "64 位十六进制数字（openssl x509 -noout -fingerprint -sha256 的输出，冒号可有可无）",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let digits: String = value.as_str()?.chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(place * 2..place * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    fn show(&self) -> String {
        quoted(&self.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

impl Setting for Day {
    fn form() -> Words {
        Words::of("a day such as \"2026-11-01\"", "日期，如 \"2026-11-01\"")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

fn name_form() -> Words {
    Words::of(
        "up to 40 letters, digits, - and _; not \"ledger\"",
        "至多 40 个英文字母、数字、- 或 _，且不是 \"ledger\"",
    )
}

fn directory_form() -> Words {
    Words::of(
        "a directory that is not inside that of another receiver and has none of another inside",
        "不在其他接收方目录之内、也不包含其他接收方目录的目录",
    )
}

fn secret_form() -> Words {
    Words::of("one line, the secret", "一行密钥或密码")
}

fn within_form() -> Words {
    Words::of("at most half of billing.lease", "不超过 billing.lease 的一半")
}

/// The name of the built-in receiver, which is always the first.
pub const LEDGER: &str = "ledger";
const LONGEST_NAME: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_without_detours() {
        for (path, plain) in [
            ("/srv/./out/", "/srv/out"),
            ("/srv/a/../out", "/srv/out"),
            ("../out/a/..", "../out"),
            ("a/../../out", "../out"),
            ("/../out", "/../out"),
        ] {
            assert_eq!(without_detours(Path::new(path)), Path::new(plain), "{path}");
        }
    }

    #[test]
    fn t20_t22_an_address_is_encrypted_or_of_this_machine_and_nothing_else() {
        let shown = |text: &str| ReceiverUrl::parse(text).map(|url| url.to_string());
        for (text, as_it_is) in [
            ("https://billing.example/r", "https://billing.example:443/r"),
            ("https://10.0.0.9:8443", "https://10.0.0.9:8443/"),
            ("https://[fd00::1]:8443/a/b", "https://[fd00::1]:8443/a/b"),
            ("http://127.0.0.1:8080/r", "http://127.0.0.1:8080/r"),
            ("http://[::1]:8080/r", "http://[::1]:8080/r"),
            ("http://localhost/r", "http://localhost:80/r"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(as_it_is), "{text}");
        }
        for text in [
            "http://billing.example/r",
            "http://127.0.0.1.evil.example/r",
            "http://127.0.0.1@evil.example/r",
            "https://user:pw@host/r",
            "https://host/r?x=1",
            "https://host/r#x",
            "https://host:0/r",
            "https://host:99999/r",
            "https://host:/r",
            "https:///r",
            "https://[::1/r",
            "https://host/a b",
            "file:///etc/passwd",
            "ftp://127.0.0.1/r",
            "billing.example",
            "",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
