//! The client crate at a real server that asks for tokens: they are replaced while calls and watches go on.

use futures::StreamExt;
use sendstores_client::{Client, Error, Event, StoreFilter, Watch};
use sendstores_tests::{
    redis::RedisServer,
    server::ServerOptions,
    tokens::{make_token, token_command, token_id},
    wait::within,
};

/// The id of the next store that is reported.
async fn next_store(watch: &mut Watch) -> String {
    let next = async {
        loop {
            match watch.next().await.expect("an event").expect("no error").event {
                Event::Snapshot(store) | Event::Changed(store) => return store.id,
                Event::Reset => unreachable!("the history is whole"),
                _ => {}
            }
        }
    };
    within("a store", next).await
}

#[tokio::test]
async fn a_token_is_replaced_in_its_file_under_an_open_watch() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let first = make_token(&options, "--role admin");
    std::fs::write(&file, &first).expect("write");
    let client = Client::builder().token_file(&file).connect(&server.url()).await.expect("connect");
    let mut watch = client.watch(StoreFilter::default()).await.expect("open");
    client.create(sendstores_client::CreateStore::new().id("store-a")).await.expect("created");
    assert_eq!(next_store(&mut watch).await, "store-a");

    std::fs::write(&file, make_token(&options, "--role admin")).expect("write");
    let revoked = token_command(&options, &["revoke", token_id(&first)]);
    assert!(revoked.status.success(), "{revoked:?}");
    client.create(sendstores_client::CreateStore::new().id("store-b")).await.expect("created");
    let seen = async { while next_store(&mut watch).await != "store-b" {} };
    within("the change after the revocation", seen).await;

    // Now there is no other: the caller has to act.
    let second = std::fs::read_to_string(&file).expect("read");
    token_command(&options, &["revoke", token_id(second.trim())]);
    let end = async {
        loop {
            if let Err(error) = watch.next().await.expect("an item") {
                return error;
            }
        }
    };
    let error = within("the end of the watch", end).await;
    assert!(matches!(error, Error::Unauthenticated(_)) && error.reason() == Some("TOKEN_REVOKED"), "{error:?}");
}
