//! Whether an answer is that of a shop that sells. A status of 200 says little: "coming soon" has it, too.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::words;
use crate::provision::{
    proxy::{Answer, Reply},
    redact,
};

/// What was found, good or bad. Texts hold no times, so that the same finding always reads the same.
pub(super) type Finding = Result<String, String>;

/// A product of the Store API.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    sku: String,
    #[serde(default = "simple", rename = "type")]
    kind: String,
    #[serde(default)]
    is_purchasable: bool,
    #[serde(default = "yes")]
    is_in_stock: bool,
    #[serde(default)]
    prices: Prices,
    #[serde(default)]
    add_to_cart: AddToCart,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct AddToCart {
    #[serde(default)]
    minimum: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Prices {
    #[serde(default)]
    price: String,
    #[serde(default)]
    currency_code: String,
    /// A small number; the merchant's settings and plugins may make anything of it.
    #[serde(default)]
    currency_minor_unit: Value,
}

#[derive(Deserialize)]
struct Cart {
    #[serde(default)]
    needs_shipping: bool,
    #[serde(default = "yes")]
    has_calculated_shipping: bool,
    #[serde(default)]
    payment_methods: Vec<String>,
    #[serde(default)]
    shipping_rates: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    shipping_rates: Vec<Rate>,
}

#[derive(Deserialize)]
struct Rate {
    #[serde(default)]
    name: String,
    #[serde(default)]
    selected: bool,
}

const SAMPLE_SKU: &str = "SAMPLE-1";

/// The longest JSON answer that is parsed, in bytes: parsed, it takes about ten times the memory.
const MAX_JSON: usize = 1024 * 1024;
/// The most decimals and digits with which a price is shown.
const MAX_DECIMALS: usize = 8;
const MAX_DIGITS: usize = 20;

/// Signs in a page of a shop that is not open: the coming-soon page, and the way to the installer.
const CLOSED: [(&str, &str); 2] = [
    ("woocommerce-coming-soon", "the shop says \"coming soon\""),
    ("wp-admin/install.php", "WordPress is not installed"),
];

fn simple() -> String {
    "simple".to_owned()
}

fn yes() -> bool {
    true
}

/// Where the products are asked for; variations and bundles cannot go into a cart as they are.
pub(super) fn products_path(api: &str, sample_due: bool) -> String {
    let which = if sample_due {
        format!("sku={SAMPLE_SKU}")
    } else {
        "type=simple&stock_status=instock&per_page=10".to_owned()
    };
    format!("{api}/products?{which}&_fields=id,name,sku,type,is_purchasable,is_in_stock,prices,add_to_cart")
}

/// A product that can be bought. None where none has to be.
pub(super) fn catalogue(reply: &Reply, sample_due: bool) -> Result<Option<Product>, String> {
    let answer = answered(reply, 200)?;
    let products: Vec<Product> = json(answer).map_err(|why| format!("no list of products: {why}"))?;
    let for_sale = |product: &&Product| {
        product.kind == "simple"
            && product.is_purchasable
            && product.is_in_stock
            && !product.prices.price.is_empty()
            && (!sample_due || product.sku.is_empty() || product.sku == SAMPLE_SKU)
    };
    match products.iter().find(for_sale) {
        Some(product) => Ok(Some(product.clone())),
        None if sample_due => Err(format!("product {SAMPLE_SKU} is not for sale")),
        None => Ok(None),
    }
}

/// A merchant may sell nothing yet. A release under which nothing is for sale any more is a bad one, however well it answers.
pub(super) fn still_sells(found: Option<Product>, sold_before: bool) -> Result<Option<Product>, String> {
    match found {
        None if sold_before => Err("no product is for sale any more; before the update one was".to_owned()),
        found => Ok(found),
    }
}

pub(super) fn shop_page(path: &str, reply: &Reply, product: Option<&str>) -> Finding {
    let answer = answered(reply, 200)?;
    let page = String::from_utf8_lossy(&answer.body);
    if let Some((_, why)) = CLOSED.iter().find(|(sign, _)| page.contains(sign)) {
        return Err((*why).to_owned());
    }
    let version = generator(&page);
    match product {
        Some(name) if !page.contains(name) => {
            Err(format!("{path} does not show {name:?}, but: {}", words::of(&answer.body)))
        }
        Some(name) => Ok(format!("{path} shows {name:?}{version}")),
        None => Ok(format!("{path} answers{version}")),
    }
}

/// The token of the cart that was opened with the answer.
pub(super) fn cart_token(reply: &Reply) -> Result<String, String> {
    let answer = answered(reply, 200)?;
    let token = answer.headers.get("cart-token").and_then(|value| value.to_str().ok());
    token.map(str::to_owned).ok_or_else(|| "no cart is given out".to_owned())
}

/// Whether a cart with a product in it offers a way to pay and to ship. The merchant of a shop that `was_ready` may have
/// shipping costs hidden until an address is known.
pub(super) fn cart(reply: &Reply, was_ready: bool) -> Finding {
    let answer = answered(reply, 201)?;
    let cart: Cart = json(answer).map_err(|why| format!("no cart: {why}"))?;
    if cart.payment_methods.is_empty() {
        return Err("the cart offers no way to pay".to_owned());
    }
    let pay = cart.payment_methods.join(", ");
    if !cart.needs_shipping {
        return Ok(format!("pay by {pay}; nothing to ship"));
    }
    if was_ready && !cart.has_calculated_shipping {
        return Ok(format!("pay by {pay}; shipping is offered once an address is known"));
    }
    let rates = cart.shipping_rates.iter().flat_map(|package| &package.shipping_rates);
    match rates.into_iter().find(|rate| rate.selected) {
        Some(rate) => Ok(format!("pay by {pay}; ship by {}", rate.name)),
        None => Err("the cart offers no way to ship".to_owned()),
    }
}

pub(super) fn answered(reply: &Reply, status: u16) -> Result<&Answer, String> {
    match reply {
        Reply::Unreachable(why) => Err(why.clone()),
        Reply::Shop(answer) if answer.status == status => Ok(answer),
        Reply::Shop(answer) => Err(redact::message(&format!("status {}: {}", answer.status, words::of(&answer.body)))),
    }
}

/// The body of an answer as JSON.
fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    if answer.body.len() > MAX_JSON {
        return Err(format!("the answer is longer than {MAX_JSON} bytes"));
    }
    // What is in the way of the answer most often says so itself.
    serde_json::from_slice(&answer.body).map_err(|error| match words::of(&answer.body) {
        words if words.is_empty() || words.starts_with(['[', '{']) => error.to_string(),
        words => format!("{error}; the answer reads: {words}"),
    })
}

