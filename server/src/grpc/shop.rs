//! The settings of a shop, from the wire and to it.

use sendstores_core::{
    ShopSettings,
    shop::{
        AdminUser, Catalogue, Country, Currency, DimensionUnit, Email, Locale, Money, NewShop, PaymentMethod, Setting,
        ShopDraft, TaxRate, Timezone, Title, WeightUnit, shop_settings,
    },
};
use sendstores_proto::v1 as wire;

use super::parse::Violations;

/// A setting as the contract has it.
trait OnWire: Setting {
    type Wire;

    /// In the stored form. `None`: it was not given and gets its default.
    fn given(violations: &mut Violations, field: &str, wire: Self::Wire) -> Option<Self::Stored>;

    fn wire(&self) -> Self::Wire;
}

macro_rules! messages {
    ($($(#[$_stored:meta])* $name:ident: $type:ty = $_default:expr;)+) => {
        fn draft(violations: &mut Violations, shop: wire::ShopSettings) -> ShopDraft {
            let wire::ShopSettings { $($name),+ } = shop;
            ShopDraft { $($name: <$type>::given(violations, concat!("spec.shop.", stringify!($name)), $name)),+ }
        }

        pub(super) fn wire(shop: &ShopSettings) -> wire::ShopSettings {
            wire::ShopSettings { $($name: shop.$name.wire()),+ }
        }
    };
}

shop_settings!(messages);

/// The settings with every default filled in, or what is wrong with them.
pub(super) fn parse(violations: &mut Violations, shop: wire::ShopSettings, of: &NewShop<'_>) -> Option<ShopSettings> {
    let faults = match draft(violations, shop).complete(of) {
        Ok(shop) => return Some(shop),
        Err(faults) => faults,
    };
    for fault in faults {
        violations.add(format!("spec.shop.{}", fault.place), fault.why);
    }
    None
}

/// A text that is empty is not given.
macro_rules! texts {
    ($($type:ty),+) => {$(
        impl OnWire for $type {
            type Wire = String;

            fn given(_: &mut Violations, _: &str, wire: String) -> Option<String> {
                (!wire.is_empty()).then_some(wire)
            }

            fn wire(&self) -> String {
                self.stored()
            }
        }
    )+};
}

texts!(Title, Email, AdminUser, Country, Currency, Locale, Timezone, WeightUnit, DimensionUnit, Money);

impl OnWire for Option<TaxRate> {
    type Wire = String;

    fn given(_: &mut Violations, _: &str, wire: String) -> Option<Option<String>> {
        (!wire.is_empty()).then_some(Some(wire))
    }

    fn wire(&self) -> String {
        self.stored().unwrap_or_default()
    }
}

impl OnWire for bool {
    type Wire = Self;

    fn given(_: &mut Violations, _: &str, wire: Self) -> Option<Self> {
        Some(wire)
    }

    fn wire(&self) -> Self {
        *self
    }
}

impl OnWire for Vec<PaymentMethod> {
    type Wire = Vec<i32>;

    fn given(violations: &mut Violations, field: &str, wire: Vec<i32>) -> Option<Vec<String>> {
        let mut names = Vec::new();
        // One more than there can be: the rest is as wrong as that one.
        for (i, method) in wire.into_iter().take(PaymentMethod::ALL.len() + 1).enumerate() {
            match wire::PaymentMethod::try_from(method) {
                Ok(wire::PaymentMethod::CashOnDelivery) => {
                    names.push(PaymentMethod::CashOnDelivery.as_str().to_owned())
                }
                Ok(wire::PaymentMethod::BankTransfer) => names.push(PaymentMethod::BankTransfer.as_str().to_owned()),
                Ok(wire::PaymentMethod::Unspecified) | Err(_) => {
                    violations.add(format!("{field}[{i}]"), "is not a payment method this server knows");
                }
            }
        }
        (!names.is_empty()).then_some(names)
    }

    fn wire(&self) -> Vec<i32> {
        let method = |method: &PaymentMethod| match method {
            PaymentMethod::CashOnDelivery => wire::PaymentMethod::CashOnDelivery.into(),
            PaymentMethod::BankTransfer => wire::PaymentMethod::BankTransfer.into(),
            PaymentMethod::Unknown(_) => wire::PaymentMethod::Unspecified.into(),
        };
        self.iter().map(method).collect()
    }
}

impl OnWire for Catalogue {
    type Wire = i32;

    fn given(violations: &mut Violations, field: &str, wire: i32) -> Option<String> {
        let catalogue = match wire::Catalogue::try_from(wire) {
            Ok(wire::Catalogue::Unspecified) => return None,
            Ok(wire::Catalogue::Sample) => Self::Sample,
            Ok(wire::Catalogue::Empty) => Self::Empty,
            Err(_) => {
                violations.add(field, "is not a catalogue this server knows");
                return None;
            }
        };
        Some(catalogue.stored())
    }

    fn wire(&self) -> i32 {
        let catalogue = match self {
            Self::Sample => wire::Catalogue::Sample,
            Self::Empty => wire::Catalogue::Empty,
            Self::Unknown(_) => wire::Catalogue::Unspecified,
        };
        catalogue.into()
    }
}
