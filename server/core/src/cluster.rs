//! Which cluster the stores of a ledger stand in. A kubeconfig says where to ask, and not whom.

use std::{fmt, future::Future, str::FromStr};

use crate::{provisioner::StepError, text::Invalid};

/// Tells one cluster from another for as long as it lives: the uid of its namespace `kube-system`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterUid(String);

/// What a cluster says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    Known(ClusterUid),
    /// It does not say, and why: nothing is compared then.
    Hidden(String),
}

/// The port to a cluster's identity.
pub trait Identify: Clone + Send + Sync + 'static {
    /// Never changes anything.
    fn identify(&self) -> impl Future<Output = Result<Identity, StepError>> + Send;
}

/// Whether a server works in the cluster that the stores of its ledger stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was asked yet.
    Pending,
    /// The cluster could not be asked, and why. That does not make it a wrong one.
    Unreachable(String),
    /// It does, as far as the cluster says.
    Here,
    /// It does not, and why.
    Elsewhere(String),
}

// === impl ClusterUid ===

impl ClusterUid {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterUid {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or_else(|| Invalid::new("must be 1 to 64 printable ASCII characters"))
    }
}

impl fmt::Display for ClusterUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
