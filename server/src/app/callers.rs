//! Who may call, as the configuration says.

use std::sync::Arc;

use crate::{
    args::Config,
    auth::{AUDIENCE, Authenticator, Bindings, CredentialsFile, Issuers, Sources, TokenReviews},
    mirror::Mirror,
    provision::KubeProvisioner,
    supervise::{Phase, TaskError, Tasks},
    tls::Tls,
};

/// What callers are recognised by.
pub(super) struct Callers {
    pub(super) auth: Authenticator,
    pub(super) tls: Option<Tls>,
    reviews: Option<TokenReviews>,
}

// === impl Callers ===

impl Callers {
    /// Reads the files, and keeps them up to date from now on.
    pub(super) fn open(tasks: &mut Tasks, config: &Config, mirror: &Mirror) -> Result<Self, TaskError> {
        let tls = config.listen.tls.clone().map(Tls::open).transpose()?;
        if let Some(tls) = tls.clone() {
            tasks.spawn("tls", Phase::Back, |stop| async {
                tls.keep(stop).await;
                Ok(())
            });
        }
        let reviews = config.auth.kubernetes_tokens.then(TokenReviews::new);
        let auth = authenticator(tasks, config, mirror, tls.clone(), reviews.clone())?;
        Ok(Self { auth, tls, reviews })
    }

    /// From now on the cluster says whose the tokens of service accounts are.
    pub(super) fn ask(&self, cluster: &KubeProvisioner) {
        let Some(reviews) = &self.reviews else { return };
        let cluster = cluster.clone();
        reviews.attach(Arc::new(move |token| {
            let cluster = cluster.clone();
            Box::pin(async move { cluster.review_token(&token, AUDIENCE).await })
        }));
    }
}

fn authenticator(
    tasks: &mut Tasks,
    config: &Config,
    mirror: &Mirror,
    tls: Option<Tls>,
    reviews: Option<TokenReviews>,
) -> Result<Authenticator, TaskError> {
    if config.auth.insecure {
        tracing::warn!(
            "NO AUTHENTICATION: every caller that reaches this port is an administrator (--insecure-no-auth)"
        );
        return Ok(Authenticator::insecure());
    }
    let file = config.auth.credentials.clone().map(CredentialsFile::open).transpose()?;
    if let Some(file) = file.clone() {
        tasks.spawn("credentials", Phase::Back, |stop| async {
            file.keep(stop).await;
            Ok(())
        });
    }
    let bindings = config.auth.bindings.clone().map(Bindings::open).transpose()?;
    if let Some(bindings) = bindings.clone() {
        tasks.spawn("bindings", Phase::Back, |stop| async {
            bindings.keep(stop).await;
            Ok(())
        });
    }
    let issuers = config.auth.oidc.as_ref().map(Issuers::open).transpose();
    let issuers = issuers.map_err(|why| format!("--oidc-ca: {why}"))?;
    Ok(Authenticator::of(Sources { mirror: mirror.clone(), file, bindings, tls, reviews, issuers }))
}
