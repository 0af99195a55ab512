//! How a client knows its server by its certificate, and shows one of its own.

use std::{fmt, time::Duration};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// What is said about TLS; nothing at first: a server must have a certificate that this machine trusts.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// PEM. These alone are trusted then.
    authorities: Option<Vec<u8>>,
    /// Certificate chain and key, both PEM.
    identity: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<String>,
}

// === impl Tls ===

impl Tls {
    pub(crate) fn authorities(&mut self, pem: &[u8]) {
        self.authorities = Some(pem.to_owned());
    }

    pub(crate) fn identity(&mut self, certificate: &[u8], key: &[u8]) {
        self.identity = Some((certificate.to_owned(), key.to_owned()));
    }

    pub(crate) fn server_name(&mut self, name: &str) {
        self.server_name = Some(name.to_owned());
    }

    pub(crate) fn is_given(&self) -> bool {
        self.authorities.is_some() || self.identity.is_some() || self.server_name.is_some()
    }

    /// The endpoint with TLS; an error says what is wrong with what was given.
    pub(crate) fn endpoint(&self, endpoint: Endpoint, limit: Duration) -> Result<Endpoint, String> {
        let mut config = ClientTlsConfig::new().timeout(limit);
        config = match &self.authorities {
            Some(pem) => {
                certificates(pem, "the certificate authority")?;
                config.ca_certificate(Certificate::from_pem(pem))
            }
            None => config.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            certificates(certificate, "the client certificate")?;
            PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the client key is no key in PEM: {error}"))?;
            config = config.identity(Identity::from_pem(certificate, key));
        }
        // Brackets of an IPv6 address are no part of the name in a certificate.
        let host = endpoint.uri().host().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned());
        if let Some(name) = self.server_name.clone().or(host) {
            config = config.domain_name(name);
        }
        endpoint.tls_config(config).map_err(|error| {
            let sources = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let texts: Vec<_> = sources.map(ToString::to_string).collect();
            format!("TLS cannot be set up: {}", texts.join(": "))
        })
    }
}

/// Without the key, so that no log line can have it.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.as_ref().map(|_| "[hidden]"))
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// Refuses text without certificates, which would otherwise be found out when no server is trusted.
fn certificates(pem: &[u8], what: &str) -> Result<(), String> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        certificate.map_err(|error| format!("{what} is not in PEM: {error}"))?;
        count += 1;
    }
    if count == 0 { Err(format!("{what} has no certificate in PEM")) } else { Ok(()) }
}
