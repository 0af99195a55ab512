//! The settings of a shop, each declared once.

/// Calls a macro with a row for every setting of a shop: the attributes of its field in stored forms, its name, its type
/// and its default. What depends on the list of settings is made from these rows: the domain's [`ShopSettings`], the
/// record, the namespace's annotation, the way from and to the wire, and what the programs in a store read.
///
/// The name is the field of `ShopSettings` in the contract. The type is a [`Setting`]. The default is a function of
/// [`NewShop`] that gives the stored form.
///
/// A setting that was added later is left out of stored forms while it has its default. Older forms do not have it, and
/// the digest of this form says whether a store was set up with it.
///
/// [`ShopSettings`]: crate::ShopSettings
/// [`Setting`]: crate::shop::Setting
/// [`NewShop`]: crate::shop::NewShop
#[macro_export]
macro_rules! shop_settings {
    ($then:ident) => {
        $then! {
            title: $crate::shop::Title = |_| "My shop".to_owned();
            admin_email: $crate::shop::Email = |shop| shop.email();
            admin_user: $crate::shop::AdminUser = |_| "merchant".to_owned();
            country: $crate::shop::Country = |_| "US:CA".to_owned();
            currency: $crate::shop::Currency = |_| "USD".to_owned();
            locale: $crate::shop::Locale = |_| "en_US".to_owned();
            timezone: $crate::shop::Timezone = |_| "UTC".to_owned();
            taxes: bool = |_| false;
            weight_unit: $crate::shop::WeightUnit = |_| "kg".to_owned();
            dimension_unit: $crate::shop::DimensionUnit = |_| "cm".to_owned();
            payment_methods: Vec<$crate::shop::PaymentMethod> = |_| vec!["cod".to_owned(), "bacs".to_owned()];
            flat_rate: $crate::shop::Money = |_| "5.00".to_owned();
            catalogue: $crate::shop::Catalogue = |_| "sample".to_owned();
            #[serde(default, skip_serializing_if = "Option::is_none")]
            tax_rate: Option<$crate::shop::TaxRate> = |_| None;
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            prices_include_tax: bool = |_| false;
        }
    };
}
