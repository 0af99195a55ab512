//! The settings a shop starts with.

mod codes;
mod money;
mod names;

pub use codes::{Country, Currency, Locale, Timezone};
pub use money::Money;
pub use names::{AdminUser, Email, Title};

use crate::{
    text::Invalid,
    word::{self, Word},
};

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

// === impl ShopSettings ===

impl ShopSettings {
    /// A word of the settings that a newer version wrote and this one does not know: a shop cannot be set up by it here.
    pub fn unknown_word(&self) -> Option<Word> {
        let Self { weight_unit, dimension_unit, payment_methods, catalogue, .. } = self;
        let others = [weight_unit.unknown(), dimension_unit.unknown(), catalogue.unknown()];
        payment_methods.iter().map(|method| method.unknown()).chain(others).flatten().next()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentMethod {
    CashOnDelivery,
    BankTransfer,
    /// One of a newer version.
    Unknown(Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// One published product, so that the shop can be tried at once.
    Sample,
    Empty,
    /// One of a newer version.
    Unknown(Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightUnit {
    Kilogram,
    Gram,
    Pound,
    Ounce,
    /// One of a newer version.
    Unknown(Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimensionUnit {
    Metre,
    Centimetre,
    Millimetre,
    Inch,
    Yard,
    /// One of a newer version.
    Unknown(Word),
}

/// Gives an enum the names it has in records, in the API and inside WooCommerce. What callers give is parsed and must be
/// known; what records have is kept.
macro_rules! named {
    ($type:ident, $expected:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// All that are known.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(word) => word.as_str(),
                }
            }

            /// What `text` names, known or not. `None`: it is no word.
            pub fn kept(text: &str) -> Option<Self> {
                word::kept(text, Self::ALL, Self::as_str, Self::Unknown)
            }

            fn unknown(self) -> Option<Word> {
                match self {
                    Self::Unknown(word) => Some(word),
                    $(Self::$variant => None,)+
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
