//! What a person does in a storefront.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use rand::{RngExt, rngs::StdRng};
use regex::Regex;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    browser::{Ask, Browser},
    tally::Tally,
};

const STORE_API: &str = "/wp-json/wc/store/v1";

/// Links to products, in a page.
static PRODUCT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"href=["'][^"'?#]*?(/product/[^"'/?#]+/)["'?#]"#).expect("a pattern"));

/// A person's choices.
struct Mind {
    random: StdRng,
    pause: Duration,
}

/// Shoppers one after the other: each one has no cookie of the one before.
pub(super) async fn shop(tally: &Tally, enter: impl Fn() -> Browser, random: StdRng, pause: Duration) {
    let mut mind = Mind { random, pause };
    while tally.is_open() {
        let _ = visit(&mut enter(), &mut mind).await;
        mind.think().await;
    }
}

/// Buyers one after the other.
pub(super) async fn buy(tally: &Tally, enter: impl Fn() -> Browser, random: StdRng, pause: Duration) {
    let mut mind = Mind { random, pause };
    while tally.is_open() {
        if let Some(order) = order(&mut enter(), &mut mind).await {
            tally.ordered(order);
        }
        mind.think().await;
    }
}

async fn visit(browser: &mut Browser, mind: &mut Mind) -> Option<()> {
    let products = browser.ask(Ask::get("/shop/"), products).await?;
    let product = mind.one_of(&products)?.clone();
    mind.think().await;
    browser.ask(Ask::get(&product), |page| page.contains("</html>").then_some(())).await?;
    mind.think().await;
    browser.ask(Ask::get("/cart/"), |page| page.contains("</html>").then_some(())).await
}

/// The paths of the products that the page of a shop links to. `None`: there is none.
fn products(page: &str) -> Option<Vec<String>> {
    let paths: BTreeSet<_> = PRODUCT.captures_iter(page).map(|link| link[1].to_owned()).collect();
    (!paths.is_empty()).then(|| paths.into_iter().collect())
}

/// Buys one product; the number of the order that the storefront has acknowledged.
async fn order(browser: &mut Browser, mind: &mut Mind) -> Option<u64> {
    let path = format!("{STORE_API}/products?per_page=20");
    let products = browser.ask(Ask::get(&path), for_sale).await?;
    let product = *mind.one_of(&products)?;
    mind.think().await;
    browser.ask(Ask::get(&format!("{STORE_API}/cart")), parsed).await?;
    let item = json!({"id": product, "quantity": 1});
    let method = browser.ask(Ask::post(&format!("{STORE_API}/cart/add-item"), item, 201), first_method).await?;
    mind.think().await;
    browser.ask(Ask::post(&format!("{STORE_API}/checkout"), checkout(&method), 200), acknowledged).await
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The products that can be bought as they are. `None`: there is none.
fn for_sale(text: &str) -> Option<Vec<u64>> {
    let list = parsed(text)?;
    let is = |product: &Value, name: &str| product[name] == true;
    let ready =
        |product: &&Value| is(product, "is_purchasable") && is(product, "is_in_stock") && product["type"] == "simple";
    let ids: Vec<_> = list.as_array()?.iter().filter(ready).filter_map(|product| product["id"].as_u64()).collect();
    (!ids.is_empty()).then_some(ids)
}

fn first_method(text: &str) -> Option<String> {
    Some(parsed(text)?["payment_methods"][0].as_str()?.to_owned())
}

fn checkout(method: &str) -> Value {
    let address = json!({
        "first_name": "Paula", "last_name": "Customer", "address_1": "1 Main St", "city": "Berlin", "postcode": "10115",
        "country": "DE", "state": "DE-BE", "phone": "030123",
    });
    let mut billing = address.clone();
    billing["email"] = json!("paula@shop.example");
    json!({"billing_address": billing, "shipping_address": address, "payment_method": method})
}

fn acknowledged(text: &str) -> Option<u64> {
    let answer = parsed(text)?;
    let paid = answer["payment_result"]["payment_status"] == "success";
    answer["order_id"].as_u64().filter(|_| paid)
}

// === impl Mind ===

impl Mind {
    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        (!choices.is_empty()).then(|| &choices[self.random.random_range(0..choices.len())])
    }

    /// What a person does between two pages, so that the load is one of people, whatever the machine can do.
    async fn think(&mut self) {
        sleep(self.pause.mul_f64(self.random.random_range(0.0..2.0))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_of_a_page_are_those_that_it_links_to_each_once() {
        let page = r#"<a href="http://shop.localhost:8080/product/b-1/">B</a> <a href='/product/a/?x=1'>A</a>
            <a href="/product/a/#reviews">A again</a> <a href="/product-category/all/">all</a> text /product/no/ "#;
        assert_eq!(products(page), Some(vec!["/product/a/".to_owned(), "/product/b-1/".to_owned()]));
        assert_eq!(products("<a href='/shop/'>nothing</a>"), None);
    }

    #[test]
    fn an_order_counts_when_its_payment_succeeded() {
        let answer = |status: &str| json!({"order_id": 17, "payment_result": {"payment_status": status}}).to_string();
        assert_eq!(acknowledged(&answer("success")), Some(17));
        assert_eq!(acknowledged(&answer("failure")), None);
        assert_eq!(acknowledged("<html>"), None);
        let product =
            |id: u64, stock: bool| json!({"id": id, "is_purchasable": true, "is_in_stock": stock, "type": "simple"});
        assert_eq!(for_sale(&json!([product(1, false), product(2, true)]).to_string()), Some(vec![2]));
        assert_eq!(for_sale("[]"), None);
    }
}
