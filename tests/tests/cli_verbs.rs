//! The real program against a real server: every verb, for people and for scripts.

mod cli_rig;
mod sdk_rig;

use cli_rig::{run, start};
use sdk_rig::Rig;
use sendstores_core::{Event, ledger::LedgerError};
use sendstores_tests::scripted::ScriptedProvisioner;
use sendstores_tests::steps;

#[tokio::test]
async fn a_store_is_created_shown_listed_and_deleted() {
    let rig = Rig::start().await;
    let created =
        run(&rig.url, "create store-a --title Tea --country DE --currency EUR --label team=a --tenant acme").await;
    assert_eq!(created.code, 0, "{created:?}");
    assert!(
        created.stdout.starts_with("store-a is accepted and PROVISIONING\nNext:\n  sendstores get store-a --wait\n"),
        "{created:?}"
    );

    rig.at_step("store-a", steps::DATABASE, "waits for mysql-0").await;
    let shown = run(&rig.url, "get store-a").await;
    for part in
        ["store-a  PROVISIONING", "title      Tea", "labels     team=a", "✓ release", "→ database", "waits for mysql-0"]
    {
        assert!(shown.stdout.contains(part), "no {part:?} in:\n{}", shown.stdout);
    }
    let stale = run(&rig.url, "get store-a --stale").await;
    assert_eq!((stale.code, stale.stdout.lines().next()), (0, shown.stdout.lines().next()), "{stale:?}");
    assert!(stale.stderr.starts_with("as of ") && stale.stderr.contains(" ago"), "{stale:?}");
    let stale = run(&rig.url, "list --stale").await;
    assert!(stale.stdout.contains("store-a") && stale.stderr.starts_with("as of "), "{stale:?}");
    let listed = run(&rig.url, "list --state provisioning --label team=a --tenant acme").await;
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    assert!(listed.stdout.starts_with("ID       STATE         PROGRESS"), "{}", listed.stdout);
    assert!(listed.stdout.contains("database: waits for mysql-0"), "{}", listed.stdout);

    let deleted = run(&rig.url, "delete store-a").await;
    assert_eq!((deleted.code, deleted.stdout.lines().next()), (0, Some("store-a is being deleted")), "{deleted:?}");
    rig.event("store-a", Event::Removed).await;
    let listed = run(&rig.url, "list").await;
    assert_eq!((listed.code, listed.stdout.as_str()), (0, ""));
    assert!(listed.stderr.contains("no stores"), "{}", listed.stderr);
}

#[tokio::test]
async fn credentials_are_shown_by_their_verb_alone_and_leave_a_trace() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let early = run(&rig.url, "credentials store-a").await;
    assert_eq!((early.code, early.stdout.as_str()), (1, ""), "{early:?}");
    assert!(early.stderr.contains("CREDENTIALS_NOT_READY") && early.stderr.contains("get store-a --wait"), "{early:?}");

    let store = rig.make_credentials("store-a").await;
    let password = ScriptedProvisioner::password(&store);
    let shown = run(&rig.url, "credentials store-a").await;
    let lines = format!("admin     {}/wp-admin/\nuser      merchant\npassword  {password}\n", store.url);
    assert_eq!((shown.code, shown.stdout.as_str(), shown.stderr.as_str()), (0, lines.as_str(), ""));
    let json = run(&rig.url, "credentials store-a --json").await.json();
    let wanted = serde_json::json!({
        "adminUrl": format!("{}/wp-admin/", store.url), "user": "merchant", "password": password,
    });
    assert_eq!(json, wanted);

    let seen = run(&rig.url, "get store-a").await;
    assert_eq!(seen.stdout.matches("credentials read").count(), 2, "{}", seen.stdout);
    for other in ["get store-a --json", "list", "list --json"] {
        assert!(!run(&rig.url, other).await.stdout.contains(&password), "{other}");
    }
    assert_eq!(run(&rig.url, "credentials store-b").await.code, 3);
    let mut watch = start(&rig.url, "watch store-a");
    assert!(watch.line().await.ends_with("credentials read"), "the last change is told");
}

