//! Stores to test with.

use std::{fmt::Debug, str::FromStr};

use sendstores_core::{
    Backup, Engine, Labels, Offer, ReleaseName, Role, Scope, ShopSettings, Store, StoreId, StoreSpec, Tenant,
    Timestamp, Token,
    backup::{BackupType, NewBackup},
    shop::{NewShop, ShopDraft},
    store::NewStore,
    token::{NewToken, TokenDigest},
};
use sendstores_server::provision::ENGINES;

/// The value that a valid `text` stands for.
pub fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}

/// The id of a store.
pub fn store_id(text: &str) -> StoreId {
    parsed(text)
}

/// A tenant that is called as its id is.
pub fn tenant(id: &str) -> Tenant {
    let uid = parsed("0193b0a0-7c3e-7000-8000-0000000000bf");
    Tenant::new(parsed(id), uid, parsed(id), Timestamp::from_micros(1_700_000_000_000_000))
}

/// A token of a reader of this tenant. Its text is nobody's.
pub fn token(id: &str, tenant: &str) -> Token {
    let new = NewToken {
        id: parsed(id),
        name: parsed("ci"),
        digest: TokenDigest::new([7; 32]),
        role: Role::Reader,
        scope: Scope::of_tenants([parsed(tenant)]).expect("a scope"),
        abilities: None,
        creator: "test".to_owned(),
        expire_time: None,
    };
    Token::new(new, Timestamp::from_micros(1_700_000_000_000_000))
}

/// A backup of the `nth` store of these backups that was just asked for.
pub fn backup(nth: u8, name: &str) -> Backup {
    let new = NewBackup {
        id: parsed(&format!("0193b0a0-7c3e-7000-8000-0000000001{nth:02x}/{name}")),
        store: parsed("store-a"),
        tenant: Some(parsed("acme")),
        labels: Labels::default(),
        of: BackupType::OnDemand,
        request_id: None,
        release: None,
        expire_time: None,
    };
    Backup::new(new, Timestamp::from_micros(1_700_000_000_000_000))
}

/// The release of a server whose operator has declared none.
pub fn standing_in() -> Offer {
    Offer {
        name: ReleaseName::standing_in(),
        engine: Engine::new("woocommerce"),
        versions: Default::default(),
        images: Default::default(),
        default: true,
        security: false,
        notes_url: String::new(),
        declared: false,
    }
}

/// A store that was just asked for.
pub fn store(id: &str) -> Store {
    let new = NewStore {
        id: parsed(id),
        uid: parsed("0193b0a0-7c3e-7000-8000-0000000000af"),
        tenant: Some(parsed("acme")),
        labels: Labels::parse([("team".to_owned(), "a".to_owned())]).expect("valid"),
        spec: StoreSpec {
            engine: Engine::new("woocommerce"),
            shop: shop(),
            release: None,
            deletion_protection: false,
            volumes: Default::default(),
        },
        url: format!("http://{id}.localhost:8080"),
        pipeline: ENGINES.pipeline(Engine::new("woocommerce")),
    };
    Store::new(new, Timestamp::from_micros(1_700_000_000_000_000))
}

/// Settings of a shop.
pub fn shop() -> ShopSettings {
    let text = |text: &str| Some(text.to_owned());
    let draft = ShopDraft {
        title: text("Käse & Brot"),
        admin_email: text("owner@example.com"),
        country: text("DE"),
        currency: text("EUR"),
        locale: text("de_DE"),
        timezone: text("Europe/Berlin"),
        taxes: Some(true),
        tax_rate: Some(text("19")),
        flat_rate: text("4.90"),
        ..ShopDraft::default()
    };
    draft.complete(&NewShop { id: &parsed("store-a"), host: "store-a.localhost" }).expect("valid")
}
