//! What callers may do with a client and its calls.

use sendstores_client::{Client, CreateStore, Error, StoreFilter};

#[test]
fn clients_and_their_calls_move_between_threads() {
    fn movable<T: Send + Sync>() {}
    fn sendable<T: Send>(_: T) {}
    movable::<Client>();
    movable::<Error>();
    fn calls(client: &Client) {
        sendable(client.get("store-a"));
        sendable(client.create(CreateStore::new()));
        sendable(client.wait_until_ready("store-a", |_| {}));
        sendable(client.list_all(StoreFilter::default()));
    }
    let _: fn(&Client) = calls;
}

#[tokio::test]
async fn futures_of_calls_are_small_enough_to_be_held_by_the_thousand() {
    let client = Client::builder().connect_lazy("http://127.0.0.1:1").expect("a good address");
    for size in [
        size_of_val(&client.get("store-a")),
        size_of_val(&client.create(CreateStore::new())),
        size_of_val(&client.delete("store-a")),
        size_of_val(&client.list(StoreFilter::default())),
        size_of_val(&client.watch(StoreFilter::default())),
        size_of_val(&client.wait_until_ready("store-a", |_| {})),
        size_of_val(&client.wait_until_deleted("store-a", |_| {})),
    ] {
        assert!(size <= 4 * 1024, "{size} bytes");
    }
}
