//! Reads a spec back from a namespace's annotation. The ledger's records have the same fields, and a life of their own:
//! what was written into namespaces stays as it is, however the records change.

use std::{fmt::Display, str::FromStr};

use sendstores_core::{
    Engine, StoreSpec,
    shop::{Country, Currency, Locale, ShopSettings, Timezone},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Spec {
    engine: String,
    shop: Shop,
}

#[derive(Deserialize)]
struct Shop {
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

/// The spec that [`super::spec`] wrote.
pub(crate) fn read(text: &str) -> Result<StoreSpec, String> {
    let Spec { engine, shop } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let engine = Engine::parse(&engine).ok_or_else(|| format!("engine {engine:?} is not known"))?;
    Ok(StoreSpec { engine, shop: shop.parse()? })
}

fn field<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{name} {error}"))
}

// === impl Shop ===

impl Shop {
    fn parse(self) -> Result<ShopSettings, String> {
        let methods = self.payment_methods.iter().map(|method| field("payment_methods", method));
        Ok(ShopSettings {
            title: field("title", &self.title)?,
            admin_email: field("admin_email", &self.admin_email)?,
            admin_user: field("admin_user", &self.admin_user)?,
            country: Country::kept(self.country),
            currency: Currency::kept(self.currency),
            locale: Locale::kept(self.locale),
            timezone: Timezone::kept(self.timezone),
            taxes: self.taxes,
            weight_unit: field("weight_unit", &self.weight_unit)?,
            dimension_unit: field("dimension_unit", &self.dimension_unit)?,
            payment_methods: methods.collect::<Result<_, _>>()?,
            flat_rate: field("flat_rate", &self.flat_rate)?,
            catalogue: field("catalogue", &self.catalogue)?,
        })
    }
}
