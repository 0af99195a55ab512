//! An issuer of OpenID Connect: a discovery document, keys, and tokens that it has signed.

use std::{
    convert::Infallible,
    fs,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring as provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::authority::Pair;

/// A running issuer; ended when dropped.
pub struct Issuer {
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    url: String,
    /// What it calls itself.
    name: Mutex<String>,
    keys: Mutex<Vec<Value>>,
    broken: AtomicBool,
    requests: AtomicUsize,
}

/// A key that signs tokens.
pub enum SigningKey {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

// === impl Issuer ===

impl Issuer {
    /// At a plain loopback address.
    pub async fn start(keys: &[(&str, &SigningKey)]) -> Self {
        Self::serve(keys, None).await
    }

    /// At `https://localhost`, with this certificate.
    pub async fn start_tls(keys: &[(&str, &SigningKey)], pair: &Pair) -> Self {
        let pem = fs::read(&pair.cert).expect("a certificate");
        let chain = CertificateDer::pem_slice_iter(&pem).map(|one| one.expect("a certificate")).collect();
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&pair.key).expect("a key"))
            .expect("a pair");
        Self::serve(keys, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(keys: &[(&str, &SigningKey)], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let url = match tls {
            None => format!("http://{address}/realm"),
            Some(_) => format!("https://localhost:{}/realm", address.port()),
        };
        let (broken, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        let shared = Arc::new(Shared {
            name: Mutex::new(url.clone()),
            url: url.clone(),
            keys: Mutex::default(),
            broken,
            requests,
        });
        let kept = shared.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (kept.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => speak(stream, shared).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => speak(stream, shared).await,
                            Err(_refused) => {}
                        },
                    }
                });
            }
        });
        let issuer = Self { url, shared, server };
        issuer.publish(keys);
        issuer
    }

    /// From now on it has these keys.
    pub fn publish(&self, keys: &[(&str, &SigningKey)]) {
        *self.shared.keys.lock().unwrap() = keys.iter().map(|(id, key)| key.public(id)).collect();
    }

    /// From now on its documents name another issuer, as those of a cluster do that is reached by another address.
    pub fn call_itself(&self, name: &str) {
        name.clone_into(&mut self.shared.name.lock().unwrap());
    }

    /// From now on it answers nothing useful, or does again.
    pub fn break_down(&self, broken: bool) {
        self.shared.broken.store(broken, Ordering::Relaxed);
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Claims that are good for an hour.
    pub fn claims(&self, user: &str) -> Value {
        let now = now();
        json!({"iss": self.url, "aud": "sendstores", "sub": user, "iat": now, "exp": now + 3600})
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let answer = service_fn(move |request| {
        let answer = shared.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let _left: Result<(), hyper::Error> = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

// === impl Shared ===

impl Shared {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let found = match request.uri().path() {
            _ if self.broken.load(Ordering::Relaxed) => None,
            "/realm/.well-known/openid-configuration" => {
                Some(json!({"issuer": *self.name.lock().unwrap(), "jwks_uri": format!("{}/keys", self.url)}))
            }
            "/realm/keys" => Some(json!({"keys": *self.keys.lock().unwrap()})),
            _ => None,
        };
        let code = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let mut response = Response::new(Full::new(Bytes::from(found.unwrap_or_default().to_string())));
        *response.status_mut() = code;
        response
    }
}

// === impl SigningKey ===

impl SigningKey {
    pub fn ec() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self::Ec(pair.expect("a key"))
    }

    pub fn ed() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::Ed(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"))
    }

    pub fn rsa(bits: usize) -> Self {
        let bits = format!("rsa_keygen_bits:{bits}");
        let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits, "-outform", "DER"];
        let output = Command::new("openssl").args(args).output().expect("openssl (Debian package openssl)");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
        // Versions of openssl differ in the form.
        let pair = RsaKeyPair::from_pkcs8(&output.stdout).or_else(|_| RsaKeyPair::from_der(&output.stdout));
        Self::Rsa(pair.expect("a key"))
    }

    /// The public part, as an issuer publishes it.
    pub fn public(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": text(x), "y": text(y)})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": text(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "use": "sig", "kid": id, "n": text(&n), "e": text(&e)})
            }
        }
    }

    /// A token with this header and these claims. `alg` of the header decides how it is signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let (random, bytes) = (SystemRandom::new(), message.as_bytes());
        let signature = match self {
            Self::Ec(pair) => pair.sign(&random, bytes).expect("signed").as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let pss = header["alg"].as_str().is_some_and(|name| name.starts_with("PS"));
                let signed = if pss {
                    pair.sign(&RSA_PSS_SHA256, &random, bytes, &mut signature)
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                };
                signed.expect("signed");
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}
