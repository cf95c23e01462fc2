//! Who may come with which certificate: what rustls says, by lists that may change while the program runs.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::lists::Lists;
use crate::terminal::peer::{self, Fingerprint};

/// Judges certificates of terminals.
#[derive(Debug)]
pub(in crate::terminal) struct Verifier {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
    own: RwLock<Arc<dyn ClientCertVerifier>>,
    /// Certificates that are revoked and came all the same.
    revoked: mpsc::Sender<Fingerprint>,
}

impl Verifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        lists: Option<&Lists>,
        revoked: mpsc::Sender<Fingerprint>,
    ) -> Result<Self, VerifierBuilderError> {
        let own = by(&roots, &provider, lists)?;
        let hints = own.root_hint_subjects().to_vec();
        Ok(Self { roots, provider, hints, own: RwLock::new(own), revoked })
    }

    /// Judges by these lists from now on.
    pub(super) fn replace(&self, lists: &Lists) -> Result<(), VerifierBuilderError> {
        let own = by(&self.roots, &self.provider, Some(lists))?;
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
        Ok(())
    }

    /// Whether a certificate that was let in is revoked now, told with those it hangs on.
    pub(in crate::terminal) fn is_revoked(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Some((first, others)) = chain.split_first() else { return false };
        let told = self.own().verify_client_cert(first, others, UnixTime::now());
        told.is_err_and(|error| says_revoked(&error))
    }

    fn own(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An outdated list is used for what it says; that it is outdated is told elsewhere. Where none tells of a certificate, it
/// is not let in.
fn by(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    lists: Option<&Lists>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    builder.with_crls(lists.map(|lists| lists.all.clone()).unwrap_or_default()).build()
}

fn says_revoked(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Revoked))
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let told = self.own().verify_client_cert(end_entity, intermediates, now);
        if let (Err(error), Some(mark)) = (&told, peer::fingerprint(end_entity))
            && says_revoked(error)
        {
            // Where too many come at once, the others are told of by their alert in the log.
            let _ = self.revoked.try_send(mark);
        }
        told
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own().supported_verify_schemes()
    }
}
