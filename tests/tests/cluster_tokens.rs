//! Callers with tokens of service accounts, on a real API server, by a server that has the rights of its chart and no others.

use std::{collections::BTreeSet, fs};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::StreamExt;
use sendstores_client::{Error, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    identity::Identity,
    redis::RedisServer,
    server::ServerOptions,
    tokens::client,
    wait::{until, within},
};
use tempfile::NamedTempFile;

const RIGHT: &str = "tokenreviews.authentication.k8s.io: create";

/// A namespace with accounts, gone when dropped.
struct Accounts {
    cluster: Cluster,
    namespace: String,
}

// === impl Accounts ===

impl Accounts {
    /// `of` is for its name: the namespace of another test may still be on its way out.
    fn new(cluster: &Cluster, of: &str, names: &[&str]) -> Self {
        let accounts = Self { cluster: cluster.clone(), namespace: format!("{of}-{}", std::process::id()) };
        accounts.kubectl(&["create", "namespace", &accounts.namespace]);
        for name in names {
            accounts.kubectl(&["-n", &accounts.namespace, "create", "serviceaccount", name]);
        }
        accounts
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let output = self.cluster.kubectl(args);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn token(&self, name: &str, more: &[&str]) -> String {
        let args = [&["-n", &self.namespace, "create", "token", name], more].concat();
        self.kubectl(&args).trim().to_owned()
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        self.cluster.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

fn reason(error: &Error) -> &str {
    error.reason().expect("a reason")
}

#[tokio::test]
async fn a_service_account_calls_with_its_own_token_until_it_is_deleted() {
    let (cluster, redis) = (Cluster::light(), RedisServer::start().await);
    let accounts = Accounts::new(&cluster, "callers", &["provisioner", "stranger"]);
    let plane = format!("plane-tokens-{}", std::process::id());
    let identity = Identity::install_with(&cluster, &plane, &["auth.kubernetes.enabled=true"]).await;
    let file = NamedTempFile::new().expect("a file");
    let row = format!("{{subjects: ['k8s:{}/provisioner'], role: tenant, tenants: [acme]}}", accounts.namespace);
    fs::write(file.path(), format!("bindings: [{row}]")).expect("written");
    let options = cluster.server_of("tokens", &redis.url()).with_auth().env("KUBECONFIG", identity.kubeconfig());
    let options = options.flag(format!("--auth-config={}", file.path().display())).flag("--kubernetes-tokens");
    let server = options.start_ready().await;

    let token = accounts.token("provisioner", &["--audience", "sendstores"]);
    let caller = client(&server, &token).await;
    let principal = caller.principal().await.expect("a principal");
    assert_eq!(principal.kind(), wire::principal::Kind::ServiceAccount);
    assert_eq!(principal.name, format!("{}/provisioner", accounts.namespace));
    let mut watch = caller.watch(wire::StoreFilter::default()).await.expect("a watch");

    let for_the_api = client(&server, &accounts.token("provisioner", &[])).await;
    assert_eq!(reason(&for_the_api.principal().await.expect_err("refused")), "TOKEN_AUDIENCE");
    let stranger = client(&server, &accounts.token("stranger", &["--audience", "sendstores"])).await;
    assert_eq!(reason(&stranger.principal().await.expect_err("refused")), "SUBJECT_UNBOUND");
    // The signature of another token.
    let (claims, _) = token.rsplit_once('.').expect("a JWT");
    let (_, signature) = stranger_signature(&accounts);
    let forged = client(&server, &format!("{claims}.{signature}")).await;
    assert_eq!(reason(&forged.principal().await.expect_err("refused")), "TOKEN_INVALID");

    until("the right to be used", async || identity.seen().used.contains(RIGHT).then_some(())).await;
    assert_eq!(identity.seen().refused, Vec::<String>::new());
    let more: BTreeSet<_> = [RIGHT.to_owned()].into();
    assert!(identity.granted().is_superset(&more));

    accounts.kubectl(&["-n", &accounts.namespace, "delete", "serviceaccount", "provisioner"]);
    let ended = within("the end of the watch", async {
        loop {
            if let Err(error) = watch.next().await.expect("no end without a reason") {
                return error;
            }
        }
    })
    .await;
    assert_eq!(reason(&ended), "TOKEN_INVALID");
}

/// The parts of a token of the other account.
fn stranger_signature(accounts: &Accounts) -> (String, String) {
    let token = accounts.token("stranger", &["--audience", "sendstores"]);
    let (claims, signature) = token.rsplit_once('.').expect("a JWT");
    (claims.to_owned(), signature.to_owned())
}

/// Another cluster's tokens, by its discovery documents alone: no TokenReview, and no account there.
#[tokio::test]
async fn a_service_account_of_another_cluster_is_taken_by_the_documents_of_its_api_server() {
    let (cluster, redis) = (Cluster::light(), RedisServer::start().await);
    let accounts = Accounts::new(&cluster, "deployers", &["deployer", "stranger"]);
    let namespace = &accounts.namespace;
    // Whoever verifies tokens must be able to read them without a login.
    let binding = format!("issuer-discovery-{}", std::process::id());
    let role = "--clusterrole=system:service-account-issuer-discovery";
    accounts.kubectl(&["create", "clusterrolebinding", &binding, role, "--group=system:unauthenticated"]);
    let [url, ca] =
        ["{.clusters[0].cluster.server}", "{.clusters[0].cluster.certificate-authority-data}"].map(|path| {
            accounts
                .kubectl(&["config", "view", "--minify", "--raw", "-o", &format!("jsonpath={path}")])
                .trim()
                .to_owned()
        });
    let document: serde_json::Value =
        serde_json::from_str(&accounts.kubectl(&["get", "--raw", "/.well-known/openid-configuration"])).expect("JSON");
    let issuer = document["issuer"].as_str().expect("an issuer");
    let (file, authority) = (NamedTempFile::new().expect("a file"), NamedTempFile::new().expect("a file"));
    fs::write(authority.path(), STANDARD.decode(ca).expect("base64")).expect("written");
    let text = format!(
        "issuers:
  - {{url: '{issuer}', discovery: '{url}', ca: '{}', require: {{/kubernetes.io/namespace: {namespace}}}}}
bindings:
  - {{subjects: ['oidc:{issuer}#user:system:serviceaccount:{namespace}:deployer'], role: tenant, tenants: [acme]}}
",
        authority.path().display()
    );
    fs::write(file.path(), text).expect("written");
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.flag(format!("--auth-config={}", file.path().display())).start_ready().await;
    let said = client(&server, &accounts.token("deployer", &["--audience", "sendstores"])).await.principal().await;
    let said = said.unwrap_or_else(|error| panic!("{error}: {:#?}", server.log()));
    assert_eq!((said.kind(), said.tenants.join(" ")), (wire::principal::Kind::Oidc, "acme".to_owned()));
    for (token, wanted) in [
        (accounts.token("stranger", &["--audience", "sendstores"]), "SUBJECT_UNBOUND"),
        (accounts.token("deployer", &["--audience", "other"]), "TOKEN_AUDIENCE"),
    ] {
        let error = client(&server, &token).await.principal().await.expect_err("refused");
        assert_eq!(reason(&error), wanted);
    }
    accounts.kubectl(&["delete", "clusterrolebinding", &binding]);
}
