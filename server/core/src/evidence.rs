//! What was seen of the running shop.

use crate::time::Timestamp;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub check: Check,
    pub passed: bool,
    /// What was found, for a human; at most [`Evidence::MAX_FINDING`] characters.
    pub finding: String,
    pub check_time: Timestamp,
}

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// The shop page shows the catalogue, and neither the install page nor "coming soon".
    ShopPage,
    /// The Store API says that a product is purchasable, with a price.
    StoreApi,
    /// A product goes into a cart, which then offers a way to pay and to ship.
    Cart,
    /// What the shop has scheduled is done within its period.
    Cron,
    /// The shop answers at its public address, as seen from where the server runs. What cannot be reached from there
    /// may well be reached by visitors, so this one may fail in a shop that is READY.
    Ingress,
}

// === impl Evidence ===

impl Evidence {
    pub const MAX_FINDING: usize = 512;
}

// === impl Check ===

impl Check {
    pub const ALL: [Self; 5] = [Self::ShopPage, Self::StoreApi, Self::Cart, Self::Cron, Self::Ingress];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShopPage => "shop_page",
            Self::StoreApi => "store_api",
            Self::Cart => "cart",
            Self::Cron => "cron",
            Self::Ingress => "ingress",
        }
    }
}
