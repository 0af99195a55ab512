//! Keeps a map of all stores, as they are, for as long as it runs, and prints what changes.
//!
//! The token is in the environment: `source .dev/env` sets the one of `make up`.
//!
//! `cargo run -p sendstores-client --example mirror -- http://127.0.0.1:7443`

use std::collections::HashMap;

use futures::TryStreamExt;
use sendstores_client::{Client, Error, Event, Interruption, State, Store, StoreFilter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7443".to_owned());
    let mut builder = Client::builder();
    if let Ok(token) = std::env::var("SENDSTORES_TOKEN") {
        builder = builder.token(token);
    }
    let client = builder.connect(&url).await?.on_interruption(|interruption| match interruption {
        Interruption::Began { error } => eprintln!("interrupted: {error}"),
        _ => eprintln!("connected again"),
    });

    let mut stores = HashMap::new();
    let mut watch = client.watch(StoreFilter::default()).await?;
    // It ends for a reason that a human has to act on, such as a token that expired.
    while let Some(event) = watch.try_next().await? {
        apply(&mut stores, event.event);
    }
    Ok(())
}

/// All it takes: the watch repeats nothing and leaves nothing out, also after an interruption.
fn apply(stores: &mut HashMap<String, Store>, event: Event) {
    match event {
        Event::Snapshot(store) | Event::Changed(store) => {
            println!("{} {:?}", store.id, store.state());
            match store.state() {
                State::Deleted => stores.remove(&store.id),
                _ => stores.insert(store.id.clone(), *store),
            };
        }
        Event::Removed { id, .. } => {
            println!("{id} is gone");
            stores.remove(&id);
        }
        Event::Synced { .. } => println!("{} stores", stores.len()),
        _ => {}
    }
}
