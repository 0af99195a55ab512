//! The real program with contexts: it keeps servers and tokens, and uses each token at its server alone.

mod cli_rig;

use std::os::unix::fs::PermissionsExt;

use cli_rig::run_in;
use sendstores_tests::{redis::RedisServer, server::ServerOptions, tokens::make_token};

#[tokio::test]
async fn a_login_keeps_the_server_and_the_token_for_what_follows() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let token = make_token(&options, "--role admin");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("sendstores/config.json");
    let url = server.url();

    let wrong = run_in(&config, &format!("login --server {url}"), "sst_wrong\n").await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stderr.contains("TOKEN_INVALID") && !config.exists(),
        "nothing is kept that does not work: {wrong:?}"
    );
    let nothing = run_in(&config, &format!("login --server {url}"), "").await;
    assert!(nothing.code == 1 && nothing.stderr.contains("no token on the standard input"), "{nothing:?}");

    let login = run_in(&config, &format!("login --server {url}"), &format!("{token}\n")).await;
    assert_eq!((login.code, login.stderr.as_str()), (0, ""), "{login:?}");
    assert!(login.stdout.contains(&format!("logged in to {url} as test (admin)")), "{login:?}");
    assert_eq!(std::fs::metadata(&config).expect("the file").permissions().mode() & 0o777, 0o600);
    let whoami = run_in(&config, "whoami", "").await;
    assert!(whoami.code == 0 && whoami.stdout.contains("admin"), "{whoami:?}");
    assert_eq!(run_in(&config, "create store-a", "").await.code, 0);

    let listed = run_in(&config, "context list", "").await;
    assert!(listed.stdout.starts_with(&format!("* default          {url}")), "{listed:?}");
    let json = run_in(&config, "context list --json", "").await;
    assert_eq!(json.json()[0]["current"], true);
    for shown in [&login, &whoami, &listed, &json] {
        assert!(!format!("{shown:?}").contains(&token[15..]), "{shown:?}");
    }

    // A server that the environment names gets no token of the context.
    let elsewhere = options.start_ready().await;
    let mut other = cli_rig::command(&elsewhere.url(), "whoami");
    let other = other.env("SENDSTORES_CONFIG", &config).output().await.expect("run");
    assert!(String::from_utf8_lossy(&other.stderr).contains("TOKEN_MISSING"), "{other:?}");
}

#[tokio::test]
async fn contexts_are_chosen_and_removed() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.json");
    let file = folder.path().join("token");
    for (name, role) in [("all", "admin"), ("look", "reader")] {
        std::fs::write(&file, make_token(&options, &format!("--role {role}"))).expect("write");
        let token = std::fs::read_to_string(&file).expect("read");
        let login = run_in(&config, &format!("login {name} --server {}", server.url()), &token).await;
        assert_eq!(login.code, 0, "{login:?}");
    }
    let role = async |flags: &str| {
        let whoami = run_in(&config, &format!("whoami --json {flags}"), "").await;
        whoami.json()["role"].as_str().map(str::to_owned)
    };
    assert_eq!(role("").await.as_deref(), Some("reader"), "the last login counts");
    assert_eq!(role("--context all").await.as_deref(), Some("admin"));
    assert_eq!(run_in(&config, "context use all --json", "").await.json()["current"], "all");
    assert_eq!(role("").await.as_deref(), Some("admin"));
    let refused = run_in(&config, "create --context look", "").await;
    assert!(refused.stderr.contains("PERMISSION_DENIED"), "{refused:?}");

    // The path of a token is kept, and the file read each time.
    std::fs::write(&file, make_token(&options, "--role operator")).expect("write");
    let login = run_in(&config, &format!("login all --token-file {}", file.display()), "").await;
    assert_eq!(login.code, 0, "the context has the server: {login:?}");
    let again = run_in(&config, &format!("login all --json --token-file {}", file.display()), "").await.json();
    assert_eq!((&again["context"], &again["principal"]["role"]), (&"all".into(), &"operator".into()), "{again}");
    assert_eq!(role("").await.as_deref(), Some("operator"));
    std::fs::write(&file, make_token(&options, "--role reader")).expect("write");
    assert_eq!(role("").await.as_deref(), Some("reader"));

    assert_eq!(run_in(&config, "context delete all", "").await.code, 0);
    let gone = run_in(&config, "whoami --context all", "").await;
    assert!(gone.code == 1 && gone.stderr.contains("there is no context all"), "{gone:?}");
    let empty = folder.path().join("empty/config.json");
    let none = run_in(&empty, "context use all", "").await;
    assert!(none.code == 1 && none.stderr.contains("there is no context all"), "{none:?}");
    assert!(!empty.parent().is_some_and(std::path::Path::exists), "nothing is made for nothing");
}

#[tokio::test]
async fn a_doctor_names_the_first_thing_that_is_wrong_and_its_fix() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.json");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let file = folder.path().join("token");
    std::fs::write(&file, make_token(&options, "--role admin")).expect("write");
    let with_token = format!("--token-file {}", file.display());
    let url = server.url();
    let plain = url.replace("http:", "https:");
    for (flags, check, detail, fix) in [
        (format!("--server http://{closed}"), "port", "refused", "does the server run"),
        (format!("--server {plain}"), "connection", "cannot connect", ""),
        (format!("--server {url}"), "token", "TOKEN_MISSING", "sendstores login"),
        (format!("--server {url} --token-file /nonexistent"), "token", "No such file", "--token-file"),
        (format!("--server {url} --ca /nonexistent"), "certificates", "cannot read /nonexistent", ""),
        ("--context none".to_owned(), "contexts", "there is no context none", "context list"),
    ] {
        let ended = run_in(&config, &format!("doctor --json {flags}"), "").await;
        assert_eq!(ended.code, 1, "{ended:?}");
        let findings: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let last = findings.as_array().and_then(|all| all.last()).expect("a finding");
        assert_eq!((last["check"].as_str(), last["passed"].as_bool()), (Some(check), Some(false)), "{findings:#}");
        assert!(last["detail"].as_str().is_some_and(|text| text.contains(detail)), "{findings:#}");
        assert!(last["fix"].as_str().is_some_and(|text| text.contains(fix)), "{findings:#}");
    }
    let well = run_in(&config, &format!("doctor --server {url} {with_token}"), "").await;
    assert_eq!((well.code, well.stderr.as_str()), (0, ""), "{well:?}");
    let checks: Vec<_> = well.stdout.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let all = "version contexts server name port connection token permission versions stores clock";
    assert_eq!(checks.join(" "), all, "{}", well.stdout);
    assert!(well.stdout.contains(concat!("the server is ", env!("CARGO_PKG_VERSION"))), "{}", well.stdout);

    std::fs::write(&config, "{}").expect("write");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let open = run_in(&config, &format!("doctor --server {url} {with_token}"), "").await;
    assert!(open.code == 1 && open.stdout.contains("chmod 600"), "{open:?}");
}
