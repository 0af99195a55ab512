//! The first visitor buys: `scripts/order`, which knows the shop's address and nothing else, in a shop made from `{}` and in one
//! with every setting changed. The shop's own database then has the order.

use std::process::Command;

use sendstores_client::{Catalogue, Client, CreateStore, PaymentMethod, State, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, reached, ready, served},
    server::workspace,
    shop::visit,
    wait::until,
};
use serde_json::Value;

fn everything_changed() -> CreateStore {
    CreateStore::new()
        .title("Räder & Söhne <\"Berlin\">")
        .admin_email("owner+shop@raeder.example")
        .admin_user("chief.owner")
        .country("DE:DE-BE")
        .currency("JPY")
        .locale("de_DE")
        .timezone("Asia/Tokyo")
        .taxes(true)
        .tax_rate("19")
        .weight_unit("oz")
        .dimension_unit("in")
        .payment_method(PaymentMethod::BankTransfer)
        .flat_rate("12.00")
        .catalogue(Catalogue::Sample)
}

async fn made(client: &Client, id: &str, store: CreateStore) -> wire::Store {
    client.create(store.id(id)).await.expect("create");
    let store = ready(client, id).await;
    // READY is not held back by an Ingress that is slow to take the shop up.
    until("the shop to be served", async || (visit(&store.url, "/shop/").await.0 == 200).then_some(())).await;
    store
}

/// What the script prints; it is told the address alone.
fn ordered(url: &str) -> Value {
    let output = Command::new(workspace().join("scripts/order")).args([url, "--json"]).output().expect("run it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Options of WordPress, in a store's own words.
fn options(cluster: &Cluster, id: &str, names: &[&str]) -> Vec<String> {
    let code = format!(
        "$_SERVER['HTTP_HOST']='x'; require '/srv/wordpress/wp-load.php'; \
         foreach (explode(' ', '{}') as $name) echo get_option($name), \"\\n\";",
        names.join(" ")
    );
    cluster.php(id, &code).lines().map(str::to_owned).collect()
}

/// The order's row: status, currency, total, method, mail.
fn row(cluster: &Cluster, id: &str, order: &Value) -> String {
    let code = format!(
        "$_SERVER['HTTP_HOST']='x'; require '/srv/wordpress/wp-load.php'; global $wpdb; \
         $row = $wpdb->get_row('SELECT status, currency, total_amount, payment_method, billing_email \
         FROM wp_wc_orders WHERE id = {order}', ARRAY_N); $row[2] = (float) $row[2]; echo join(' ', $row);"
    );
    cluster.php(id, &code)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_visitor_buys_whatever_the_settings() {
    let cluster = Cluster::full();
    let (_redis, _server, client) = served(&cluster).await;
    let (plain, changed) = tokio::join!(
        made(&client, "store-order-plain", CreateStore::new()),
        made(&client, "store-order-changed", everything_changed()),
    );

    let order = ordered(&plain.url);
    assert_eq!(order["currency"], "USD");
    // The method that comes first is for the shop to say.
    let told = row(&cluster, &plain.id, &order["order_id"]);
    let method = order["payment_method"].as_str().expect("a method");
    assert!(["cod", "bacs"].contains(&method), "{order}");
    let status = if method == "cod" { "wc-processing" } else { "wc-on-hold" };
    assert_eq!(told, format!("{status} USD 24.9 {method} first.visitor@example.com"), "{order}");

    let order = ordered(&changed.url);
    assert_eq!((&order["currency"], &order["payment_method"]), (&"JPY".into(), &"bacs".into()));
    let told = row(&cluster, &changed.id, &order["order_id"]);
    assert!(told.starts_with("wc-on-hold JPY 20") && told.ends_with(" bacs first.visitor@example.com"), "{told}");
    let names = [
        "blogname",
        "admin_email",
        "woocommerce_default_country",
        "timezone_string",
        "woocommerce_calc_taxes",
        "woocommerce_weight_unit",
        "woocommerce_dimension_unit",
        "woocommerce_currency",
        "WPLANG",
    ];
    let title = "R\u{e4}der &amp; S\u{f6}hne &lt;&quot;Berlin&quot;&gt;";
    let wanted = [title, "owner+shop@raeder.example", "DE:DE-BE", "Asia/Tokyo", "yes", "oz", "in", "JPY", "de_DE"];
    assert_eq!(options(&cluster, &changed.id, &names), wanted);
    assert_eq!(client.credentials(changed.id.as_str()).await.expect("credentials").user, "chief.owner");

    // The order and the login outlive a suspension, and the next visitor buys.
    let login = client.credentials(changed.id.as_str()).await.expect("credentials").password;
    client.suspend(changed.id.as_str()).await.expect("accepted");
    reached(&client, &changed.id, State::Suspended).await;
    until("the shop to be closed", async || (visit(&changed.url, "/shop/").await.0 != 200).then_some(())).await;
    client.resume(changed.id.as_str()).await.expect("accepted");
    ready(&client, &changed.id).await;
    until("the shop to be open", async || (visit(&changed.url, "/shop/").await.0 == 200).then_some(())).await;
    assert_eq!(row(&cluster, &changed.id, &order["order_id"]), told);
    assert_eq!(client.credentials(changed.id.as_str()).await.expect("credentials").password.expose(), login.expose());
    assert_eq!(ordered(&changed.url)["currency"], "JPY");
    for store in [plain, changed] {
        client.delete(store.id.as_str()).await.expect("delete");
        gone(&cluster, &client, &store.id).await;
    }
}
