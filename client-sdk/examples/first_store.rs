//! Creates a store, shows each step, prints its address, and removes it again.
//!
//! The token is in the environment: `source .dev/env` sets the one of `make up`.
//!
//! `cargo run -p sendstores-client --example first_store -- http://127.0.0.1:7443`

use sendstores_client::{Client, CreateStore, Error, Store};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7443".to_owned());
    let mut builder = Client::builder();
    if let Ok(token) = std::env::var("SENDSTORES_TOKEN") {
        builder = builder.token(token);
    }
    let client = builder.connect(&url).await?;

    let store = client.create(CreateStore::new().title("Tea & Cake")).await?;
    let store = client.wait_until_ready(&store.id, show).await?;
    println!("{} is open at {}", store.id, store.url);

    client.delete(&store.id).await?;
    client.wait_until_deleted(&store.id, show).await
}

fn show(store: &Store) {
    let running = store.steps.iter().find(|step| step.end_time.is_none());
    println!("{:?} {}", store.state(), running.map(|step| step.name.as_str()).unwrap_or_default());
}
