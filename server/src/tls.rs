//! TLS of the gRPC port: its certificate and key, and whose client certificates are accepted.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use sendstores_core::Timestamp;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_cert::{Certificate, der::Decode};

use crate::files::{FileError, Kind, Reloaded, Source};

const FILES: Kind =
    Kind { name: "TLS files", interval: Duration::from_secs(10), broken: "sendstores_tls_files_broken" };
/// What the port speaks, in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The PEM files of the port.
#[derive(Clone, Debug)]
pub struct TlsPaths {
    /// The certificate of the server, and after it those of its intermediate authorities.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The TLS of the port as the files say it; clones share what was read last.
#[derive(Clone, Debug)]
pub struct Tls(Reloaded<Loaded>);

/// What was read.
struct Loaded {
    config: Arc<ServerConfig>,
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
        let TlsPaths { cert, key } = paths;
        let files = Reloaded::open(FILES, vec![cert, key], |sources| match sources {
            [cert, key] => load(cert, key),
            _ => Err(FileError::Wrong { path: String::new(), why: "two files are needed".to_owned() }),
        })?;
        report(&files.get());
        Ok(Self(files))
    }

    /// Reads the files again whenever their content has changed, until `stop`. Open connections stay as they are.
    pub async fn keep(self, stop: CancellationToken) {
        self.0.keep(stop, report).await;
    }

    /// Accepts connections with what was read last.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.get().config.clone())
    }
}

fn load(cert: &Source<'_>, key: &Source<'_>) -> Result<Loaded, FileError> {
    let provider = Arc::new(ring::default_provider());
    let certified = certified(cert, key, &provider)?;
    let expiry = certified.end_entity_cert().ok().and_then(|certificate| expiry(certificate));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| cert.wrong(error))?
        .with_no_client_auth();
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Loaded { config: Arc::new(config), expiry })
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
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    Some(Timestamp::from_micros(0).after(end))
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
