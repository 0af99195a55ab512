//! Whose certificates are accepted.

use std::{path::Path, sync::Arc};

use fred::types::config::TlsConfig;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use sendstores_core::ledger::LedgerError;

/// Accepts what the authorities in a PEM file have signed, and nothing else.
pub(super) fn signed_by(file: &Path) -> Result<TlsConfig, LedgerError> {
    let refused = |why: String| LedgerError::Unsafe(format!("the CA file {}: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| refused(error.to_string()))? {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("there is no certificate in it".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth().into())
}
