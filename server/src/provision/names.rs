//! What our objects are called and how they are marked.

/// The field manager of everything that is applied.
pub(crate) const MANAGER: &str = "sendstores";

// Labels of a store's namespace and of what the control plane puts into it.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
pub(crate) const STORE: &str = "sendstores.dev/store";
pub(crate) const UID: &str = sendstores_core::adoption::UID_LABEL;
/// Of the namespace alone: which of several control planes on one cluster.
pub(crate) const INSTANCE: &str = "sendstores.dev/instance";

/// The namespace whose uid is the cluster's.
pub(crate) const OF_THE_CLUSTER: &str = "kube-system";

// Annotations of a store's namespace: all that it takes to adopt the store again when the ledger is lost.
pub(crate) const GENERATION: &str = "sendstores.dev/generation";
pub(crate) const SPEC: &str = "sendstores.dev/spec";
pub(crate) const SPEC_DIGEST: &str = "sendstores.dev/spec-digest";
pub(crate) const TENANT: &str = "sendstores.dev/tenant";
pub(crate) const LABELS: &str = "sendstores.dev/labels";
pub(crate) const URL: &str = "sendstores.dev/url";
/// When the store was READY for the first time. Absent: never.
pub(crate) const READY_TIME: &str = "sendstores.dev/ready-time";
/// Present while nothing of the store shall run.
pub(crate) const SUSPENDED: &str = "sendstores.dev/suspended";
/// Present while the store is kept although its deletion was asked for: when it is removed for good.
pub(crate) const PURGE_TIME: &str = "sendstores.dev/purge-time";
/// The operation that moves the store to another release, while it is under way.
pub(crate) const OPERATION: &str = "sendstores.dev/operation";
/// What the store was made from.
pub(crate) const MADE_FROM: &str = "sendstores.dev/made-from";

/// Quota and limit range.
pub(crate) const LIMITS: &str = "store";
pub(crate) const DEFAULT_DENY: &str = "default-deny";
pub(crate) const CREDENTIALS: &str = "store-credentials";

/// The helm release of every store.
pub(crate) const RELEASE: &str = "store";
/// The label that distinguishes the pods of the two workloads.
pub(crate) const POD_NAME: &str = "app.kubernetes.io/name";
