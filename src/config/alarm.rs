//! `[alarm]`, `[[alarm_webhook]]` and `[[alarm_mail]]`: what is worth an alarm, and where alarms go.
//!
//! Alarms go to the addresses named here and nowhere else (T20). An address of a group robot is a secret, since whoever
//! knows it can write to the group: it stands in a file of its own, as passwords do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;
use toml::de::DeValue;

use super::address::HostPort;
use super::fault::FaultKind;
use super::limit::Each;
use super::secret_file::Secret;
use super::section::Section;
use super::setting::{Choice, Setting, quoted};
use super::words::Words;
use crate::domain::{Coded, Severity};

/// What is worth an alarm, and where alarms go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarms {
    /// Which share of the meters of a night may be missing without one, in percent.
    pub missing_percent: u8,
    /// How long a line may be down without one.
    pub line_down_after: Duration,
    /// Where they go.
    pub channels: Vec<AlarmChannel>,
}

/// A way on which alarms leave the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChannel {
    /// Its name, unique.
    pub name: String,
    /// From which severity on it is told.
    pub least: Severity,
    /// After how long a critical alarm is told again that nobody has acknowledged; the time doubles with each.
    pub repeat_after: Duration,
    /// How long sending may take.
    pub within: Duration,
    /// How it is reached.
    pub way: AlarmWay,
}

/// How a channel is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmWay {
    /// By a POST.
    Webhook(Webhook),
    /// By mail.
    Mail(Mail),
}

/// Something that takes a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What it understands.
    pub robot: Robot,
    /// Its address.
    pub url: WebhookUrl,
    /// What messages are signed with, where it wants that.
    pub secret: Option<Secret>,
}

/// What a receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Robot {
    /// 企业微信群机器人.
    WeCom,
    /// 钉钉自定义机器人.
    DingTalk,
    /// 飞书自定义机器人.
    Feishu,
    /// A program of the site.
    Json,
}

impl Choice for Robot {
    fn choices() -> Vec<(Self, &'static str)> {
        let names = ["wecom", "dingtalk", "feishu", "json"];
        [Self::WeCom, Self::DingTalk, Self::Feishu, Self::Json].into_iter().zip(names).collect()
    }
}

impl Choice for Severity {
    fn choices() -> Vec<(Self, &'static str)> {
        Self::TABLE.iter().map(|(member, _, name)| (*member, *name)).collect()
    }
}

/// The address of a webhook, which may hold a token: it shows itself without.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Secret);

impl WebhookUrl {
    /// The address with its token. Whoever takes it out answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// `None` for what is no such address. Without encryption only programs of the site and of this machine are
    /// reached.
    fn read(secret: Secret, robot: Robot) -> Option<Self> {
        let text = secret.reveal();
        let (scheme, rest) = text.split_once("://")?;
        let host =
            rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty() && !host.contains('@'))?;
        let fits = match scheme {
            "https" => true,
            "http" => robot == Robot::Json || is_this_machine(host),
            _ => false,
        };
        (fits && !text.contains(char::is_whitespace)).then_some(Self(secret))
    }
}

