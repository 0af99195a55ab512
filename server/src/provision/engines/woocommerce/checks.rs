//! The names of the checks of a shop. The probe that makes them is `storefront.rs`.

use sendstores_core::evidence::Check;

/// The shop page shows the catalogue, and neither the install page nor "coming soon".
pub(super) const SHOP_PAGE: Check = Check::new("shop_page");
/// The Store API says that a product is purchasable, with a price.
pub(super) const STORE_API: Check = Check::new("store_api");
/// A product goes into a cart, which then offers a way to pay and to ship.
pub(super) const CART: Check = Check::new("cart");
/// What the shop has scheduled is done within its period.
pub(super) const CRON: Check = Check::new("cron");

/// All of them.
pub(super) const ALL: [Check; 5] = [SHOP_PAGE, STORE_API, CART, CRON, Check::INGRESS];
