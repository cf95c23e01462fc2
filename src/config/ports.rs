//! The ports that the site itself waits at: each is for one of them.

use std::net::SocketAddr;

use super::fault::FaultKind;
use super::section::Section;

/// Those that are given away already, with the key that has them.
#[derive(Debug, Default)]
pub(super) struct Ports(Vec<(&'static str, SocketAddr)>);

impl Ports {
    /// Takes the port of a section, whose key is `of` in full; one that is given away already is a fault.
    pub(super) fn take(&mut self, section: &mut Section<'_>, of: &'static str, at: Option<SocketAddr>) {
        let Some(at) = at else { return };
        let other = self.0.iter().find(|(_, taken)| meet(*taken, at));
        section.check(other.is_none(), &["listen"], FaultKind::SamePort(other.map_or("", |(of, _)| *of)));
        self.0.push((of, at));
    }
}

/// Whether not both can be waited at: the port is the same, and the address, or one of them means every address.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let is_every = |at: SocketAddr| at.ip().is_unspecified();
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || is_every(one) || is_every(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f38_ports_that_meet_are_told_apart_from_those_that_do_not() {
        let meets = |one: &str, other: &str| meet(one.parse().unwrap(), other.parse().unwrap());
        assert!(meets("127.0.0.1:9645", "127.0.0.1:9645"));
        assert!(meets("0.0.0.0:9645", "127.0.0.1:9645"));
        assert!(meets("127.0.0.1:9645", "[::]:9645"));
        assert!(!meets("127.0.0.1:9645", "127.0.0.2:9645"));
        assert!(!meets("127.0.0.1:9645", "127.0.0.1:9646"));
        assert!(!meets("127.0.0.1:0", "127.0.0.1:0"));
    }
}
