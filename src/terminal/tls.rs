//! TLS on the port that terminals dial: our certificate, and one of theirs that the named authority has signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::config::TerminalTls;

/// Why the files of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of what it should hold.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// No certificate to trust in.
    #[error("terminals cannot be told by their certificates")]
    Authority(#[source] VerifierBuilderError),
    /// Certificate and key do not go together, or a certificate cannot be used.
    #[error("the certificates cannot be used")]
    Certificates(#[source] rustls::Error),
}

impl TlsError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "tls_file",
            Self::Authority(_) => "tls_authority",
            Self::Certificates(_) => "tls_certificates",
        }
    }
}

pub(super) fn acceptor(files: &TerminalTls) -> Result<TlsAcceptor, TlsError> {
    let mut trusted = RootCertStore::empty();
    for certificate in certificates(&files.client_ca)? {
        trusted.add(certificate).map_err(TlsError::Certificates)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider));
    let verifier = verifier.build().map_err(TlsError::Authority)?;
    let path = &files.key;
    let key =
        PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File { path: path.clone(), source })?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificates)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&files.certificate)?, key)
        .map_err(TlsError::Certificates)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::File { path: path.to_owned(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect();
    let found = found.map_err(wrong)?;
    if found.is_empty() { Err(wrong(pem::Error::NoItemsFound)) } else { Ok(found) }
}
