//! An authority of our own, and certificates by it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A certificate authority that lives as long as the test.
pub struct Authority(TempDir);

// === impl Authority ===

impl Authority {
    pub fn named(name: &str) -> Self {
        let authority = Self(tempfile::tempdir().expect("a directory for keys"));
        let subject = format!("/CN={name}");
        let named = ["-subj", &subject, "-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&["req", "-x509"], &named);
        authority
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// The settings of a Redis that shows a certificate for `name` (as `DNS:localhost`) on `port`.
    pub fn settings(&self, name: &str, port: u16) -> Vec<(&'static str, String)> {
        let (alternative, signer) = (format!("subjectAltName={name}"), ["-CA", "ca.pem", "-CAkey", "ca.key"]);
        let named = [
            "-subj",
            "/CN=redis",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            &alternative,
            "-keyout",
            "redis.key",
            "-out",
            "redis.pem",
        ];
        self.openssl(&["req", "-x509"], &[&signer[..], &named].concat());
        let path = |file: &str| self.path().join(file).display().to_string();
        vec![
            ("tls-port", port.to_string()),
            ("tls-cert-file", path("redis.pem")),
            ("tls-key-file", path("redis.key")),
            ("tls-ca-cert-file", path("ca.pem")),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, verb: &[&str], args: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(verb).args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        let output = command.args(args).current_dir(self.path()).stdin(Stdio::null()).output();
        let output = output.expect("openssl (Debian package openssl)");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}
