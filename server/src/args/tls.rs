//! TLS of the gRPC port.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::check::{Problems, address, file};
use crate::tls::TlsPaths;

/// The flags.
#[derive(Debug, Args)]
pub struct TlsArgs {
    /// Address of the gRPC port.
    #[arg(long, env = "SENDSTORES_LISTEN", default_value = "127.0.0.1:7443")]
    pub listen: String,
    /// PEM file of the certificate that the gRPC port shows, followed by those of its intermediate authorities. With it, the
    /// port takes TLS only. Read again when it changes, together with --tls-key.
    #[arg(long, env = "SENDSTORES_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the private key of --tls-cert.
    #[arg(long, env = "SENDSTORES_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authorities whose client certificates are accepted. A client may show one; the bindings of --auth-config
    /// say who it is, by its first URI or else its first DNS name. Read again when it changes.
    #[arg(long, env = "SENDSTORES_TLS_CLIENT_CA", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// PEM file of the certificates that the authorities of --tls-client-ca have revoked (CRL). Each of them needs a list. Read
    /// again when it changes.
    #[arg(long, env = "SENDSTORES_TLS_CLIENT_CRL", requires = "tls_client_ca")]
    pub tls_client_crl: Option<PathBuf>,
    /// Serve without TLS on an address that is not loopback, and take tokens without TLS from other machines, because a proxy
    /// in front of the server has TLS. Tokens and passwords are readable on the way to it.
    #[arg(long, env = "SENDSTORES_ALLOW_PLAINTEXT")]
    pub allow_plaintext: bool,
}

/// The same, checked.
#[derive(Debug)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: Option<TlsPaths>,
    /// A proxy in front has TLS, so that tokens are taken over connections without.
    pub allow_plaintext: bool,
}

// === impl TlsArgs ===

impl TlsArgs {
    pub(super) fn check(self, problems: &mut Problems) -> Option<Listen> {
        let Self { listen, tls_cert, tls_key, tls_client_ca, tls_client_crl, allow_plaintext } = self;
        let client_ca = problems.take("tls-client-ca", tls_client_ca.map(file).transpose());
        let client_crl = problems.take("tls-client-crl", tls_client_crl.map(file).transpose());
        let address = problems.take("listen", address(&listen));
        let tls = match (tls_cert, tls_key) {
            (None, None) => Some(None),
            (Some(cert), Some(key)) => {
                let (cert, key) = (problems.take("tls-cert", file(cert)), problems.take("tls-key", file(key)));
                let client = client_ca.zip(client_crl);
                cert.zip(key)
                    .zip(client)
                    .map(|((cert, key), (client_ca, client_crl))| Some(TlsPaths { cert, key, client_ca, client_crl }))
            }
            (Some(_), None) => problems.take("tls-key", Err("is missing: --tls-cert needs its key".to_owned())),
            (None, Some(_)) => problems.take("tls-cert", Err("is missing: --tls-key needs a certificate".to_owned())),
        };
        let (address, tls) = (address?, tls?);
        problems.take("listen", protected(address, tls.is_some(), allow_plaintext))?;
        Some(Listen { address, tls, allow_plaintext })
    }
}

fn protected(address: SocketAddr, has_tls: bool, allow_plaintext: bool) -> Result<(), String> {
    if has_tls && allow_plaintext {
        return Err("--tls-cert has the port take TLS only: leave --allow-plaintext out".to_owned());
    }
    if has_tls || allow_plaintext || address.ip().is_loopback() {
        return Ok(());
    }
    Err("is not loopback, and without TLS tokens and passwords are readable on the way: give --tls-cert and --tls-key, or put a proxy with TLS in front of it and add --allow-plaintext".to_owned())
}

// === impl Listen ===

impl Listen {
    /// As `name = value`, one a flag.
    pub(super) fn print(&self) -> [(&'static str, String); 6] {
        let Self { address, tls, allow_plaintext } = self;
        let path = |path: Option<&PathBuf>| path.map_or_else(|| "[none]".to_owned(), |path| path.display().to_string());
        [
            ("listen", address.to_string()),
            ("tls-cert", path(tls.as_ref().map(|tls| &tls.cert))),
            ("tls-key", path(tls.as_ref().map(|tls| &tls.key))),
            ("tls-client-ca", path(tls.as_ref().and_then(|tls| tls.client_ca.as_ref()))),
            ("tls-client-crl", path(tls.as_ref().and_then(|tls| tls.client_crl.as_ref()))),
            ("allow-plaintext", allow_plaintext.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_others_reach_has_tls_or_the_flag_that_says_otherwise() {
        let at = |address: &str, has_tls, allow| protected(address.parse().expect("an address"), has_tls, allow);
        for address in ["127.0.0.1:7443", "[::1]:7443"] {
            assert_eq!(at(address, false, false), Ok(()));
        }
        for address in ["0.0.0.0:7443", "192.0.2.1:7443", "[::]:7443"] {
            let why = at(address, false, false).expect_err("refused");
            assert!(why.contains("--tls-cert") && why.contains("--allow-plaintext"), "{why}");
            assert_eq!((at(address, true, false), at(address, false, true)), (Ok(()), Ok(())));
        }
        assert!(at("127.0.0.1:7443", true, true).is_err());
    }
}