#[tokio::test]
async fn json_is_what_the_contract_says() {
    let rig = Rig::start().await;
    let created = run(&rig.url, "create store-a --payment cod --taxes --tax-rate 19 --json").await.json();
    assert_eq!((&created["id"], &created["state"]), (&"store-a".into(), &"STATE_PROVISIONING".into()));
    assert_eq!(created["spec"]["shop"]["paymentMethods"], serde_json::json!(["PAYMENT_METHOD_CASH_ON_DELIVERY"]));
    assert_eq!((&created["generation"], &created["labels"]), (&"1".into(), &serde_json::json!({})));
    let time = created["createTime"].as_str().expect("a time");
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");

    assert_eq!(run(&rig.url, "--json get store-a").await.json(), created);
    let list = run(&rig.url, "list --json").await.json();
    assert_eq!(list["stores"], serde_json::json!([created]));
    assert!(!list["resumeToken"].as_str().expect("a token").is_empty());
    let deleted = run(&rig.url, "delete store-a --json").await.json();
    assert_eq!(deleted["store"]["state"], "STATE_DELETING");
    let missing = run(&rig.url, "delete store-b --allow-missing --json").await.json();
    assert_eq!(missing, serde_json::json!({}));
}

#[tokio::test]
async fn lists_are_cut_where_asked_and_say_so() {
    let rig = Rig::start().await;
    for i in 0..60 {
        rig.create(&format!("store-{i:02}")).await;
    }
    let cut = run(&rig.url, "list --limit 55").await;
    assert_eq!(cut.stdout.lines().count(), 56);
    assert!(cut.stderr.contains("and more"), "{cut:?}");
    let all = run(&rig.url, "list").await;
    assert_eq!((all.stdout.lines().count(), all.stderr.as_str()), (61, ""));
    let cut = run(&rig.url, "list --limit 55 --json").await.json();
    assert_eq!(cut["stores"].as_array().map(Vec::len), Some(55));
    assert_ne!(cut["nextPageToken"], "");
}

