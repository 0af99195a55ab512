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
