use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::hostile;

fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    Reply::Shop(Answer { status, headers: HeaderMap::new(), body: body.into() })
}

fn json_reply(status: u16, body: &Value) -> Reply {
    reply(status, body.to_string())
}

fn product() -> Value {
    json!({"id": 11, "name": "Sample product", "sku": "SAMPLE-1", "type": "simple", "is_purchasable": true,
        "is_in_stock": true, "prices": {"price": "1990", "currency_code": "EUR", "currency_minor_unit": 2}})
}

const PAGE: &str = "<html><head><meta name=\"generator\" content=\"WooCommerce 11.0.1\" /></head><body>\
    <h2 class=\"woocommerce-loop-product__title\">Sample product</h2></body></html>";

#[test]
fn an_open_shop_page_passes_and_names_its_version() {
    let found = shop_page("/shop/", &reply(200, PAGE), Some("Sample product"));
    assert_eq!(found.unwrap(), "/shop/ shows \"Sample product\", WooCommerce 11.0.1");
    assert_eq!(shop_page("/", &reply(200, "<html></html>"), None).unwrap(), "/ answers");
}

#[test]
fn a_page_that_only_looks_well_fails() {
    for (status, body, why) in [
        (200, PAGE.replace("<body>", "<body class=\"woocommerce-coming-soon-entire-site\">"), "coming soon"),
        (200, "<html>No products were found</html>".to_owned(), "does not show"),
        (302, String::new(), "status 302"),
        (500, "Error establishing a database connection".to_owned(), "status 500: Error establishing"),
        (200, "<a href=\"/wp-admin/install.php\">".to_owned(), "not installed"),
    ] {
        let found = shop_page("/shop/", &reply(status, body), Some("Sample product")).unwrap_err();
        assert!(found.contains(why), "{found}");
    }
    let away = Reply::Unreachable("no endpoints".to_owned());
    assert_eq!(shop_page("/shop/", &away, None).unwrap_err(), "no endpoints");
}

/// As a drop-in of WordPress does that ends every request.
#[test]
fn the_own_words_of_a_page_that_is_in_the_way_are_shown() {
    let head =
        format!("<!DOCTYPE html><html><head><title>Halt</title><style>{}</style></head>", "a{color:red}".repeat(40));
    let page = format!("{head}<body><p>The object cache has no server</p></body></html>");
    for (status, text) in [(200, &page), (500, &page)] {
        let refused = catalogue(&reply(status, text.clone()), false).unwrap_err();
        assert!(refused.contains("Halt: The object cache has no server"), "{refused}");
    }
    let refused = shop_page("/shop/", &reply(200, page), Some("Sample product")).unwrap_err();
    assert!(refused.ends_with("but: Halt: The object cache has no server"), "{refused}");
}

#[test]
fn the_sample_must_be_for_sale_until_the_merchant_takes_over() {
    let good = catalogue(&json_reply(200, &json!([product()])), true).unwrap().unwrap();
    assert_eq!(good.describe(), "\"Sample product\" is for sale at 19.90 EUR");
    let empty = json_reply(200, &json!([]));
    assert!(catalogue(&empty, true).unwrap_err().contains("SAMPLE-1"));
    assert!(catalogue(&empty, false).unwrap().is_none());
    for (key, value) in [("is_purchasable", json!(false)), ("is_in_stock", json!(false)), ("type", json!("variable"))] {
        let mut bad = product();
        bad[key] = value;
        assert!(catalogue(&json_reply(200, &json!([bad])), true).is_err(), "{key}");
    }
    assert!(catalogue(&json_reply(200, &json!({"code": "rest_no_route"})), false).is_err());
}

#[test]
fn prices_are_written_with_their_minor_unit() {
    for (price, unit, wanted) in [("1990", 2, "19.90"), ("5", 2, "0.05"), ("500", 0, "500"), ("1234", 3, "1.234")] {
        let mut value = product();
        value["prices"]["price"] = json!(price);
        value["prices"]["currency_minor_unit"] = json!(unit);
        let product: Product = serde_json::from_value(value).unwrap();
        assert!(product.describe().contains(&format!(" at {wanted} EUR")), "{}", product.describe());
    }
}

