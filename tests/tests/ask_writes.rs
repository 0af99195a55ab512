//! `sendstores ask` on a terminal: what a model wants to change happens only if its human and the server agree.

mod ask_rig;
mod cli_rig;
mod sdk_rig;

use ask_rig::{Ask, CANARY, etag, fine};
use futures::TryStreamExt;
use sdk_rig::Rig;
use sendstores_client::{Client, CreateStore, State, v1::AuditFilter};
use sendstores_tests::{
    model_endpoint::{Format, ModelEndpoint, Received, Turn},
    redis::RedisServer,
    server::ServerOptions,
    tokens::make_token,
    wait::until,
};
use serde_json::json;

/// What a human is asked before a deletion.
const TYPE_ID: &str = "Type the id of the store";

/// A model that creates store-new, and then says what became of it.
fn creates(request: &Received) -> Turn {
    match &request.results[..] {
        [] => {
            Turn::call("create_store", json!({"request_id": "r1", "store_id": "store-new", "shop": {"title": "Tea"}}))
        }
        results => Turn::Say(results.join("\n")),
    }
}

/// A model that reads store-a and deletes it, whatever tells it to.
fn deletes(request: &Received) -> Turn {
    match &request.results[..] {
        [] => Turn::call("get_store", json!({"id": "store-a"})),
        [result]
            if result.starts_with("store-a is ") && result.contains("\"etag\"") && !result.contains("DELETING") =>
        {
            Turn::call("delete_store", json!({"id": "store-a", "etag": etag(result)}))
        }
        results => Turn::Say(results.join("\n")),
    }
}

async fn endpoint(model: fn(&Received) -> Turn) -> ModelEndpoint {
    ModelEndpoint::start(Format::Anthropic, None, model).await
}

#[tokio::test]
async fn a_creation_is_shown_and_done_only_after_a_yes() {
    let rig = Rig::start().await;
    let endpoint = endpoint(creates).await;
    let ask = Ask::new(&rig.url, &endpoint, Format::Anthropic);
    for typed in ["n\n", "\n", "store-new\n", ""] {
        let ended = ask.on_terminal(&["ask", "make a tea shop"], &[("[y/N]", typed)]).await;
        fine(&ended);
        let call = "create_store {\"request_id\":\"r1\",\"shop\":{\"title\":\"Tea\"},\"store_id\":\"store-new\"}";
        assert!(ended.stdout.contains(call) && ended.stdout.contains("Do it? [y/N]"), "{}", ended.stdout);
        assert!(ended.stdout.contains("declined") && ended.stdout.contains("changed: nothing"), "{}", ended.stdout);
        rig.client.get("store-new").await.expect_err("it was not made");
    }
    let dry = ask.clone().flags("--dry-run").on_terminal(&["ask", "make a tea shop"], &[]).await;
    fine(&dry);
    assert!(dry.stdout.contains("dry run") && !dry.stdout.contains("[y/N]"), "{}", dry.stdout);
    // The same is so without a terminal.
    let dry = ask.clone().flags("--dry-run").run("make a tea shop").await;
    assert!(dry.code == 0 && dry.stdout.contains("dry run"), "{dry:?}");
    rig.client.get("store-new").await.expect_err("it was not made");

    let ended = ask.on_terminal(&["ask", "make a tea shop"], &[("[y/N]", "y\n")]).await;
    fine(&ended);
    assert!(ended.stdout.contains("changed: create_store store-new"), "{}", ended.stdout);
    assert_eq!(rig.client.get("store-new").await.expect("it was made").state(), State::Provisioning);
    let tools = &endpoint.received()[0].tools;
    assert!(tools.contains(&"create_store".to_owned()) && tools.contains(&"delete_store".to_owned()), "{tools:?}");
}

