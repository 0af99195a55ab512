//! The settings a shop starts with.

mod codes;
mod money;
mod names;
mod setting;
mod table;
mod tax;

#[doc(inline)]
pub use crate::shop_settings;
pub use codes::{Country, Currency, Locale, Timezone};
pub use money::Money;
pub use names::{AdminUser, Email, Title};
pub use setting::{Fault, NewShop, Setting};
pub use tax::TaxRate;

use crate::{
    text::Invalid,
    word::{self, Word},
};

/// Makes the two structs that have a field for every setting.
macro_rules! structs {
    ($($(#[$_stored:meta])* $name:ident: $type:ty = $default:expr;)+) => {
        /// The settings that a shop is set up with; afterwards the merchant owns it.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct ShopSettings {
            $(pub $name: $type,)+
        }

        /// The settings as a caller gives them, in their stored form. What is `None` gets its default.
        #[derive(Clone, Debug, Default)]
        pub struct ShopDraft {
            $(pub $name: Option<<$type as Setting>::Stored>,)+
        }

        impl ShopSettings {
            /// A word of the settings that a newer version wrote and this one does not know: a shop cannot be set up by
            /// it here.
            pub fn unknown_word(&self) -> Option<Word> {
                [$(self.$name.unknown()),+].into_iter().flatten().next()
            }
        }

        impl ShopDraft {
            /// Each setting, given or by default, unless it is wrong.
            fn parse_each(self, of: &NewShop<'_>, faults: &mut Vec<Fault>) -> Option<ShopSettings> {
                $(
                    let default: fn(&NewShop<'_>) -> <$type as Setting>::Stored = $default;
                    let $name = <$type>::parse(self.$name.unwrap_or_else(|| default(of)))
                        .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.within(stringify!($name)))));
                )+
                Some(ShopSettings { $($name: $name.ok()?,)+ })
            }
        }
    };
}

crate::shop_settings!(structs);

// === impl ShopDraft ===

impl ShopDraft {
    /// The settings, with the defaults of the shop `of`.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub fn complete(mut self, of: &NewShop<'_>) -> Result<ShopSettings, Vec<Fault>> {
        let mut faults = Vec::new();
        // A wrong currency is a fault of its own, found below.
        let currency: Option<Currency> = self.currency.as_deref().and_then(|code| code.parse().ok());
        self.flat_rate = self.flat_rate.or_else(|| currency.map(|currency| currency.usual_flat_rate().to_owned()));
        let shop = self.parse_each(of, &mut faults);
        faults.extend(shop.iter().flat_map(contradictions));
        shop.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

/// What is wrong with settings that are right one by one.
fn contradictions(shop: &ShopSettings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let decimals = shop.currency.decimals();
    if shop.flat_rate.decimals() > decimals {
        let has = if decimals == 0 { "none".to_owned() } else { decimals.to_string() };
        faults.push(Fault::new(
            "flat_rate",
            format_args!("has more digits after the point than {}, which has {has}", shop.currency),
        ));
    }
    if shop.taxes && shop.tax_rate.is_none() {
        faults.push(Fault::new(
            "tax_rate",
            "is needed with taxes, or the shop sells without tax: give the standard rate in percent, such as \"19\", or leave \
             taxes off and let the merchant set up the rates",
        ));
    }
    if !shop.taxes && shop.tax_rate.is_some() {
        faults.push(Fault::new("tax_rate", "needs taxes, which are off"));
    }
    if !shop.taxes && shop.prices_include_tax {
        faults.push(Fault::new("prices_include_tax", "needs taxes, which are off"));
    }
    faults
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

        }

        impl Setting for $type {
            type Stored = String;

            fn stored(&self) -> String {
                self.as_str().to_owned()
            }

            fn parse(given: String) -> Result<Self, Vec<Fault>> {
                setting::parse(&given)
            }

            fn kept(stored: String) -> Result<Self, Invalid> {
                Self::kept(&stored).ok_or_else(|| setting::no_word(&stored))
            }

            fn unknown(&self) -> Option<Word> {
                match self {
                    Self::Unknown(word) => Some(*word),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(change: impl Fn(&mut ShopDraft)) -> Result<ShopSettings, Vec<String>> {
        let mut draft = ShopDraft::default();
        change(&mut draft);
        let id = "store-a".parse().unwrap();
        let told = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.place).collect();
        draft.complete(&NewShop { id: &id, host: "shop.example" }).map_err(told)
    }

    #[test]
    fn shipping_has_the_decimals_of_the_currency() {
        for (currency, rate, right) in [
            ("KWD", "1.250", true),
            ("KWD", "1.255", true),
            ("EUR", "1.255", false),
            ("EUR", "1.250", true),
            ("JPY", "12.50", false),
            ("JPY", "500", true),
            ("JPY", "500.00", true),
        ] {
            let shop = complete(|shop| {
                shop.currency = Some(currency.to_owned());
                shop.flat_rate = Some(rate.to_owned());
            });
            let expected = if right { Ok(rate.to_owned()) } else { Err(vec!["flat_rate".to_owned()]) };
            assert_eq!(shop.map(|shop| shop.flat_rate.to_string()), expected, "{currency} {rate}");
        }
        for (currency, usual) in [("USD", "5.00"), ("JPY", "500"), ("KWD", "1.500")] {
            assert_eq!(
                complete(|shop| shop.currency = Some(currency.to_owned())).unwrap().flat_rate.to_string(),
                usual
            );
        }
        assert_eq!(complete(|shop| shop.currency = Some("XXX".to_owned())), Err(vec!["currency".to_owned()]));
    }

    #[test]
    fn taxes_and_their_rate_come_together() {
        let taxed = |taxes, rate: Option<&str>, include| {
            complete(|shop| {
                shop.taxes = Some(taxes);
                shop.tax_rate = Some(rate.map(str::to_owned));
                shop.prices_include_tax = Some(include);
            })
            .map(|_| ())
        };
        assert_eq!((taxed(true, Some("19"), true), taxed(true, Some("0"), false)), (Ok(()), Ok(())));
        assert_eq!(taxed(false, None, false), Ok(()));
        assert_eq!(taxed(true, None, false), Err(vec!["tax_rate".to_owned()]));
        assert_eq!(taxed(false, Some("19"), true), Err(vec!["tax_rate".to_owned(), "prices_include_tax".to_owned()]));
    }
}
