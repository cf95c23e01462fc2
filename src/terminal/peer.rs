//! Who has connected: from where, by which way, and with which certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// The SHA-256 of a certificate.
pub(super) type Fingerprint = [u8; 32];

/// A certificate with those it hangs on.
pub(super) type Chain = Arc<[CertificateDer<'static>]>;

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) from: SocketAddr,
    /// It has shown this one, which hangs on an authority of ours.
    pub(super) certificate: Option<Fingerprint>,
    /// The same with those it hangs on, where it may come to be revoked.
    pub(super) chain: Option<Chain>,
    /// It sends datagrams, which come late, twice and in any order.
    pub(super) is_datagram: bool,
}

impl Peer {
    /// One that has connected without a certificate.
    pub(super) const fn plain(from: SocketAddr) -> Self {
        Self { from, certificate: None, chain: None, is_datagram: false }
    }
}

pub(super) fn fingerprint(certificate: &[u8]) -> Option<Fingerprint> {
    digest(&SHA256, certificate).as_ref().try_into().ok()
}

/// As people read it.
pub(super) fn shown(fingerprint: &Fingerprint) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`shown`] wrote.
pub(super) fn read(text: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_was_written() {
        let mark = fingerprint(b"a certificate").unwrap();
        assert_eq!(read(&shown(&mark)), Some(mark));
        assert_eq!(read("00"), None);
        assert_eq!(read(&"x".repeat(64)), None);
    }
}
