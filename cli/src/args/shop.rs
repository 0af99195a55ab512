//! A flag for each setting of a shop. Generated from `message ShopSettings`.

use clap::Args;
use sendstores_client::CreateStore;

use super::create::{Catalogue, PaymentMethod, set};

#[derive(Args, Debug)]
#[command(next_help_heading = "Shop")]
pub(super) struct ShopArgs {
    /// The name of the shop, shown on every page. 1 to 100 characters, at least one of them visible, without control
    /// characters and direction marks. Default: "My shop".
    #[arg(long)]
    title: Option<String>,
    /// The merchant's e-mail address. 6 to 100 characters. Default: "admin@" and the host of the store's URL.
    #[arg(long)]
    admin_email: Option<String>,
    /// The merchant's login name. 1 to 60 characters of a-z, 0-9, '.', '-', '_', starting with a letter. Default:
    /// "merchant".
    #[arg(long)]
    admin_user: Option<String>,
    /// The shop's country as an ISO 3166-1 alpha-2 code, optionally with WooCommerce's code of a state: "DE", "US:CA",
    /// "JP:JP13". Default: "US:CA".
    #[arg(long)]
    country: Option<String>,
    /// The currency of all prices as an ISO 4217 code. Default: "USD".
    #[arg(long)]
    currency: Option<String>,
    /// The WordPress locale, such as "de_DE". Default: "en_US". The store image must contain its language files.
    /// Otherwise the store ends in STATE_FAILED with REASON_BOOTSTRAP_FAILED.
    #[arg(long)]
    locale: Option<String>,
    /// The time zone by its IANA name, such as "Europe/Berlin". Default: "UTC".
    #[arg(long)]
    timezone: Option<String>,
    /// Whether the shop calculates taxes. Needs `tax_rate`. Default: false.
    #[arg(long)]
    taxes: bool,
    /// The unit of weight: kg, g, lbs or oz. Default: "kg".
    #[arg(long)]
    weight_unit: Option<String>,
    /// The unit of length: m, cm, mm, in or yd. Default: "cm".
    #[arg(long)]
    dimension_unit: Option<String>,
    /// How shoppers can pay. Each method at most once. Default: cash on delivery and bank transfer. Repeat the flag, or
    /// separate values with commas.
    #[arg(long = "payment", value_delimiter = ',')]
    payment_methods: Vec<PaymentMethod>,
    /// The cost of shipping one order to any address, in `currency`, as a decimal number such as "4.90". At most 9
    /// digits before the point, and as many after it as the currency has (3 for KWD, none for JPY; zeros may follow).
    /// Default: "5.00"; "500" if the currency has no decimals, "1.500" if it has three.
    #[arg(long)]
    flat_rate: Option<String>,
    /// The products that the store starts with. Default: sample.
    #[arg(long)]
    catalogue: Option<Catalogue>,
    /// The standard rate of tax in the shop's country (in its state, if `country` names one), in percent: "19", "7.25".
    /// At most 2 digits before the point and 4 after it. Shipping is taxed, too. Needs `taxes`. The merchant adds other
    /// rates in the shop.
    #[arg(long)]
    tax_rate: Option<String>,
    /// Whether prices are entered with tax, as shoppers pay them. Needs `taxes`. Default: false.
    #[arg(long)]
    prices_include_tax: bool,
}

impl ShopArgs {
    pub(super) fn apply(self, mut request: CreateStore) -> CreateStore {
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
            payment_methods,
            flat_rate,
            catalogue,
            tax_rate,
            prices_include_tax,
        } = self;
        request = set(request, title, CreateStore::title);
        request = set(request, admin_email, CreateStore::admin_email);
        request = set(request, admin_user, CreateStore::admin_user);
        request = set(request, country, CreateStore::country);
        request = set(request, currency, CreateStore::currency);
        request = set(request, locale, CreateStore::locale);
        request = set(request, timezone, CreateStore::timezone);
        request = set(request, taxes.then_some(true), CreateStore::taxes);
        request = set(request, weight_unit, CreateStore::weight_unit);
        request = set(request, dimension_unit, CreateStore::dimension_unit);
        request = payment_methods.into_iter().fold(request, |request, one| request.payment_method(one.wire()));
        request = set(request, flat_rate, CreateStore::flat_rate);
        request = set(request, catalogue.map(Catalogue::wire), CreateStore::catalogue);
        request = set(request, tax_rate, CreateStore::tax_rate);
        request = set(request, prices_include_tax.then_some(true), CreateStore::prices_include_tax);
        request
    }
}
