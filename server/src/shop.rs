//! The settings of a shop in stored form: in records, in a namespace's annotation, and as the programs of a store read them.

use sendstores_core::{
    ShopSettings,
    shop::{Setting, shop_settings},
};
use serde::{Deserialize, Serialize};

macro_rules! stored {
    ($($(#[$stored:meta])* $name:ident: $type:ty = $_default:expr;)+) => {
        #[derive(Serialize, Deserialize)]
        pub(crate) struct StoredShop {
            $($(#[$stored])* $name: <$type as Setting>::Stored,)+
        }

        impl From<&ShopSettings> for StoredShop {
            fn from(shop: &ShopSettings) -> Self {
                Self { $($name: shop.$name.stored(),)+ }
            }
        }

        impl TryFrom<StoredShop> for ShopSettings {
            type Error = String;

            fn try_from(stored: StoredShop) -> Result<Self, String> {
                Ok(Self {
                    $($name: Setting::kept(stored.$name)
                        .map_err(|error| format!(concat!("shop.", stringify!($name), " {}"), error))?,)+
                })
            }
        }
    };
}

shop_settings!(stored);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn what_was_accepted_once_is_read_whatever_new_shops_may_have() {
        let mut stored = json!(StoredShop::from(&fixtures::store().spec.shop));
        for (setting, value) in
            [("title", "\u{200b}"), ("admin_email", "a@b.c"), ("country", "XX"), ("flat_rate", "1.2345")]
        {
            stored[setting] = json!(value);
        }
        stored["weight_unit"] = json!("stone");
        let read: StoredShop = serde_json::from_value(stored.clone()).unwrap();
        let shop = ShopSettings::try_from(read).unwrap();
        assert_eq!(shop.unknown_word().unwrap().as_str(), "stone");
        assert_eq!(json!(StoredShop::from(&shop)), stored);
        stored["weight_unit"] = json!("no word");
        let read: StoredShop = serde_json::from_value(stored).unwrap();
        assert!(ShopSettings::try_from(read).unwrap_err().starts_with("shop.weight_unit "));
    }
}
