//! The settings a shop starts with.

mod codes;
mod money;
mod names;

pub use codes::{Country, Currency, Locale, Timezone};
pub use money::Money;
pub use names::{AdminUser, Email, Title};

use crate::text::Invalid;

/// What a shop is told when it is bootstrapped; afterwards the merchant owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopSettings {
    pub title: Title,
    pub admin_email: Email,
    pub admin_user: AdminUser,
    pub country: Country,
    pub currency: Currency,
    pub locale: Locale,
    pub timezone: Timezone,
    pub taxes: bool,
    pub weight_unit: WeightUnit,
    pub dimension_unit: DimensionUnit,
    pub payment_methods: Vec<PaymentMethod>,
    pub flat_rate: Money,
    pub catalogue: Catalogue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentMethod {
    CashOnDelivery,
    BankTransfer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// One published product, so that the shop can be tried at once.
    Sample,
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightUnit {
    Kilogram,
    Gram,
    Pound,
    Ounce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimensionUnit {
    Metre,
    Centimetre,
    Millimetre,
    Inch,
    Yard,
}

/// Gives an enum the names it has in records, in the API and inside WooCommerce.
macro_rules! named {
    ($type:ident, $expected:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(Invalid::new(concat!("must be one of ", $expected))),
                }
            }
        }
    };
}

named!(PaymentMethod, "cod, bacs", CashOnDelivery = "cod", BankTransfer = "bacs");
named!(Catalogue, "sample, empty", Sample = "sample", Empty = "empty");
named!(WeightUnit, "kg, g, lbs, oz", Kilogram = "kg", Gram = "g", Pound = "lbs", Ounce = "oz");
named!(DimensionUnit, "m, cm, mm, in, yd", Metre = "m", Centimetre = "cm", Millimetre = "mm", Inch = "in", Yard = "yd");
