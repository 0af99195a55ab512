//! A method for each setting of a shop. Generated from `message ShopSettings`.

use super::CreateStore;
use crate::v1::{Catalogue, PaymentMethod};

impl CreateStore {
    /// The name of the shop, shown on every page. 1 to 100 characters, at least one of them visible, without control
    /// characters and direction marks. Default: "My shop".
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.shop().title = title.into();
        self
    }

    /// The merchant's e-mail address. 6 to 100 characters. Default: "admin@" and the host of the store's URL.
    pub fn admin_email(mut self, admin_email: impl Into<String>) -> Self {
        self.shop().admin_email = admin_email.into();
        self
    }

    /// The merchant's login name. 1 to 60 characters of a-z, 0-9, '.', '-', '_', starting with a letter. Default:
    /// "merchant".
    pub fn admin_user(mut self, admin_user: impl Into<String>) -> Self {
        self.shop().admin_user = admin_user.into();
        self
    }

    /// The shop's country as an ISO 3166-1 alpha-2 code, optionally with WooCommerce's code of a state: "DE", "US:CA",
    /// "JP:JP13". Default: "US:CA".
    pub fn country(mut self, country: impl Into<String>) -> Self {
        self.shop().country = country.into();
        self
    }

    /// The currency of all prices as an ISO 4217 code. Default: "USD".
    pub fn currency(mut self, currency: impl Into<String>) -> Self {
        self.shop().currency = currency.into();
        self
    }

    /// The WordPress locale, such as "de_DE". Default: "en_US". The store image must contain its language files.
    /// Otherwise the store ends in STATE_FAILED with REASON_BOOTSTRAP_FAILED.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.shop().locale = locale.into();
        self
    }

    /// The time zone by its IANA name, such as "Europe/Berlin". Default: "UTC".
    pub fn timezone(mut self, timezone: impl Into<String>) -> Self {
        self.shop().timezone = timezone.into();
        self
    }

    /// Whether the shop calculates taxes. Needs `tax_rate`. Default: false.
    pub fn taxes(mut self, taxes: bool) -> Self {
        self.shop().taxes = taxes;
        self
    }

    /// The unit of weight: kg, g, lbs or oz. Default: "kg".
    pub fn weight_unit(mut self, weight_unit: impl Into<String>) -> Self {
        self.shop().weight_unit = weight_unit.into();
        self
    }

    /// The unit of length: m, cm, mm, in or yd. Default: "cm".
    pub fn dimension_unit(mut self, dimension_unit: impl Into<String>) -> Self {
        self.shop().dimension_unit = dimension_unit.into();
        self
    }

    /// How shoppers can pay. Each method at most once. Default: cash on delivery and bank transfer. Each call adds one.
    pub fn payment_method(mut self, payment_method: PaymentMethod) -> Self {
        self.shop().payment_methods.push(payment_method.into());
        self
    }

    /// The cost of shipping one order to any address, in `currency`, as a decimal number such as "4.90". At most 9
    /// digits before the point, and as many after it as the currency has (3 for KWD, none for JPY; zeros may follow).
    /// Default: "5.00"; "500" if the currency has no decimals, "1.500" if it has three.
    pub fn flat_rate(mut self, flat_rate: impl Into<String>) -> Self {
        self.shop().flat_rate = flat_rate.into();
        self
    }

    /// The products that the store starts with. Default: CATALOGUE_SAMPLE.
    pub fn catalogue(mut self, catalogue: Catalogue) -> Self {
        self.shop().catalogue = catalogue.into();
        self
    }

    /// The standard rate of tax in the shop's country (in its state, if `country` names one), in percent: "19", "7.25".
    /// At most 2 digits before the point and 4 after it. Shipping is taxed, too. Needs `taxes`. The merchant adds other
    /// rates in the shop.
    pub fn tax_rate(mut self, tax_rate: impl Into<String>) -> Self {
        self.shop().tax_rate = tax_rate.into();
        self
    }

    /// Whether prices are entered with tax, as shoppers pay them. Needs `taxes`. Default: false.
    pub fn prices_include_tax(mut self, prices_include_tax: bool) -> Self {
        self.shop().prices_include_tax = prices_include_tax;
        self
    }
}
