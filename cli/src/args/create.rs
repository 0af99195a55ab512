//! The arguments of `create`.

use clap::{Args, ValueEnum};
use sendstores_client::CreateStore;

use super::{WaitLimit, filter, shop::ShopArgs};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores create                                       a working shop with all defaults
  sendstores create --title 'Tea & Cake' --country DE --currency EUR --timezone Europe/Berlin --wait
  sendstores create store-berlin-1 --label team=a --payment bank-transfer --catalogue empty
  sendstores create --request-id order-4711               retries create one store only
  sendstores create --currency XYZ --validate-only        report invalid fields, create nothing")]
pub(crate) struct CreateArgs {
    /// Id of the store: store- and 1 to 34 characters of a-z, 0-9 and '-'. Default: chosen by the server.
    id: Option<String>,
    /// Label for your own use and for filters. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = filter::label)]
    labels: Vec<(String, String)>,
    /// Owner of the store.
    #[arg(long)]
    tenant: Option<String>,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Release to make the store from, one of `sendstores releases`. Default: that of the server.
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// Refuse to delete the store until the protection is taken off: sendstores update ID --deletion-protection=false.
    #[arg(long)]
    deletion_protection: bool,
    /// Size of the volume of the database, in GiB. Default: that of the release. It can grow later, and not shrink.
    #[arg(long, value_name = "GIB")]
    database_gib: Option<u32>,
    /// Size of the volume of what the merchant uploads, in GiB. Default: that of the release.
    #[arg(long, value_name = "GIB")]
    content_gib: Option<u32>,
    /// Check the request without creating anything.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
    /// Wait until the store is READY, and show each step. Ctrl-C ends the wait; the server continues.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    // Last, because a heading holds for all that follows it.
    #[command(flatten)]
    shop: ShopArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PaymentMethod {
    #[value(alias = "cod")]
    CashOnDelivery,
    #[value(alias = "bacs")]
    BankTransfer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Catalogue {
    /// One sample product.
    Sample,
    /// No products.
    Empty,
}

// === impl CreateArgs ===

impl CreateArgs {
    pub(crate) fn into_request(self) -> CreateStore {
        let Self {
            id,
            shop,
            labels,
            tenant,
            request_id,
            release,
            deletion_protection,
            database_gib,
            content_gib,
            validate_only,
            wait: _,
            limit: _,
        } = self;
        let mut request = shop.apply(CreateStore::new().validate_only(validate_only));
        if deletion_protection {
            request = request.deletion_protection(true);
        }
        request = set(request, id, CreateStore::id);
        request = set(request, tenant, CreateStore::tenant);
        request = set(request, release, CreateStore::release);
        request = set(request, request_id, CreateStore::request_id);
        request = set(request, database_gib, CreateStore::database_gib);
        request = set(request, content_gib, CreateStore::content_gib);
        labels.into_iter().fold(request, |request, (key, value)| request.label(key, value))
    }
}

/// Sets what was given and leaves the rest to the server's defaults.
pub(super) fn set<T>(request: CreateStore, value: Option<T>, setter: fn(CreateStore, T) -> CreateStore) -> CreateStore {
    match value {
        Some(value) => setter(request, value),
        None => request,
    }
}

// === impl PaymentMethod ===

impl PaymentMethod {
    pub(super) fn wire(self) -> sendstores_client::PaymentMethod {
        match self {
            Self::CashOnDelivery => sendstores_client::PaymentMethod::CashOnDelivery,
            Self::BankTransfer => sendstores_client::PaymentMethod::BankTransfer,
        }
    }
}

// === impl Catalogue ===

impl Catalogue {
    pub(super) fn wire(self) -> sendstores_client::Catalogue {
        match self {
            Self::Sample => sendstores_client::Catalogue::Sample,
            Self::Empty => sendstores_client::Catalogue::Empty,
        }
    }
}
