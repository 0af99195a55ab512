//! The arguments of `create`.

use clap::{Args, ValueEnum};
use sendstores_client::{CreateStore, PaymentMethod};

use super::{WaitLimit, filter};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores create                                       a working shop with all defaults
  sendstores create --title 'Tea & Cake' --country DE --currency EUR --timezone Europe/Berlin --wait
  sendstores create store-berlin-1 --label team=a --payment bank-transfer --catalogue empty
  sendstores create --request-id order-4711               retries create one store only
  sendstores create --currency XYZ --validate-only        report invalid fields, create nothing")]
pub(crate) struct CreateArgs {
    /// Id of the store: store- and 1 to 34 characters of a-z, 0-9 and '-'. Default: chosen by the server.
    id: Option<String>,
    /// Label for your own use and for filters. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = filter::label)]
    labels: Vec<(String, String)>,
    /// Owner of the store.
    #[arg(long)]
    tenant: Option<String>,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Check the request without creating anything.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
    /// Wait until the store is READY, and show each step. Ctrl-C ends the wait; the server continues.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    // Last, because a heading holds for all that follows it.
    #[command(flatten)]
    shop: ShopArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Shop")]
struct ShopArgs {
    /// Name of the shop. Default: the store's id.
    #[arg(long)]
    title: Option<String>,
    /// E-mail address of the merchant. Default: admin@ and the store's host.
    #[arg(long, value_name = "ADDRESS")]
    admin_email: Option<String>,
    /// Login name of the merchant. Default: merchant.
    #[arg(long, value_name = "NAME")]
    admin_user: Option<String>,
    /// ISO 3166-1 country code, optionally with a state: DE, US:CA. Default: US:CA.
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// ISO 4217 currency code. Default: USD.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// WordPress locale. Default: en_US.
    #[arg(long)]
    locale: Option<String>,
    /// IANA time zone, such as Europe/Berlin. Default: UTC.
    #[arg(long, value_name = "NAME")]
    timezone: Option<String>,
    /// Calculate taxes. Default: off.
    #[arg(long)]
    taxes: bool,
    /// Unit of weight: kg, g, lbs or oz. Default: kg.
    #[arg(long, value_name = "UNIT")]
    weight_unit: Option<String>,
    /// Unit of length: m, cm, mm, in or yd. Default: cm.
    #[arg(long, value_name = "UNIT")]
    dimension_unit: Option<String>,
    /// How shoppers can pay. Repeat it, or separate methods with commas. Default: all.
    #[arg(long = "payment", value_name = "METHOD", value_delimiter = ',')]
    payments: Vec<Payment>,
    /// Cost of shipping one order, such as 4.90. Default: 5.00.
    #[arg(long, value_name = "AMOUNT")]
    flat_rate: Option<String>,
    /// Products that the store starts with. Default: sample.
    #[arg(long)]
    catalogue: Option<Catalogue>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Payment {
    #[value(alias = "cod")]
    CashOnDelivery,
    #[value(alias = "bacs")]
    BankTransfer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Catalogue {
    /// One sample product.
    Sample,
    /// No products.
    Empty,
}

// === impl CreateArgs ===

impl CreateArgs {
    pub(crate) fn into_request(self) -> CreateStore {
        let Self { id, shop, labels, tenant, request_id, validate_only, wait: _, limit: _ } = self;
        let mut request = shop.apply(CreateStore::new().validate_only(validate_only));
        request = set(request, id, CreateStore::id);
        request = set(request, tenant, CreateStore::tenant);
        request = set(request, request_id, CreateStore::request_id);
        labels.into_iter().fold(request, |request, (key, value)| request.label(key, value))
    }
}

// === impl ShopArgs ===

impl ShopArgs {
    fn apply(self, mut request: CreateStore) -> CreateStore {
        let Self {
            title,
            admin_email,
            admin_user,
            country,
            currency,
            locale,
            timezone,
            taxes,
            weight_unit,
            dimension_unit,
            payments,
            flat_rate,
            catalogue,
        } = self;
        request = set(request, title, CreateStore::title);
        request = set(request, admin_email, CreateStore::admin_email);
        request = set(request, admin_user, CreateStore::admin_user);
        request = set(request, country, CreateStore::country);
        request = set(request, currency, CreateStore::currency);
        request = set(request, locale, CreateStore::locale);
        request = set(request, timezone, CreateStore::timezone);
        request = set(request, weight_unit, CreateStore::weight_unit);
        request = set(request, dimension_unit, CreateStore::dimension_unit);
        request = set(request, flat_rate, CreateStore::flat_rate);
        request = set(request, catalogue.map(Catalogue::wire), CreateStore::catalogue);
        request = set(request, taxes.then_some(true), CreateStore::taxes);
        payments.into_iter().fold(request, |request, method| request.payment_method(method.wire()))
    }
}

/// Sets what was given and leaves the rest to the server's defaults.
fn set<T>(request: CreateStore, value: Option<T>, setter: fn(CreateStore, T) -> CreateStore) -> CreateStore {
    match value {
        Some(value) => setter(request, value),
        None => request,
    }
}

// === impl Payment ===

impl Payment {
    fn wire(self) -> PaymentMethod {
        match self {
            Self::CashOnDelivery => PaymentMethod::CashOnDelivery,
            Self::BankTransfer => PaymentMethod::BankTransfer,
        }
    }
}

// === impl Catalogue ===

impl Catalogue {
    fn wire(self) -> sendstores_client::Catalogue {
        match self {
            Self::Sample => sendstores_client::Catalogue::Sample,
            Self::Empty => sendstores_client::Catalogue::Empty,
        }
    }
}