#[tokio::test]
async fn a_deletion_needs_the_id_typed_back_and_a_chat_goes_on_after_it() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let endpoint = endpoint(deletes).await;
    let ask = Ask::new(&rig.url, &endpoint, Format::Anthropic);
    for typed in ["y\n", "yes\n", "store-b\n", "\n"] {
        let ended = ask.on_terminal(&["ask", "delete store-a"], &[(TYPE_ID, typed)]).await;
        fine(&ended);
        assert!(ended.stdout.contains("declined this call: nothing is changed"), "{}", ended.stdout);
        assert_ne!(rig.client.get("store-a").await.expect("it is there").state(), State::Deleting);
    }
    let declined = until("what was declined in the audit", async || {
        let entries: Vec<_> = rig.client.list_audit(AuditFilter::default()).try_collect().await.ok()?;
        entries.into_iter().find(|entry| entry.reason == "CALL_READ_ONLY")
    })
    .await;
    assert!(declined.method.ends_with("StoreService/Delete"), "{declined:?}");
    // What was typed or pasted before the question is no answer to it.
    let ended =
        ask.on_terminal(&["chat"], &[("> ", "delete store-a\nstore-a\n"), (TYPE_ID, "\n"), ("> ", "exit\n")]).await;
    fine(&ended);
    assert!(ended.stdout.contains("changed: nothing"), "{}", ended.stdout);
    assert_ne!(rig.client.get("store-a").await.expect("it is there").state(), State::Deleting);

    let typed = [("> ", "delete store-a\n"), (TYPE_ID, "store-a\n"), ("> ", "and now?\n"), ("> ", "exit\n")];
    let ended = ask.on_terminal(&["chat"], &typed).await;
    fine(&ended);
    assert!(ended.stdout.contains("changed: delete_store store-a"), "{}", ended.stdout);
    assert!(ended.stdout.contains("store-a is DELETING"), "{}", ended.stdout);
    assert_eq!(rig.client.get("store-a").await.expect("it is there").state(), State::Deleting);
}

#[tokio::test]
async fn a_wrong_call_never_reaches_the_human() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let wrong = |request: &Received| match &request.results[..] {
        [] => Turn::Call(vec![
            ("delete_store".to_owned(), json!({"id": "store-a", "etag": "old"})),
            ("delete_store".to_owned(), json!({"id": "store-none", "etag": "e"})),
            ("create_store".to_owned(), json!({"store_id": "store-b"})),
            ("create_store".to_owned(), json!({"request_id": "r1", "shop": {"currency": "euro"}})),
        ]),
        results => Turn::Say(results.join("\n")),
    };
    let endpoint = endpoint(wrong).await;
    let ended = Ask::new(&rig.url, &endpoint, Format::Anthropic).on_terminal(&["ask", "clean up"], &[]).await;
    fine(&ended);
    for said in ["ETAG_MISMATCH: ", "STORE_NOT_FOUND: ", "missing field `request_id`", "INVALID_FIELD: "] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("[y/N]") && !ended.stdout.contains(TYPE_ID), "{}", ended.stdout);
}

#[tokio::test]
async fn a_model_that_obeys_a_title_is_refused_by_the_server_and_the_audit_has_it() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin =
        Client::builder().token(make_token(&options, "--role admin")).connect(&server.url()).await.expect("connect");
    admin.create(CreateStore::new().id("store-a").tenant("acme").title(CANARY)).await.expect("created");
    let obeys = |request: &Received| match &request.results[..] {
        [] => Turn::call("get_store", json!({"id": "store-a"})),
        [result] if result.contains(CANARY) => {
            Turn::call("delete_store", json!({"id": "store-a", "etag": etag(result)}))
        }
        results => Turn::Say(results.join("\n")),
    };
    let endpoint = endpoint(obeys).await;
    let token = make_token(&options, "--role agent --tenant acme");
    let ask = Ask::new(&server.url(), &endpoint, Format::Anthropic).token(&token);
    let ended = ask.on_terminal(&["ask", "how is store-a?"], &[]).await;
    fine(&ended);
    assert!(
        ended.stdout.contains("PERMISSION_DENIED") && ended.stdout.contains("changed: nothing"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains(TYPE_ID), "{}", ended.stdout);
    assert_ne!(admin.get("store-a").await.expect("it is there").state(), State::Deleting);
    let denied = until("the refusal in the audit", async || {
        let entries: Vec<_> = admin.list_audit(AuditFilter::default()).try_collect().await.ok()?;
        entries.into_iter().find(|entry| entry.method.ends_with("StoreService/Delete"))
    })
    .await;
    assert!(denied.user_agent.starts_with("sendstores-ask/"), "{denied:?}");
    assert!(denied.reason == "PERMISSION_DENIED" && denied.principal.starts_with("token:"), "{denied:?}");
    assert!(endpoint.received()[0].tools.iter().all(|tool| tool != "delete_store"));
}
