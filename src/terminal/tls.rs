//! TLS on the port that terminals dial: our certificate, and one of theirs that the named authority has signed and that no
//! list says to be revoked.
//!
//! No session is resumed: whoever comes shows its certificate anew.

mod der;
mod lists;
mod verifier;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, VerifierBuilderError};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use super::peer::Fingerprint;
use crate::config::{FaultKind, TerminalTls};
use crate::domain::Moment;
use lists::Lists;
pub(super) use verifier::Verifier;
pub(super) use watch::{Standing, keep};

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
    /// The lists of revoked certificates cannot be used.
    #[error("{}: {}  {}", path.display(), fault.words().en, fault.words().zh)]
    Revoked {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: FaultKind,
    },
}

impl TlsError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "tls_file",
            Self::Authority(_) => "tls_authority",
            Self::Certificates(_) => "tls_certificates",
            Self::Revoked { .. } => "tls_revoked",
        }
    }
}

/// What is needed to let terminals in.
pub(super) struct Door {
    pub(super) acceptor: TlsAcceptor,
    pub(super) verifier: Arc<Verifier>,
    /// The lists of revoked certificates in use, when there are to be any.
    lists: Option<(PathBuf, Vec<u8>, Lists)>,
    /// Certificates that are revoked and came all the same.
    came: mpsc::Receiver<Fingerprint>,
}

/// Reads the files. An outdated list of revoked certificates is used for what it says.
pub(super) fn open(files: &TerminalTls) -> Result<Door, TlsError> {
    let mut trusted = RootCertStore::empty();
    for certificate in certificates(&files.client_ca)? {
        trusted.add(certificate).map_err(TlsError::Certificates)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = &provider.signature_verification_algorithms;
    let wrong = |path: &PathBuf, fault| TlsError::Revoked { path: path.clone(), fault };
    let lists = files.revoked.as_ref().map(|path| {
        let bytes = std::fs::read(path).map_err(|error| wrong(path, FaultKind::File(error.kind())))?;
        let lists = Lists::of(&bytes, &trusted, algorithms).map_err(|fault| wrong(path, fault))?;
        Ok::<_, TlsError>((path.clone(), bytes, lists))
    });
    let lists = lists.transpose()?;
    let (revoked, came) = mpsc::channel(MOST_TOLD);
    let in_use = lists.as_ref().map(|(.., lists)| lists);
    let verifier = Verifier::new(Arc::new(trusted), Arc::clone(&provider), in_use, revoked);
    let verifier = Arc::new(verifier.map_err(|error| match (&error, &lists) {
        (VerifierBuilderError::InvalidCrl(_), Some((path, ..))) => wrong(path, lists::unread(1)),
        _ => TlsError::Authority(error),
    })?);
    let clients: Arc<dyn ClientCertVerifier> = Arc::<Verifier>::clone(&verifier);
    let path = &files.key;
    let key =
        PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File { path: path.clone(), source })?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificates)?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&files.certificate)?, key)
        .map_err(TlsError::Certificates)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Door { acceptor: TlsAcceptor::from(Arc::new(config)), verifier, lists, came })
}

/// What is wrong with the files, an outdated list of revoked certificates included.
pub(super) fn check(files: &TerminalTls, now: Moment) -> Result<(), TlsError> {
    let outdated = open(files)?.lists.and_then(|(path, _, lists)| Some((path, lists.outdated(now)?)));
    outdated.map_or(Ok(()), |(path, fault)| Err(TlsError::Revoked { path, fault }))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::File { path: path.to_owned(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect();
    let found = found.map_err(wrong)?;
    if found.is_empty() { Err(wrong(pem::Error::NoItemsFound)) } else { Ok(found) }
}

/// Revoked certificates that came and are not told of yet.
const MOST_TOLD: usize = 64;
