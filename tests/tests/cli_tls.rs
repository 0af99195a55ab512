//! The real program over TLS, through a front that has a certificate: as behind a proxy.

mod cli_rig;
mod sdk_rig;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use cli_rig::run_in;
use sdk_rig::Rig;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

/// Makes a certificate with its key in `folder`, signed by `ca.pem` there unless it is that itself.
fn certificate(folder: &Path, file: &str, rest: &[&str]) -> (PathBuf, PathBuf) {
    let (key, cert) = (format!("{file}.key"), format!("{file}.pem"));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let mut command = Command::new("openssl");
    let named = ["-subj", "/CN=test", "-keyout", &key, "-out", &cert];
    let output = command.args(new).args(named).args(rest).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.expect("openssl (Debian package openssl)");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    (folder.join(cert), folder.join(key))
}

fn signed(folder: &Path, file: &str, names: &str) -> (PathBuf, PathBuf) {
    let names = format!("subjectAltName={names}");
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
    certificate(folder, file, &[&by[..], &["-subj", "/CN=peer", "-addext", &names]].concat())
}

/// A front with TLS before a server; it asks for a certificate of the authority in `folder`. Its address, and what to keep.
async fn front(folder: &Path, server: &str) -> (String, JoinSet<()>) {
    let (cert, key) = signed(folder, "front", "IP:127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(folder.join("ca.pem")).expect("a file").flatten());
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
    let chain = CertificateDer::pem_file_iter(cert).expect("a file").collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(chain, key);
    let mut config = config.expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    let server = server.trim_start_matches("http://").to_owned();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            connections.spawn(async move {
                // How a connection ends is for its two ends to notice.
                let Ok(mut inner) = acceptor.accept(socket).await else { return };
                let Ok(mut outer) = TcpStream::connect(server).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
            });
        }
    });
    (url, tasks)
}

#[tokio::test]
async fn certificates_are_kept_with_the_context_and_their_faults_are_named() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    certificate(folder, "other", &["-subj", "/CN=other"]);
    let (ca, _) = certificate(folder, "ca", &[]);
    let (cert, key) = signed(folder, "client", "DNS:client");
    let (url, _front) = front(folder, &rig.url).await;
    let config = folder.join("config.json");
    let flags = format!("--ca {} --cert {} --key {}", ca.display(), cert.display(), key.display());

    let login = run_in(&config, &format!("login --no-token --server {url} {flags}"), "").await;
    assert_eq!((login.code, login.stderr.as_str()), (0, ""), "{login:?}");
    let listed = run_in(&config, "list -o name", "").await;
    assert_eq!((listed.code, listed.stdout.as_str()), (0, "store-a\n"), "the paths are kept: {listed:?}");
    let well = run_in(&config, "doctor", "").await;
    assert!(well.code == 0 && well.stdout.contains("encrypted; the certificate is trusted"), "{well:?}");

    let other = folder.join("other.pem");
    for (flags, said, hint) in [
        (format!("--ca {}", other.display()), "invalid peer certificate", "--ca PATH names the authority"),
        (format!("--cert {}", ca.display()), "", ""),
        ("--ca /nonexistent".to_owned(), "cannot read /nonexistent", ""),
        (format!("--ca {}", key.display()), "has no certificate in PEM", ""),
    ] {
        let ended = run_in(&config, &format!("list {flags} --timeout 2s"), "").await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains(said) && ended.stderr.contains(hint), "{ended:?}");
    }
    let plain = url.replace("https", "http");
    let ended = run_in(&config, &format!("doctor --server {plain} --timeout 2s"), "").await;
    assert!(ended.code == 1 && ended.stdout.contains("the server may want https://"), "{ended:?}");
}
