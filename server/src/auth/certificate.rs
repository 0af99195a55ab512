//! Client certificates: who shows one, and until when it is good.

use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::CertificateDer;
use sendstores_core::Timestamp;
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::Subject;
use crate::tls::{self, Tls};

/// What a client has shown in its handshake. It was signed by an authority that is trusted, at that time.
#[derive(Debug)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    subject: Option<Subject>,
    expiry: Option<Timestamp>,
    /// One more than the epoch of the files with which it was checked last and accepted.
    accepted: AtomicU64,
}

// === impl ClientCertificate ===

impl ClientCertificate {
    /// Of a chain that begins with the client's own. `None`: the client has shown none.
    pub fn of(chain: Option<&[CertificateDer<'_>]>) -> Option<Self> {
        let chain: Vec<_> = chain?.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let own = Certificate::from_der(chain.first()?).ok();
        let subject = own.as_ref().and_then(subject);
        let expiry = own.as_ref().map(tls::not_after);
        Some(Self { chain, subject, expiry, accepted: AtomicU64::new(0) })
    }

    /// Whether it is good now. The files of the server may have changed since the handshake. What was checked with these files
    /// is not checked again, because each change of a token has all streams ask.
    pub(super) fn is_good(&self, tls: &Tls, now: Timestamp) -> bool {
        if self.expiry.is_none_or(|end| end <= now) {
            return false;
        }
        let epoch = tls.epoch() + 1;
        if self.accepted.load(Ordering::Relaxed) == epoch {
            return true;
        }
        let accepted = tls.accepts(&self.chain);
        if accepted {
            self.accepted.store(epoch, Ordering::Relaxed);
        }
        accepted
    }

    /// The name that bindings have for it. `None`: it has no such name.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    pub fn expiry(&self) -> Option<Timestamp> {
        self.expiry
    }
}

/// The first URI, which is what SPIFFE names a workload by; else the first DNS name. The common name has no type, and is not
/// asked.
fn subject(certificate: &Certificate) -> Option<Subject> {
    let (_critical, SubjectAltName(names)) = certificate.tbs_certificate().get_extension().ok()??;
    let uri = names.iter().find_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(Subject::of_uri(uri.as_str())),
        _ => None,
    });
    let dns = names.iter().find_map(|name| match name {
        GeneralName::DnsName(name) => Some(Subject::of_dns(name.as_str())),
        _ => None,
    });
    uri.or(dns)?.ok()
}
