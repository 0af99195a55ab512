//! The SendStores domain: what a store is, where it can be, and what to do next.
//!
//! Nothing here waits, talks or stores: no runtime, no wire format, no database, no Kubernetes. The ports
//! ([`ledger::Ledger`], [`provisioner::Provisioner`], [`credentials::ReadCredentials`],
//! [`cron::RunCron`], [`backup::job::RunJobs`], [`adoption::ListNamespaces`], [`cluster::Identify`]) say what the domain needs of the world; the server's modules
//! provide it.

pub mod access;
pub mod admission;
pub mod adoption;
pub mod audit;
pub mod backoff;
pub mod backup;
pub mod cluster;
pub mod credentials;
pub mod cron;
pub mod diagnosis;
pub mod engine;
pub mod evidence;
pub mod failure;
pub mod filter;
pub mod history;
pub mod host;
pub mod id;
pub mod label;
pub mod ledger;
pub mod lifecycle;
pub mod listing;
pub mod observed;
pub mod offer;
pub mod operation;
pub mod plan;
pub mod provisioner;
pub mod release;
pub mod resource;
pub mod revision;
pub mod shard;
pub mod shop;
pub mod state;
pub mod step;
pub mod store;
pub mod summary;
pub mod tenant;
pub mod text;
pub mod time;
pub mod token;
pub mod version;
pub mod volumes;
pub mod word;

pub use access::{Permission, Principal, PrincipalName, Role, Scope};
pub use backup::{Backup, BackupState};
pub use diagnosis::Diagnosis;
pub use engine::{Engine, EngineFacts, Engines, Pipeline};
pub use evidence::Evidence;
pub use failure::{Failure, FailureReason};
pub use filter::{Former, StoreFilter};
pub use history::{Actor, CallId, Cause, Happening, History, HistoryEntry};
pub use id::{BackupId, RequestId, StoreId, TenantId, TokenId, Uid};
pub use label::Labels;
pub use listing::{Listing, Order, OrderBy, Place, Search};
pub use offer::{AvailableUpdate, Offer, Offers};
pub use operation::{Operation, OperationId, OperationKind, OperationState};
pub use release::{Release, ReleaseName};
pub use resource::{Key, Kind, Record, Resource, ResourceId};
pub use revision::{Epoch, Revision};
pub use shop::ShopSettings;
pub use state::{Event, IllegalTransition, State};
pub use step::{Step, StepFacts, StepName, StepState};
pub use store::{Amendment, Store, StoreSpec};
pub use summary::Summary;
pub use tenant::Tenant;
pub use text::Invalid;
pub use time::Timestamp;
pub use token::Token;
pub use word::Word;
