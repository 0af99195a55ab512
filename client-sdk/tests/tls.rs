//! TLS: who the server is, who the client is, and what is said when it is another.

mod peer;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use peer::{Peer, store};
use sendstores_client::{Builder, Client, Error, RetryPolicy, Store, v1::GetResponse};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

/// A certificate authority that lives as long as the test.
struct Authority(TempDir);

/// A certificate and its key, in PEM.
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().expect("a folder for keys"));
        authority.openssl(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        authority
    }

    fn certificate(&self) -> Vec<u8> {
        fs::read(self.path("ca.pem")).expect("a certificate")
    }

    /// A certificate for names such as `DNS:localhost`.
    fn issue(&self, names: &str) -> Pair {
        let names = format!("subjectAltName={names}");
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        let named = ["-subj", "/CN=peer", "-addext", &names, "-keyout", "peer.key", "-out", "peer.pem"];
        self.openssl(&[&signed[..], &named].concat());
        let read = |file| fs::read(self.path(file)).expect("a file");
        Pair { cert: read("peer.pem"), key: read("peer.key") }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn openssl(&self, args: &[&str]) {
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let mut command = Command::new("openssl");
        let output = command.args(new).args(args).current_dir(self.0.path()).stdin(Stdio::null()).output();
        let output = output.expect("openssl (Debian package openssl)");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A peer with this certificate; `clients` is the authority that clients must have one from.
async fn peer(pair: &Pair, clients: Option<&Authority>) -> Peer {
    let builder = ServerConfig::builder();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&authority.certificate()).flatten());
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build().expect("a verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let chain = CertificateDer::pem_slice_iter(&pair.cert).collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_slice(&pair.key).expect("a key");
    let mut config = builder.with_single_cert(chain, key).expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Peer::with("https", move |socket| {
        let accepting = acceptor.accept(socket);
        async move { accepting.await.ok() }
    })
    .await
}

/// One call of a client that trusts this authority, with a token.
async fn call(peer: &mut Peer, url: &str, builder: Builder) -> Result<Store, Error> {
    let client = builder.token("sst_secret").retry(RetryPolicy::none()).connect_lazy(url)?;
    let answer = async {
        let call = peer.call().await;
        assert_eq!(call.authorization, "Bearer sst_secret");
        call.answer(&GetResponse { store: Some(store("store-a", 1)), ..GetResponse::default() });
    };
    tokio::select! {
        biased;
        answered = client.get("store-a") => answered,
        () = async { answer.await; std::future::pending().await } => unreachable!("it waits for the call"),
    }
}

fn trusting(authority: &Authority) -> Builder {
    Client::builder().tls_ca(authority.certificate())
}

#[tokio::test]
async fn a_server_is_known_by_its_authority_and_its_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut peer = peer(&authority.issue("DNS:stores.example.org,IP:127.0.0.1"), None).await;
    let url = peer.url.clone();
    call(&mut peer, &url, trusting(&authority)).await.expect("its address is in the certificate");

    let by_name = url.replace("127.0.0.1", "localhost");
    let error = call(&mut peer, &by_name, trusting(&authority)).await.expect_err("another name").to_string();
    assert!(error.contains("certificate") && error.contains("localhost"), "{error}");
    let named = trusting(&authority).tls_server_name("stores.example.org");
    call(&mut peer, &by_name, named).await.expect("the name that was given");

    let error = call(&mut peer, &url, trusting(&other)).await.expect_err("another authority");
    assert!(
        matches!(error, Error::Transport(_)) && error.to_string().contains("invalid peer certificate"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let authority = Authority::new();
    let mut peer = peer(&authority.issue("IP:127.0.0.1"), Some(&authority)).await;
    let url = peer.url.clone();
    let error = call(&mut peer, &url, trusting(&authority)).await.expect_err("no certificate");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    let Pair { cert, key } = authority.issue("URI:spiffe://example.org/shop");
    call(&mut peer, &url, trusting(&authority).tls_identity(cert, key)).await.expect("a certificate");
}

#[tokio::test]
async fn watches_beyond_one_connection_are_encrypted_too() {
    let authority = Authority::new();
    let mut peer = peer(&authority.issue("IP:127.0.0.1"), None).await;
    let client = trusting(&authority).connect_lazy(&peer.url).expect("an address");
    let open = (0..70).map(|_| client.watch(sendstores_client::StoreFilter::default()));
    let answer = async {
        let mut open = Vec::new();
        for _ in 0..70 {
            open.push(peer.watch().await.1);
        }
        open
    };
    let (opened, _answers) = tokio::join!(futures::future::join_all(open), answer);
    assert!(opened.iter().all(Result::is_ok));
}

#[tokio::test]
async fn what_cannot_be_used_is_named_before_any_connection() {
    let authority = Authority::new();
    let Pair { cert, key } = authority.issue("IP:127.0.0.1");
    for (builder, url, why) in [
        (Client::builder().tls_ca("no PEM"), "https://127.0.0.1:1", "the certificate authority has no certificate"),
        (Client::builder().tls_ca(&key), "https://127.0.0.1:1", "the certificate authority has no certificate"),
        (trusting(&authority).tls_identity(&key, &key), "https://127.0.0.1:1", "client certificate has no"),
        (trusting(&authority).tls_identity(&cert, &cert), "https://127.0.0.1:1", "client key is no key"),
        (trusting(&authority), "http://127.0.0.1:1", "write https://"),
        (trusting(&authority).tls_server_name("a b"), "https://127.0.0.1:1", "TLS cannot be set up"),
    ] {
        assert!(!format!("{builder:?}").contains("PRIVATE"));
        let error = builder.connect_lazy(url).expect_err(why);
        assert!(matches!(error, Error::InvalidServer { .. }) && error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn plain_text_to_a_server_with_tls_is_a_transport_error() {
    let authority = Authority::new();
    let peer = peer(&authority.issue("IP:127.0.0.1"), None).await;
    let client = Client::builder().retry(RetryPolicy::none()).connect_lazy(&peer.url.replace("https", "http"));
    let error = client.expect("an address").get("store-a").await.expect_err("no TLS");
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}