#[tokio::test]
async fn a_request_id_and_a_check_make_no_second_store() {
    let rig = Rig::start().await;
    let first = run(&rig.url, "create --request-id r --json").await.json();
    assert_eq!(run(&rig.url, "create --request-id r --json").await.json()["id"], first["id"]);
    let checked = run(&rig.url, "create store-b --validate-only").await;
    assert_eq!((checked.code, checked.stdout.as_str()), (0, "nothing is wrong with it; it would be PROVISIONING\n"));
    assert_eq!(run(&rig.url, "list --json").await.json()["stores"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn each_way_to_fail_has_its_exit_code_and_says_what_to_do() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    for (arguments, code, parts) in [
        ("get store-b", 3, ["error: there is no store store-b", "sendstores list"]),
        ("delete store-b", 3, ["error: there is no store store-b", "sendstores list"]),
        ("create store-a", 1, ["STORE_EXISTS", "choose another id"]),
        ("get kube-system", 1, ["error: the id must be \"store-\"", "such as"]),
        ("create --currency XYZ1", 1, ["error: --currency ", "ISO 4217"]),
        ("create Shop --currency XYZ1 --label _=b", 1, ["error: 3 things are wrong", "\n  --currency "]),
        ("delete store-a --etag old", 1, ["ETAG_MISMATCH", "sendstores get"]),
        ("watch --from nonsense", 1, ["RESUME_TOKEN_INVALID", "resume_token"]),
        ("list --state open", 2, ["invalid value 'open'", "provisioning, ready"]),
        ("create --wait-timeout 1s", 2, ["--wait", "Usage"]),
        ("frobnicate", 2, ["unrecognized subcommand", "Usage"]),
        ("--server localhost:1 list", 1, ["no scheme", "http://localhost:1"]),
        ("--server http://127.0.0.1:1 list", 1, ["cannot connect to http://127.0.0.1:1", "Connection refused"]),
    ] {
        let ended = run(&rig.url, arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{arguments}: {ended:?}");
        for part in parts {
            assert!(ended.stderr.contains(part), "{arguments}: no {part:?} in:\n{}", ended.stderr);
        }
    }
    rig.ledger.fail_with(Some(LedgerError::Unavailable("gone".to_owned())));
    let ended = run(&rig.url, "create --timeout 1s").await;
    assert!(ended.code == 1 && ended.stderr.contains("repeat it with --request-id "), "{ended:?}");
    // The server asks for a second, and no try begins after the time of a call: there is no line but the error.
    let ended = run(&rig.url, "get store-a --json --timeout 1s").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!((&error["error"]["reason"], &error["error"]["retryable"]), (&"LEDGER_UNAVAILABLE".into(), &true.into()));
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked() {
    let rig = Rig::start().await;
    let made = run(&rig.url, "token create --name ci --role tenant --tenant acme --expires 8h --request-id r").await;
    let text = made.stdout.trim();
    assert!(made.code == 0 && text.starts_with("sst_") && text.len() == 53, "{made:?}");
    let id = &text[4..14];
    let told = format!("token {id} (ci, role tenant): keep it, it is not shown again\n");
    assert_eq!(made.stderr, told);
    let again = run(&rig.url, "token create --name ci --role tenant --tenant acme --expires 8h --request-id r").await;
    assert!(again.code == 1 && again.stdout.is_empty(), "{again:?}");
    assert!(again.stderr.contains(&format!("sendstores token revoke {id}")), "{again:?}");
    let listed = run(&rig.url, "token list").await.stdout;
    assert!(listed.lines().nth(1).is_some_and(|row| row.starts_with(id) && row.ends_with("valid")), "{listed}");
    assert!(!listed.contains(text));
    let json = run(&rig.url, "token list --json").await.json();
    assert_eq!((&json["tokens"][0]["id"], &json["tokens"][0]["tenants"][0]), (&id.into(), &"acme".into()));
    let revoked = run(&rig.url, &format!("token revoke {id}")).await;
    assert_eq!((revoked.code, revoked.stdout), (0, format!("token {id} (ci) is revoked\n")));
    assert!(run(&rig.url, "token list").await.stdout.contains("revoked"));
    let missing = run(&rig.url, "token revoke nonenone00").await;
    assert!(missing.code == 3 && missing.stderr.contains("sendstores token list"), "{missing:?}");
}

#[tokio::test]
async fn a_tenant_is_declared_limited_and_removed() {
    let rig = Rig::start().await;
    let made = run(&rig.url, "tenant create acme --name Acme --max-stores 1").await;
    assert!(made.code == 0 && made.stdout.starts_with("ID    NAME  STORES  MOST STORES"), "{made:?}");
    assert_eq!(run(&rig.url, "create store-a --tenant acme").await.code, 0);
    let refused = run(&rig.url, "create store-b --tenant acme").await;
    assert!(refused.code == 1 && refused.stderr.contains("a higher limit"), "{refused:?}");
    let json = run(&rig.url, "tenant get acme --json").await.json();
    assert_eq!((&json["limits"]["stores"], &json["used"]["stores"]), (&1.into(), &"1".into()));
    let updated = run(&rig.url, "tenant update acme --no-limits --json").await.json();
    assert_eq!(updated["limits"], serde_json::json!({}));
    assert_eq!(run(&rig.url, "create store-b --tenant acme").await.code, 0);
    assert_eq!(run(&rig.url, "tenant list").await.stdout.lines().count(), 2);
    let kept = run(&rig.url, "tenant delete acme").await;
    assert!(kept.code == 1 && kept.stderr.contains("sendstores list --tenant"), "{kept:?}");
    run(&rig.url, "tenant create bolt").await;
    assert_eq!(run(&rig.url, "tenant delete bolt").await.stdout, "tenant bolt is no longer declared\n");
    let missing = run(&rig.url, "tenant get bolt").await;
    assert!(missing.code == 3 && missing.stderr.contains("sendstores tenant list"), "{missing:?}");
}

#[tokio::test]
async fn the_audit_shows_what_was_done() {
    let rig = Rig::start().await;
    run(&rig.url, "create store-a --tenant acme").await;
    run(&rig.url, "delete store-a").await;
    let shown = run(&rig.url, "audit --tenant acme").await;
    let rows: Vec<_> = shown.stdout.lines().skip(1).collect();
    assert!(rows.len() == 2 && rows[0].contains("ALLOWED") && rows[0].contains("StoreService/Delete"), "{shown:?}");
    let json = run(&rig.url, "audit --method Create --since 1h --limit 1 --json").await.json();
    assert_eq!((&json["entries"][0]["resource"], &json["entries"][0]["count"]), (&"store-a".into(), &"1".into()));
    let none = run(&rig.url, "audit --decision limited").await;
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", "no entries\n"));
}

#[tokio::test]
async fn help_and_completions_need_no_server() {
    let nowhere = "http://127.0.0.1:1";
    let help = run(nowhere, "--help").await;
    assert!(help.code == 0 && help.stdout.contains("Exit codes:") && help.stdout.contains("130"), "{help:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(nowhere, &format!("completions {shell}")).await;
        assert!(script.code == 0 && script.stdout.contains("payment"), "{shell}");
    }
    let version = run(nowhere, "--version").await;
    assert_eq!(version.stdout, concat!("sendstores ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn lists_are_printed_in_the_form_and_order_that_is_asked_for() {
    let rig = Rig::start().await;
    for id in ["store-a", "store-b", "store-c"] {
        rig.create(id).await;
    }
    rig.event("store-b", Event::Converged).await;
    rig.give_up("store-a", "lost").await;
    let lines = async |flags: &str| {
        let ended = run(&rig.url, &format!("list {flags}")).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
        ended.stdout
    };
    assert_eq!(lines("-o name").await, "store-a\nstore-b\nstore-c\n");
    assert_eq!(lines("-o name --sort revision --reverse").await, "store-a\nstore-b\nstore-c\n");
    assert_eq!(lines("-o name --sort revision --limit 2").await, "store-c\nstore-b\n", "the first two of all");
    assert_eq!(
        lines("--columns id,reason,state --sort state").await,
        "ID       REASON          STATE\nstore-c                  PROVISIONING\nstore-b                  READY\n\
         store-a  VALUES_REFUSED  FAILED\n"
    );
    assert!(lines("-o wide").await.starts_with("ID       STATE         PROGRESS"));
    assert!(lines("-o wide").await.contains("My shop  woocommerce"));
    assert_eq!(lines("-o name --sort created --reverse").await, "store-c\nstore-b\nstore-a\n");
    assert_eq!(lines("-o name --sort updated").await, "store-c\nstore-b\nstore-a\n");
    assert_eq!(lines("-o name --query TORE-B").await, "store-b\n");
    let yaml = lines("-o yaml --state ready").await;
    assert!(yaml.contains("id: store-b") && yaml.contains("state: STATE_READY"), "{yaml}");
    let stores = async |flags: &str| run(&rig.url, &format!("list {flags}")).await.json()["stores"].clone();
    assert_eq!(stores("-o json").await, stores("--json").await);
    let cut = run(&rig.url, "list --sort age --limit 2").await;
    assert!(cut.stderr.contains("and more: these are the first 2 of 3"), "{cut:?}");
    for wrong in ["-o wide --json", "--columns id -o name", "--reverse", "--sort speed"] {
        assert_eq!(run(&rig.url, &format!("list {wrong}")).await.code, 2, "{wrong}");
    }
    assert_eq!(run(&rig.url, "list -o name --state deleting").await.stdout, "");
}

#[tokio::test]
async fn a_store_is_shown_again_after_each_change_until_it_is_gone() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let mut watch = start(&rig.url, "get store-a --watch --json");
    let state = async |watch: &mut cli_rig::Running| {
        let line: serde_json::Value = serde_json::from_str(&watch.line().await).expect("JSON");
        line["state"].as_str().map(str::to_owned)
    };
    assert_eq!(state(&mut watch).await.as_deref(), Some("STATE_PROVISIONING"));
    rig.event("store-a", Event::Converged).await;
    assert_eq!(state(&mut watch).await.as_deref(), Some("STATE_READY"));
    rig.client.delete("store-a").await.expect("accepted");
    rig.event("store-a", Event::Removed).await;
    let ended = watch.end().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(run(&rig.url, "get store-b --watch").await.code, 3);
}

#[tokio::test]
async fn releases_are_listed_and_a_new_store_names_one() {
    let rig = Rig::start().await;
    let listed = run(&rig.url, "releases").await;
    let rows: Vec<Vec<&str>> = listed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((listed.code, rows[0][0], &rows[1][..2]), (0, "NAME", &["default", "woocommerce"][..]), "{listed:?}");
    let json = run(&rig.url, "releases --json").await.json();
    assert_eq!(json["releases"][0]["name"], "default");
    assert_eq!(json["releases"][0]["engine"], "ENGINE_WOOCOMMERCE");
    let created = run(&rig.url, "create store-a --release default --json").await.json();
    assert_eq!(created["spec"]["release"], "default");
    let refused = run(&rig.url, "create store-b --release 2026-11").await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(
        refused.stderr.contains("RELEASE_UNKNOWN") && refused.stderr.contains("sendstores releases"),
        "{refused:?}"
    );
}
