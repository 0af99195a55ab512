//! TLS of the gRPC port: its certificate and key, and whose client certificates are accepted.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use sendstores_core::Timestamp;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_cert::{Certificate, der::Decode};

use crate::files::{FileError, Kind, Reloaded, Source};

const FILES: Kind =
    Kind { name: "TLS files", label: "tls", interval: Duration::from_secs(10), broken: "sendstores_tls_files_broken" };
/// What the port speaks, in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The PEM files of the port.
#[derive(Clone, Debug)]
pub struct TlsPaths {
    /// The certificate of the server, and after it those of its intermediate authorities.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The authorities whose client certificates are accepted. `None`: clients are asked for none.
    pub client_ca: Option<PathBuf>,
    /// The certificates that these authorities have revoked. Needs `client_ca`.
    pub client_crl: Option<PathBuf>,
}

/// The TLS of the port as the files say it; clones share what was read last.
#[derive(Clone, Debug)]
pub struct Tls(Reloaded<Loaded>);

/// What was read.
struct Loaded {
    config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// When the certificate expires, if that can be read.
    expiry: Option<Timestamp>,
}

// === impl Tls ===

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or has no certificate or key, or the key is not that of the certificate.
    pub fn open(paths: TlsPaths) -> Result<Self, FileError> {
        let TlsPaths { cert, key, client_ca, client_crl } = paths;
        let paths = [cert, key].into_iter().chain(client_ca).chain(client_crl).collect();
        let files = Reloaded::open(FILES, paths, |sources| match sources {
            [cert, key, trust @ ..] => load(cert, key, trust),
            _ => Err(FileError::Wrong { path: String::new(), why: "a certificate needs a key".to_owned() }),
        })?;
        report(&files.get());
        Ok(Self(files))
    }

    /// Reads the files again whenever their content has changed, until `stop`. Open connections stay as they are.
    pub async fn keep(self, stop: CancellationToken) {
        self.0.keep(stop, report).await;
    }

    /// Whether the client certificate that this chain begins with is accepted by what was read last.
    pub fn accepts(&self, chain: &[CertificateDer<'_>]) -> bool {
        let loaded = self.0.get();
        let (Some(verifier), Some((own, others))) = (&loaded.verifier, chain.split_first()) else { return false };
        verifier.verify_client_cert(own, others, UnixTime::now()).is_ok()
    }

    /// Grows each time that other files are in use.
    pub fn epoch(&self) -> u64 {
        self.0.epoch()
    }

    /// Reports each new epoch.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    /// Accepts connections with what was read last.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.get().config.clone())
    }
}

/// `trust` has the authorities of clients, and after it what they have revoked.
fn load(cert: &Source<'_>, key: &Source<'_>, trust: &[Source<'_>]) -> Result<Loaded, FileError> {
    let provider = Arc::new(ring::default_provider());
    let certified = certified(cert, key, &provider)?;
    let expiry = certified.end_entity_cert().ok().and_then(|certificate| expiry(certificate));
    let verifier = trust.first().map(|ca| verifier(ca, trust.get(1), provider.clone())).transpose()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| cert.wrong(error))?;
    let config = match &verifier {
        Some(verifier) => config.with_client_cert_verifier(verifier.clone()),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Loaded { config: Arc::new(config), verifier, expiry })
}

/// Checks the certificate of a client that shows one. With lists of revoked certificates, one that no list speaks for is
/// refused, too.
fn verifier(
    ca: &Source<'_>,
    crl: Option<&Source<'_>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| ca.wrong(error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    let Some(crl) = crl else { return builder.build().map_err(|error| ca.wrong(error)) };
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(crl.bytes).collect();
    let lists = lists.ok().filter(|lists| !lists.is_empty());
    let lists = lists.ok_or_else(|| crl.wrong("it has no list of revoked certificates in PEM"))?;
    let builder = builder.with_crls(lists).only_check_end_entity_revocation();
    builder.build().map_err(|error| crl.wrong(error))
}

/// The chain and the key, if they belong together. They may be written one after the other.
fn certified(cert: &Source<'_>, key: &Source<'_>, provider: &CryptoProvider) -> Result<CertifiedKey, FileError> {
    let chain = certificates(cert)?;
    let key_der = PrivateKeyDer::from_pem_slice(key.bytes).map_err(|_| key.wrong("it has no private key in PEM"))?;
    CertifiedKey::from_der(chain, key_der, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => key.wrong("it is not the key of the certificate"),
        error => cert.wrong(error),
    })
}

/// The certificates of a PEM file, one at least.
fn certificates(file: &Source<'_>) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file.bytes).collect();
    let certificates = read.map_err(|_| file.wrong("it is no PEM"))?;
    if certificates.is_empty() {
        return Err(file.wrong("it has no certificate in PEM"));
    }
    Ok(certificates)
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    Certificate::from_der(certificate).ok().as_ref().map(not_after)
}

/// When a certificate expires.
pub(crate) fn not_after(certificate: &Certificate) -> Timestamp {
    Timestamp::from_micros(0).after(certificate.tbs_certificate().validity().not_after.to_unix_duration())
}

/// An expired certificate is used: to clients with a wrong clock it is a good one, and to the others no port is no better.
fn report(loaded: &Loaded) {
    let Some(expiry) = loaded.expiry else { return };
    let seconds = expiry.as_micros() / 1_000_000;
    metrics::gauge!("sendstores_tls_certificate_expiry_timestamp_seconds").set(seconds as f64);
    if expiry <= Timestamp::from(std::time::SystemTime::now()) {
        tracing::error!("the TLS certificate has expired: clients refuse it");
    }
}
