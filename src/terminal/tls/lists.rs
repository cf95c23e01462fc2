//! Lists of revoked certificates (吊销列表): which can be used, and until when.
//!
//! With a list that is not of a trusted authority nobody would be let in any more, and with none of an authority nobody
//! with its certificate. So all of them are looked at before they are used.

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::CertificateRevocationListDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::der::{self, List};
use crate::config::{FaultKind, Words};
use crate::domain::Moment;

/// Lists that can be used.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    pub(super) all: Vec<CertificateRevocationListDer<'static>>,
    /// When the first of them is to be replaced at the latest, and whose that is.
    ends: (Moment, String),
}

impl Lists {
    /// The lists of a file: several in PEM one behind the other, or one in DER.
    pub(super) fn of(
        file: &[u8],
        roots: &RootCertStore,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Self, FaultKind> {
        let all = if file.first() == Some(&DER) {
            vec![CertificateRevocationListDer::from(file.to_vec())]
        } else {
            let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(file).collect();
            found.map_err(|_| none())?
        };
        let mut ends: Option<(Moment, String)> = None;
        let mut signed: Vec<&[u8]> = Vec::new();
        for (number, list) in (1..).zip(&all) {
            let list = List::of(list).ok_or_else(|| unread(number))?;
            let whose = der::name(list.issuer);
            if !is_signed(&list, roots, algorithms) {
                return Err(stranger(&whose));
            }
            signed.push(list.issuer);
            if ends.as_ref().is_none_or(|(first, _)| list.ends < *first) {
                ends = Some((list.ends, whose));
            }
        }
        let ends = ends.ok_or_else(none)?;
        let is_without = |subject: &[u8]| !signed.contains(&subject);
        match roots.roots.iter().find(|root| is_without(&root.subject)) {
            Some(root) => Err(lacking(&der::name(&root.subject))),
            None => Ok(Self { all, ends }),
        }
    }

    /// That one of them should have been replaced before now.
    pub(super) fn outdated(&self, now: Moment) -> Option<FaultKind> {
        let (ends, whose) = &self.ends;
        (now >= *ends).then(|| outdated(whose, *ends))
    }
}

/// Whether a list is signed by an authority of its name.
fn is_signed(list: &List<'_>, roots: &RootCertStore, algorithms: &WebPkiSupportedAlgorithms) -> bool {
    let own = roots.roots.iter().filter(|root| *root.subject == *list.issuer);
    own.filter_map(|root| der::key(&root.subject_public_key_info)).any(|(kind, key)| {
        let mut fit = algorithms.all.iter().filter(|algorithm| {
            *algorithm.public_key_alg_id() == *kind && *algorithm.signature_alg_id() == *list.algorithm
        });
        fit.any(|algorithm| algorithm.verify_signature(key, list.signed, list.signature).is_ok())
    })
}

fn none() -> FaultKind {
    FaultKind::Content(Words::of(
        "lists of revoked certificates (X509 CRL): one or several in PEM, or one in DER",
        "证书吊销列表（X509 CRL）：PEM 格式一份或多份，或 DER 格式一份",
    ))
}

pub(super) fn unread(number: usize) -> FaultKind {
    FaultKind::Content(Words::new(
        format!(
            "lists of revoked certificates that can be read, each with the time of the next; number {number} is none"
        ),
        format!("可解析且注明下次更新时间的证书吊销列表，其中第{number}份无法解析"),
    ))
}

fn stranger(whose: &str) -> FaultKind {
    FaultKind::Content(Words::new(
        format!("lists that an authority of tls_client_ca has signed; that of {whose:?} none of them has"),
        format!("由 tls_client_ca 中的 CA 签发的吊销列表，而“{whose}”的列表并非由其签发"),
    ))
}

fn lacking(whose: &str) -> FaultKind {
    FaultKind::Content(Words::new(
        format!("a list of each authority of tls_client_ca; there is none of {whose:?}"),
        format!("tls_client_ca 中每个 CA 的吊销列表，缺少“{whose}”的列表"),
    ))
}

fn outdated(whose: &str, ends: Moment) -> FaultKind {
    let at = ends.in_china();
    FaultKind::Content(Words::new(
        format!("lists that are in force; that of {whose:?} was to be replaced by {at} (UTC+8)"),
        format!("在有效期内的吊销列表，“{whose}”的列表应于 {at} 前更新"),
    ))
}

/// What a list in DER begins with, and no text does.
const DER: u8 = 0x30;
