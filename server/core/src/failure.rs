//! Why a store does not advance.

use std::fmt;

use crate::{diagnosis::Diagnosis, step::StepName, time::Timestamp, word::name_type};

/// The stable reasons: the categories that all engines share, and those that an engine adds. docs/errors.md has a section for
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    ClusterUnavailable,
    NamespaceConflict,
    NamespaceMissing,
    ObjectRefused,
    QuotaExceeded,
    ReleaseFailed,
    ValuesRefused,
    ImageUnavailable,
    VolumeUnavailable,
    PodUnschedulable,
    DatabaseUnavailable,
    ApplicationUnavailable,
    BootstrapFailed,
    DataMissing,
    StorefrontUnavailable,
    /// An admission webhook does not answer, and Kubernetes refuses objects meanwhile.
    WebhookUnavailable,
    /// A node does not run pods, or the API server does not reach its kubelet.
    NodeUnavailable,
    RemovalBlocked,
    /// A pod of a store that is to be suspended does not stop.
    SuspensionBlocked,
    /// An update failed, and what the store was made from before could not be brought back.
    RollbackFailed,
    /// An update was rolled back, and the shop does not sell.
    UpdateNeedsDecision,
    Internal,
    /// One that the domain does not name: the engine's own, or one of a newer version.
    Open(ReasonName),
}

/// The name of a reason that an engine has of its own, in capitals, such as `LICENCE_EXPIRED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonName(&'static str);

name_type!(ReasonName);

/// What failed, and when it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: FailureReason,
    /// One sentence for a human; never a secret. At most [`Failure::MAX_MESSAGE`] characters.
    pub message: String,
    pub step: Option<StepName>,
    pub attempt: u32,
    /// `None`: not before the intent changes.
    pub retry_time: Option<Timestamp>,
    /// What the cluster showed then; rarely there, so apart from the rest.
    pub diagnosis: Option<Box<Diagnosis>>,
}

// === impl Failure ===

impl Failure {
    pub const MAX_MESSAGE: usize = 1024;
}

// === impl FailureReason ===

impl FailureReason {
    /// The categories that all engines share.
    pub const ALL: [Self; 22] = [
        Self::ClusterUnavailable,
        Self::NamespaceConflict,
        Self::NamespaceMissing,
        Self::ObjectRefused,
        Self::QuotaExceeded,
        Self::ReleaseFailed,
        Self::ValuesRefused,
        Self::ImageUnavailable,
        Self::VolumeUnavailable,
        Self::PodUnschedulable,
        Self::DatabaseUnavailable,
        Self::ApplicationUnavailable,
        Self::BootstrapFailed,
        Self::DataMissing,
        Self::StorefrontUnavailable,
        Self::WebhookUnavailable,
        Self::NodeUnavailable,
        Self::RemovalBlocked,
        Self::SuspensionBlocked,
        Self::RollbackFailed,
        Self::UpdateNeedsDecision,
        Self::Internal,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterUnavailable => "CLUSTER_UNAVAILABLE",
            Self::NamespaceConflict => "NAMESPACE_CONFLICT",
            Self::NamespaceMissing => "NAMESPACE_MISSING",
            Self::ObjectRefused => "OBJECT_REFUSED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::ReleaseFailed => "RELEASE_FAILED",
            Self::ValuesRefused => "VALUES_REFUSED",
            Self::ImageUnavailable => "IMAGE_UNAVAILABLE",
            Self::VolumeUnavailable => "VOLUME_UNAVAILABLE",
            Self::PodUnschedulable => "POD_UNSCHEDULABLE",
            Self::DatabaseUnavailable => "DATABASE_UNAVAILABLE",
            Self::ApplicationUnavailable => "APPLICATION_UNAVAILABLE",
            Self::BootstrapFailed => "BOOTSTRAP_FAILED",
            Self::DataMissing => "DATA_MISSING",
            Self::StorefrontUnavailable => "STOREFRONT_UNAVAILABLE",
            Self::WebhookUnavailable => "WEBHOOK_UNAVAILABLE",
            Self::NodeUnavailable => "NODE_UNAVAILABLE",
            Self::RemovalBlocked => "REMOVAL_BLOCKED",
            Self::SuspensionBlocked => "SUSPENSION_BLOCKED",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::UpdateNeedsDecision => "UPDATE_NEEDS_DECISION",
            Self::Internal => "INTERNAL",
            Self::Open(name) => name.as_str(),
        }
    }

    /// Whether it is a fault of the cluster or of this server, and says nothing of what the store is made from.
    pub const fn is_of_the_cluster(self) -> bool {
        matches!(self, Self::ClusterUnavailable | Self::NodeUnavailable | Self::WebhookUnavailable | Self::Internal)
    }

    /// A reason that the domain does not name.
    pub const fn open(name: &'static str) -> Self {
        Self::Open(ReasonName::new(name))
    }

    /// The reason that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.or_else(|| ReasonName::parse(text).map(Self::Open))
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
