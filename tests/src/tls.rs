//! Calls over TLS: a channel that says what it accepts, and what it shows.

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc};

use hyper_util::rt::TokioIo;
use sendstores_client::{Client, RetryPolicy};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::{
    authority::{Authority, Pair},
    server::{Server, ServerOptions},
};

/// A caller over TLS.
#[derive(Clone)]
pub struct TlsCaller {
    roots: Arc<RootCertStore>,
    identity: Option<Pair>,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocols: &'static [&'static str],
}

// === impl TlsCaller ===

impl TlsCaller {
    /// Accepts what this authority has signed for `localhost`.
    pub fn trusting(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&authority.certificate()) {
            roots.add(certificate).expect("a certificate of an authority");
        }
        Self { roots: Arc::new(roots), identity: None, versions: ALL_VERSIONS.to_vec(), protocols: &["h2"] }
    }

    /// Shows this certificate.
    pub fn with_identity(self, identity: &Pair) -> Self {
        Self { identity: Some(identity.clone()), ..self }
    }

    pub fn with_version(self, version: &'static SupportedProtocolVersion) -> Self {
        Self { versions: vec![version], ..self }
    }

    /// Offers these protocols (ALPN).
    pub fn with_protocols(self, protocols: &'static [&'static str]) -> Self {
        Self { protocols, ..self }
    }

    fn config(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Pair { cert, key }) => {
                let key = PrivateKeyDer::from_pem_file(key).expect("a key");
                builder.with_client_auth_cert(certificates(cert), key).expect("a pair")
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// A connection after its handshake.
    pub async fn connect(&self, server: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(server).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(self.config())).connect(name, stream).await
    }

    /// A channel over one connection.
    pub async fn channel(&self, server: &Server) -> Result<Channel, tonic::transport::Error> {
        let (caller, address) = (self.clone(), server.grpc);
        let connect = service_fn(move |_| {
            let caller = caller.clone();
            async move { caller.connect(address).await.map(TokioIo::new) }
        });
        Endpoint::from_shared(format!("http://localhost:{}", address.port()))?.connect_with_connector(connect).await
    }

    /// A client with this token, if any, that repeats nothing.
    pub async fn client(&self, server: &Server, token: Option<&str>) -> Client {
        let channel = self.channel(server).await.expect("connect");
        let builder = Client::builder().retry(RetryPolicy::none());
        token.into_iter().fold(builder, |builder, token| builder.token(token)).channel(channel)
    }
}

/// The server reads its certificate and key from these files.
pub fn with_tls(options: ServerOptions, Pair { cert, key }: &Pair) -> ServerOptions {
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    options.flag(flag("tls-cert", cert)).flag(flag("tls-key", key))
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let pem = fs::read(path).expect("a PEM file");
    CertificateDer::pem_slice_iter(&pem).map(|certificate| certificate.expect("a certificate")).collect()
}
