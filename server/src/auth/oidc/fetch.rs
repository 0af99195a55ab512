//! Documents of issuers, over HTTPS.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Uri, header::ACCEPT};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use sendstores_core::text::with_causes;

/// The largest document, in bytes.
const LARGEST: usize = 1024 * 1024;
/// How long one document may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Gets documents. Follows no redirects, and so asks only addresses that a configuration or an issuer names.
#[derive(Clone)]
pub(super) struct Fetch(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

// === impl Fetch ===

impl Fetch {
    /// Accepts servers that the authorities of this PEM file have signed, or those that the system trusts.
    pub(super) fn trusting(ca: Option<&Path>) -> Result<Self, String> {
        let roots = ca.map_or_else(|| Ok(system()), from_file)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The body of the document at this address.
    ///
    /// # Errors
    /// Says why there is none.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, String> {
        let uri = checked(url)?;
        let request =
            Request::get(uri).header(ACCEPT, "application/json, application/jwk-set+json").body(Full::default());
        let request = request.map_err(|error| error.to_string())?;
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| with_causes(&error))?;
            if !response.status().is_success() {
                return Err(format!("the answer is {}", response.status()));
            }
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            Ok(body.map_err(|error| error.to_string())?.to_bytes())
        };
        let answer = tokio::time::timeout(LIMIT, Box::pin(exchange)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}"))).map_err(|why| format!("{url}: {why}"))
    }
}

fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn from_file(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: &str| format!("{}: {why}", path.display());
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("it has no certificate in PEM")) } else { Ok(roots) }
}

/// An attacker on the way to a plain address could name keys of its own, unless the address is this machine.
pub(super) fn checked(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if is_loopback => Ok(uri),
        _ => Err(format!("{url:?} is no https URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_asked_beyond_this_machine() {
        for good in ["https://id.example.com/a", "http://127.0.0.1:80/a", "http://[::1]/", "http://localhost:8/"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in
            ["http://id.example.com", "http://192.0.2.1/", "ftp://a", "file:///etc/passwd", "id.example.com", "", "/a"]
        {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
