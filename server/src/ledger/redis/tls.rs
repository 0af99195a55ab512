//! Whose certificates are accepted, and which one is shown.

use std::{path::Path, sync::Arc};

use fred::types::config::TlsConfig;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sendstores_core::ledger::LedgerError;

use super::config::Identity;

/// Accepts what the authorities in a PEM file have signed, and nothing else; without a file, what those have that the system
/// trusts. Shows `identity` to a server that asks for one.
pub(super) fn config(ca: Option<&Path>, identity: Option<&Identity>) -> Result<TlsConfig, LedgerError> {
    let refused = |error: rustls::Error| LedgerError::Unsafe(format!("TLS to Redis: {error}"));
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(ca.map_or_else(|| Ok(system()), signed_by)?);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(Identity { cert, key }) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("key", key, &error))?;
            let chain = certificates("certificate", cert)?;
            config.with_client_auth_cert(chain, private).map_err(|error| unusable("certificate", cert, &error))?
        }
    };
    Ok(config.into())
}

fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn signed_by(file: &Path) -> Result<RootCertStore, LedgerError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("CA", file)? {
        roots.add(certificate).map_err(|error| unusable("CA", file, &error))?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, one at least.
fn certificates(what: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, LedgerError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(what, file, &error))?;
    if read.is_empty() {
        return Err(unusable(what, file, &"there is no certificate in it"));
    }
    Ok(read)
}

fn unusable(what: &str, file: &Path, why: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Unsafe(format!("the {what} file {}: {why}", file.display()))
}