#[test]
fn a_price_that_no_shop_should_have_is_not_shown_and_ends_nothing() {
    let unit = |unit: Value| (json!("1990"), unit);
    for (price, unit) in [
        unit(json!(70_000)),
        unit(json!(u64::MAX)),
        unit(json!(-1)),
        unit(json!(1e300)),
        unit(json!("2")),
        (json!("5€"), json!(2)),
        (json!("-5"), json!(2)),
        (json!("1e9"), json!(2)),
        (json!("9".repeat(100_000)), json!(2)),
    ] {
        let mut value = product();
        value["prices"]["price"] = price;
        value["prices"]["currency_minor_unit"] = unit;
        let found = catalogue(&json_reply(200, &json!([value])), true).expect("for sale").expect("a product");
        assert_eq!(found.describe(), "\"Sample product\" is for sale; its price cannot be shown");
    }
}

#[test]
fn an_answer_that_is_longer_than_any_list_of_products_is_not_parsed() {
    let long = reply(200, format!("[{}]", "{\"id\":1,\"name\":\"\"},".repeat(100_000)));
    assert!(catalogue(&long, false).unwrap_err().contains("longer than"), "too long");
}

#[test]
fn a_cart_must_offer_payment_and_shipping() {
    let good = json!({"needs_shipping": true, "payment_methods": ["cod", "bacs"], "shipping_rates": [
        {"package_id": 0, "shipping_rates": [{"name": "Flat rate", "selected": true}]}]});
    assert_eq!(cart(&json_reply(201, &good), false).unwrap(), "pay by cod, bacs; ship by Flat rate");
    let mut unpaid = good.clone();
    unpaid["payment_methods"] = json!([]);
    assert!(cart(&json_reply(201, &unpaid), true).unwrap_err().contains("pay"));
    let mut unshipped = good;
    unshipped["shipping_rates"] = json!([]);
    assert!(cart(&json_reply(201, &unshipped), true).unwrap_err().contains("ship"));
    unshipped["has_calculated_shipping"] = json!(false);
    assert!(cart(&json_reply(201, &unshipped), false).is_err(), "a new shop ships to its own country");
    assert!(cart(&json_reply(201, &unshipped), true).unwrap().contains("once an address is known"));
    unshipped["needs_shipping"] = json!(false);
    assert!(cart(&json_reply(201, &unshipped), true).is_ok());
    assert!(cart(&json_reply(400, &json!({"code": "x"})), true).is_err());
}

#[test]
fn a_cart_token_is_needed() {
    assert!(cart_token(&json_reply(200, &json!({}))).is_err());
    let Reply::Shop(mut answer) = json_reply(200, &json!({})) else { unreachable!() };
    answer.headers.insert("cart-token", "abc".parse().unwrap());
    assert_eq!(cart_token(&Reply::Shop(answer)).unwrap(), "abc");
}

#[test]
fn no_answer_of_a_shop_ends_anything() {
    let judged = |answer: &Reply| {
        for sample_due in [true, false] {
            if let Ok(Some(product)) = catalogue(answer, sample_due) {
                assert!(product.least() > 0 && !product.describe().is_empty());
                let _found = shop_page("/shop/", answer, Some(&product.name));
            }
            let _found = cart(answer, sample_due);
        }
        let _found = (shop_page("/shop/", answer, None), cart_token(answer));
    };
    let cart = json!({"needs_shipping": true, "has_calculated_shipping": true, "payment_methods": ["cod"],
        "shipping_rates": [{"shipping_rates": [{"name": "Flat rate", "selected": true}]}]});
    let mut product = product();
    product["add_to_cart"] = json!({"minimum": 1});
    for (status, good) in [(200, json!([product])), (201, cart), (500, json!(PAGE))] {
        hostile::check(&hostile::body(good), |body| judged(&reply(status, body)));
        hostile::huge().into_iter().for_each(|body| judged(&reply(status, body)));
    }
}
