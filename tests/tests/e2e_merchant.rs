//! A merchant's first minutes in a new shop, and the first guest's, in a real Chromium: `dashboard/tests/merchant/merchant.spec.ts`.
//! `MERCHANT_PICTURES=/path` keeps a picture of each page. With `WOOCOMMERCE_ZIP` it is WooCommerce itself, and the stand-in otherwise.

use std::process::Stdio;

use sendstores_client::CreateStore;
use sendstores_tests::{
    cluster::Cluster,
    life::{ready, served},
    server::workspace,
    shop::visit,
    wait::until,
};
use tokio::process::Command;

#[tokio::test]
async fn a_browser_finds_nothing_wrong_in_a_new_shop() {
    let cluster = Cluster::full();
    let (_redis, _server, client) = served(&cluster).await;
    let id = "store-merchant";
    client.create(CreateStore::new().id(id).title("Tea & Cake")).await.expect("create");
    let store = ready(&client, id).await;
    until("the shop to be served", async || (visit(&store.url, "/").await.0 == 200).then_some(())).await;
    let login = client.credentials(id).await.expect("the credentials");

    let mut command = Command::new(workspace().join("scripts/dashboard"));
    command.args(["merchant"]).stdin(Stdio::null()).kill_on_drop(true);
    command.env("MERCHANT_SHOP", &store.url).env("MERCHANT_USER", &login.user);
    command.env("MERCHANT_PASSWORD", login.password.expose());
    let zip = std::env::var_os("WOOCOMMERCE_ZIP").is_some_and(|zip| !zip.is_empty());
    command.env("MERCHANT_WOOCOMMERCE", if zip { "real" } else { "stand-in" });
    let status = command.status().await.expect("run scripts/dashboard");
    assert!(status.success(), "a page is wrong; which one is above");
    client.delete(id).await.expect("delete");
}
