//! Addresses of the network.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use super::setting::Setting;
use super::words::Words;

/// Host and port of something to be dialled; the host is asked for when dialling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort(String);

impl HostPort {
    /// As `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Setting for HostPort {
    fn form() -> Words {
        Words::of("host and port such as \"192.168.1.40:8899\"", "主机和端口，如 \"192.168.1.40:8899\"")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let (host, port) = text.rsplit_once(':')?;
        let is_bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let in_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        let host_fits = match is_bracketed {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(in_host),
        };
        let port_fits = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().ok()? > 0;
        (host_fits && port_fits).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for SocketAddr {
    fn form() -> Words {
        Words::of(
            "an address of this machine with a port such as \"0.0.0.0:9645\"",
            "本机地址和端口，如 \"0.0.0.0:9645\"",
        )
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for IpAddr {
    fn form() -> Words {
        Words::of("an IP address such as \"10.20.0.7\"", "IP 地址，如 \"10.20.0.7\"")
    }

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_port() {
        let read = |text: &str| HostPort::read(DeValue::parse(&format!("{text:?}")).unwrap().get_ref());
        for text in ["192.168.1.40:8899", "meter-box_3.site:1", "[::1]:65535", "服务器:23"] {
            assert_eq!(read(text).unwrap().as_str(), text);
        }
        for text in
            ["", ":1", "host", "host:", "host:0", "host:65536", "host:+1", "::1:23", "a b:1", "tcp://a:1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
