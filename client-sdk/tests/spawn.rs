//! Every call can be made in a task of its own.

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, ResumeToken, StoreFilter};

fn spawnable<T: Send + 'static>(call: T) {
    drop(call);
}

#[tokio::test]
async fn calls_can_be_spawned() {
    let client = || Client::builder().connect_lazy("http://127.0.0.1:1").expect("an address");
    let it = client();
    spawnable(async move { it.create(CreateStore::new()).await });
    let it = client();
    spawnable(async move { it.get("store-a").await });
    let it = client();
    spawnable(async move { it.list_all(StoreFilter::default()).next().await });
    let it = client();
    spawnable(async move { it.delete("store-a").await });
    let it = client();
    spawnable(async move { it.watch(StoreFilter::default()).await?.next().await.transpose() });
    let it = client();
    spawnable(async move { it.watch_from(StoreFilter::default(), ResumeToken::from(String::new())).await });
    let it = client();
    spawnable(async move { it.wait_until_ready("store-a", |_| {}).await });
    let it = client();
    spawnable(async move { it.wait_until_deleted("store-a", |_| {}).await });
}
