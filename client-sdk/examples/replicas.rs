//! Spreads calls over the replicas of a control plane, with the balancer of tower that is in tonic's channel. A replica that
//! is away gets no calls until it is back. (Behind one address of a load balancer, a plain `Client::connect` does.)
//!
//! The token is in the environment: `source .dev/env` sets the one of `make up`.
//!
//! `cargo run -p sendstores-client --example replicas -- http://127.0.0.1:7443 http://127.0.0.1:7445`

use futures::future::join_all;
use sendstores_client::{Client, Error, StoreFilter};
use tonic::transport::{Channel, Endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let mut builder = Client::builder();
    if let Ok(token) = std::env::var("SENDSTORES_TOKEN") {
        builder = builder.token(token);
    }
    let client = builder.channel(balanced(&urls)?);

    let answers = join_all((0..20).map(|_| client.list(StoreFilter::default()))).await;
    let answered = answers.into_iter().filter(Result::is_ok).count();
    println!("{answered} of 20 calls were answered by {} replicas", urls.len());
    // What a replica acknowledged is in the answers of every other one.
    let store = client.create(sendstores_client::CreateStore::new()).await?;
    println!("{} is {:?} on all", client.get(&store.id).await?.id, store.state());
    Ok(())
}

/// One channel for all of them; each call goes to the one of two that has fewer under way.
fn balanced(urls: &[String]) -> Result<Channel, Error> {
    let endpoint = |url: &String| {
        let refused = |_| Error::InvalidServer { url: url.clone(), why: "it is not an address".to_owned() };
        Endpoint::from_shared(url.clone()).map_err(refused)
    };
    Ok(Channel::balance_list(urls.iter().map(endpoint).collect::<Result<Vec<_>, _>>()?.into_iter()))
}