/// Whether a host, with or without a port, is this machine. A name that only begins like one of it is anybody's.
fn is_this_machine(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    matches!(name, "127.0.0.1" | "[::1]" | "localhost") && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.reveal().split_once("://").unwrap_or_default();
        write!(f, "{scheme}://{}/******", rest.split(['/', '?', '#']).next().unwrap_or_default())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A mail server and who is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The server.
    pub server: HostPort,
    /// How the connection to it is encrypted.
    pub encryption: MailEncryption,
    /// Who we are there.
    pub login: Option<(String, Secret)>,
    /// Who writes.
    pub from: Address,
    /// Who is written to.
    pub to: Vec<Address>,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailEncryption {
    /// From the first byte.
    Tls,
    /// From the greeting on; a server that cannot is not written to.
    StartTls,
    /// Not at all.
    None,
}

impl Choice for MailEncryption {
    fn choices() -> Vec<(Self, &'static str)> {
        [Self::Tls, Self::StartTls, Self::None].into_iter().zip(["tls", "starttls", "none"]).collect()
    }
}

impl Setting for Address {
    fn form() -> Words {
        Words::of("a mail address such as \"duty@example.com\"", "邮件地址，如 \"duty@example.com\"")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        quoted(self.as_ref())
    }
}

impl Alarms {
    pub(super) fn read(root: &mut Section<'_>, base: &Path) -> Self {
        let minute = Duration::from_secs(60);
        let (missing_percent, line_down_after) = root.section("alarm", |section| {
            (
                section.value("missing_percent", 0..=100, 2),
                section.value("line_down_after", minute..=minute * 1440, minute * 10),
            )
        });
        let mut seen: Vec<(String, Option<usize>)> = Vec::new();
        let webhooks = root
            .sections("alarm_webhook", |section| read_channel(section, &mut seen, |s| read_webhook(s, base)));
        let mails =
            root.sections("alarm_mail", |section| read_channel(section, &mut seen, |s| read_mail(s, base)));
        let channels = webhooks.into_iter().chain(mails).flatten().collect();
        Self { missing_percent, line_down_after, channels }
    }
}

/// Reads what all channels have; one that does not say where it goes is off.
fn read_channel(
    section: &mut Section<'_>,
    seen: &mut Vec<(String, Option<usize>)>,
    way: impl FnOnce(&mut Section<'_>) -> Option<AlarmWay>,
) -> Option<AlarmChannel> {
    let second = Duration::from_secs(1);
    let name = section.required::<String>("name", ..).unwrap_or_default();
    let same_name = seen.iter().find(|(other, _)| *other == name);
    if let Some((_, at)) = same_name.filter(|_| section.has("name")) {
        section.fault("name", FaultKind::Taken { line: *at });
    }
    seen.push((name.clone(), section.line()));
    let least = section.value("least", .., Severity::Warning);
    let repeat_after = section.value("repeat_after", second * 60..=second * 86_400, second * 1800);
    let within = section.value("within", second..=second * 60, second * 10);
    way(section).map(|way| AlarmChannel { name, least, repeat_after, within, way })
}

fn read_webhook(section: &mut Section<'_>, base: &Path) -> Option<AlarmWay> {
    let robot = section.value("robot", .., Robot::WeCom);
    let url_file = section.optional::<PathBuf>("url_file", ..);
    let secret_file = section.optional::<PathBuf>("secret_file", ..);
    if url_file.as_ref().is_some_and(|file| file.to_string_lossy().contains("://")) {
        section.fault("url_file", FaultKind::SecretInPlace);
        return None;
    }
    if secret_file.is_some() {
        section.check(url_file.is_some(), &["secret_file"], FaultKind::Needs("url_file"));
    }
    let secret =
        secret_file.and_then(|file| Secret::read(section, "secret_file", &base.join(file), secret_form));
    let address = Secret::read(section, "url_file", &base.join(url_file?), url_form)?;
    let url = WebhookUrl::read(address, robot);
    section.check(url.is_some(), &["url_file"], FaultKind::Content(url_form()));
    let url = url?;
    section.remark(format!("{url}"));
    Some(AlarmWay::Webhook(Webhook { robot, url, secret }))
}

fn read_mail(section: &mut Section<'_>, base: &Path) -> Option<AlarmWay> {
    let server = section.optional::<HostPort>("server", ..);
    let encryption = section.value("encryption", .., MailEncryption::StartTls);
    let user = section.optional::<String>("user", ..);
    let password_file = section.optional::<PathBuf>("password_file", ..);
    let from = section.optional::<Address>("from", ..);
    let to = section.optional("to", Each(..));
    // One of which nothing is said is off; one of which only a part is said is a mistake.
    if let Some(given) = ["to", "from", "user"].into_iter().find(|key| section.has(key)) {
        section.check(server.is_some(), &[given], FaultKind::Needs("server"));
    }
    if server.is_some() {
        section.check(from.is_some(), &["from"], FaultKind::Missing(Address::form()));
        section.check(to.is_some(), &["to"], FaultKind::Missing(Vec::<Address>::form()));
    }
    if user.is_some() != password_file.is_some() {
        let (given, other) =
            if user.is_some() { ("user", "password_file") } else { ("password_file", "user") };
        section.check(false, &[given], FaultKind::Needs(other));
    }
    let password =
        password_file.and_then(|file| Secret::read(section, "password_file", &base.join(file), secret_form));
    let login = user.zip(password);
    Some(AlarmWay::Mail(Mail { server: server?, encryption, login, from: from?, to: to? }))
}

fn url_form() -> Words {
    Words::of(
        "one line, https://... (http:// only to programs of the site, robot = \"json\")",
        "一行 https://...（http:// 仅用于 robot = \"json\" 的站内程序）",
    )
}

fn secret_form() -> Words {
    Words::of("one line, the secret", "一行密钥或密码")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t20_t24_an_address_is_encrypted_or_of_the_site_and_shows_no_token() {
        let read = |text: &str, robot| WebhookUrl::read(Secret::new(text), robot);
        let url = read("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary", Robot::WeCom).unwrap();
        assert_eq!(format!("{url} {url:?}").matches("https://qyapi.weixin.qq.com/******").count(), 2);
        assert!(!format!("{url:?} {:?}", Secret::new("canary")).contains("canary"));
        assert!(read("http://10.0.0.9:8080/alarm", Robot::Json).is_some());
        for place in ["127.0.0.1:8080", "127.0.0.1", "localhost", "localhost:80", "[::1]", "[::1]:8080"] {
            assert!(read(&format!("http://{place}/alarm"), Robot::Feishu).is_some(), "{place}");
        }
        for (text, robot) in [
            ("http://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary", Robot::WeCom),
            ("http://localhost.evil.example/send?key=canary", Robot::WeCom),
            ("http://localhost.evil.example:80/send?key=canary", Robot::WeCom),
            ("http://127.0.0.1.evil.example/send?key=canary", Robot::WeCom),
            ("http://127.0.0.1:80.evil.example/send?key=canary", Robot::WeCom),
            ("http://[::1].evil.example/send?key=canary", Robot::WeCom),
            ("http://localhost\\.evil.example/send?key=canary", Robot::WeCom),
            ("file:///etc/passwd", Robot::Json),
            ("https://user:canary@host/x", Robot::Json),
            ("https:///x", Robot::Json),
            ("https://host/a b", Robot::Json),
            ("canary", Robot::Json),
        ] {
            assert!(read(text, robot).is_none(), "{text}");
        }
    }
}
