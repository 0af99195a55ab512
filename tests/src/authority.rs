//! An authority of our own, and certificates by it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A certificate authority that lives as long as the test.
pub struct Authority(TempDir);

/// A certificate with its key, in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Now,
    /// From 2020 to 2021.
    Past,
}

/// What `openssl ca` works with.
const SETTINGS: &str = "
[ca]
default_ca = d
[d]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = p
default_days = 2
default_crl_days = 2
unique_subject = no
copy_extensions = copy
[p]
commonName = optional
";

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

// === impl Authority ===

impl Authority {
    pub fn named(name: &str) -> Self {
        let authority = Self(tempfile::tempdir().expect("a directory for keys"));
        for (file, text) in [("ca.cnf", SETTINGS), ("index.txt", ""), ("serial", "01"), ("crlnumber", "01")] {
            fs::write(authority.path(file), text).expect("written");
        }
        let subject = format!("/CN={name}");
        let named = ["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&[&named[..], &NEW_KEY].concat());
        authority
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate for `names` (as `DNS:localhost` or `URI:spiffe://example.org/a`, separated by commas), in files of
    /// this name.
    pub fn issue(&self, file: &str, names: &str) -> Pair {
        self.issue_for(file, names, Validity::Now)
    }

    pub fn issue_for(&self, file: &str, names: &str, validity: Validity) -> Pair {
        let of = |ending: &str| format!("{file}.{ending}");
        let (key, request, cert) = (of("key"), of("csr"), of("pem"));
        let (subject, names) = (format!("/CN={file}"), format!("subjectAltName={names}"));
        let asked = ["req", "-new", "-subj", &subject, "-addext", &names, "-keyout", &key, "-out", &request];
        self.openssl(&[&asked[..], &NEW_KEY].concat());
        let signed = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", &request, "-out", &cert];
        let past = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"];
        let when = if validity == Validity::Past { &past[..] } else { &[] };
        self.openssl(&[&signed[..], when].concat());
        Pair { cert: self.path(&cert), key: self.path(&key) }
    }

    /// Revokes a certificate: it is in the next list.
    pub fn revoke(&self, pair: &Pair) {
        self.openssl(&["ca", "-config", "ca.cnf", "-revoke", pair.cert.to_str().expect("a path")]);
    }

    /// The list of what was revoked so far, in PEM.
    pub fn revocations(&self) -> String {
        self.openssl(&["ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem"]);
        fs::read_to_string(self.path("crl.pem")).expect("a list")
    }

    /// The settings of a Redis that shows a certificate for `name` (as `DNS:localhost`) on `port`.
    pub fn settings(&self, name: &str, port: u16) -> Vec<(&'static str, String)> {
        let Pair { cert, key } = self.issue("redis", name);
        vec![
            ("tls-port", port.to_string()),
            ("tls-cert-file", cert.display().to_string()),
            ("tls-key-file", key.display().to_string()),
            ("tls-ca-cert-file", self.certificate().display().to_string()),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }

    fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(file)
    }

    fn openssl(&self, args: &[&str]) {
        let mut command = Command::new("openssl");
        let output = command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).output();
        let output = output.expect("openssl (Debian package openssl)");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}
