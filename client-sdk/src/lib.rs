#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod audit;
mod backups;
mod builder;
mod call;
mod cause;
mod change;
mod client;
mod connections;
mod create;
mod credentials;
mod delete;
mod error;
mod get;
mod interruption;
mod list;
mod retry;
mod summary;
mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
mod tls;
mod token;
mod tokens;
mod wait;
mod watch;

pub use prost_types::Timestamp;
pub use sendstores_proto::{FILE_DESCRIPTOR_SET, v1};

pub use backups::{CreateBackup, UpdateBackup};
pub use builder::Builder;
pub use cause::Cause;
pub use change::{ChangeStore, UpdateStore};
pub use client::Client;
pub use create::CreateStore;
pub use credentials::{Credentials, Password};
pub use delete::DeleteStore;
pub use error::{Error, FieldViolation};
pub use get::GetStore;
pub use interruption::Interruption;
pub use list::ListStores;
pub use retry::RetryPolicy;
pub use summary::CountStores;
pub use tokens::CreateToken;
pub use v1::{Catalogue, Engine, PaymentMethod, Store, StoreFilter, StoreView, store::State};
pub use watch::{Event, ResumeToken, Watch, WatchEvent};