/// The version that a page states of its shop software.
fn generator(page: &str) -> String {
    let at = page.find("content=\"WooCommerce ").map(|at| &page[at + 9..]);
    let version = at.and_then(|rest| rest.split('"').next()).filter(|text| text.len() < 40);
    version.map_or_else(String::new, |version| format!(", {version}"))
}

// === impl Product ===

impl Product {
    /// The least that is sold of it at once.
    pub(super) fn least(&self) -> u64 {
        self.add_to_cart.minimum.unwrap_or(1).max(1)
    }

    pub(super) fn describe(&self) -> String {
        let Self { name, prices, .. } = self;
        match prices.amount() {
            Some(amount) => format!("{name:?} is for sale at {amount} {}", prices.currency_code),
            None => format!("{name:?} is for sale; its price cannot be shown"),
        }
    }
}

// === impl Prices ===

impl Prices {
    /// The price with its decimals. `None` if it is no whole number of minor units, or has more digits than a price has:
    /// WooCommerce accepts any number of decimals in its settings.
    fn amount(&self) -> Option<String> {
        let decimals = match &self.currency_minor_unit {
            Value::Null => 0,
            unit => usize::try_from(unit.as_u64()?).ok().filter(|unit| *unit <= MAX_DECIMALS)?,
        };
        let is_number = self.price.len() <= MAX_DIGITS && self.price.bytes().all(|byte| byte.is_ascii_digit());
        let digits = is_number.then(|| format!("{:0>width$}", self.price, width = decimals + 1))?;
        let (whole, rest) = digits.split_at_checked(digits.len().checked_sub(decimals)?)?;
        let point = if rest.is_empty() { "" } else { "." };
        Some(format!("{whole}{point}{rest}"))
    }
}

#[cfg(test)]
mod tests;
