//! The stored form of a shop's settings.

use sendstores_core::shop::{
    Catalogue, Country, Currency, DimensionUnit, Locale, PaymentMethod, ShopSettings, Timezone, WeightUnit,
};
use serde::{Deserialize, Serialize};

use super::{kept, parse};

#[derive(Serialize, Deserialize)]
pub(super) struct ShopRecord {
    title: String,
    admin_email: String,
    admin_user: String,
    country: String,
    currency: String,
    locale: String,
    timezone: String,
    taxes: bool,
    weight_unit: String,
    dimension_unit: String,
    payment_methods: Vec<String>,
    flat_rate: String,
    catalogue: String,
}

impl From<&ShopSettings> for ShopRecord {
    fn from(shop: &ShopSettings) -> Self {
        let ShopSettings {
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
        } = shop;
        Self {
            title: title.to_string(),
            admin_email: admin_email.to_string(),
            admin_user: admin_user.to_string(),
            country: country.to_string(),
            currency: currency.to_string(),
            locale: locale.to_string(),
            timezone: timezone.to_string(),
            taxes: *taxes,
            weight_unit: weight_unit.as_str().to_owned(),
            dimension_unit: dimension_unit.as_str().to_owned(),
            payment_methods: payment_methods.iter().map(|method| method.as_str().to_owned()).collect(),
            flat_rate: flat_rate.to_string(),
            catalogue: catalogue.as_str().to_owned(),
        }
    }
}

impl TryFrom<ShopRecord> for ShopSettings {
    type Error = String;

    fn try_from(record: ShopRecord) -> Result<Self, String> {
        let method = |text: &String| kept("shop.payment_methods", text, PaymentMethod::kept);
        Ok(Self {
            title: parse("shop.title", &record.title)?,
            admin_email: parse("shop.admin_email", &record.admin_email)?,
            admin_user: parse("shop.admin_user", &record.admin_user)?,
            country: Country::kept(record.country),
            currency: Currency::kept(record.currency),
            locale: Locale::kept(record.locale),
            timezone: Timezone::kept(record.timezone),
            taxes: record.taxes,
            weight_unit: kept("shop.weight_unit", &record.weight_unit, WeightUnit::kept)?,
            dimension_unit: kept("shop.dimension_unit", &record.dimension_unit, DimensionUnit::kept)?,
            payment_methods: record.payment_methods.iter().map(method).collect::<Result<_, _>>()?,
            flat_rate: parse("shop.flat_rate", &record.flat_rate)?,
            catalogue: kept("shop.catalogue", &record.catalogue, Catalogue::kept)?,
        })
    }
}
