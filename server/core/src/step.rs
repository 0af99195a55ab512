//! The steps from intent to a working store.

use std::fmt;

use crate::time::Timestamp;

/// The steps in the order they are taken; `Removal` is the one step of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepName {
    /// The namespace with all its walls, before the first pod.
    Namespace,
    /// The generated passwords and keys.
    Credentials,
    /// The helm release.
    Release,
    /// The database accepts queries.
    Database,
    /// The application's pod answers.
    Application,
    /// WordPress and WooCommerce are installed and configured.
    Bootstrap,
    /// The shop is exposed and was seen to sell.
    Storefront,
    /// Everything is gone.
    Removal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Pending,
    Running,
    Succeeded,
    Failed,
}

/// How far one step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: StepName,
    pub state: StepState,
    /// How many times it was begun.
    pub attempt: u32,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
    /// What it waits for or has found; never a secret.
    pub detail: String,
}

// === impl StepName ===

impl StepName {
    /// The steps of provisioning, in order.
    pub const PROVISIONING: [Self; 7] = [
        Self::Namespace,
        Self::Credentials,
        Self::Release,
        Self::Database,
        Self::Application,
        Self::Bootstrap,
        Self::Storefront,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Credentials => "credentials",
            Self::Release => "release",
            Self::Database => "database",
            Self::Application => "application",
            Self::Bootstrap => "bootstrap",
            Self::Storefront => "storefront",
            Self::Removal => "removal",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::PROVISIONING.into_iter().chain([Self::Removal]).find(|name| name.as_str() == text)
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl StepState ===

impl StepState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }
}

// === impl Step ===

impl Step {
    pub const MAX_DETAIL: usize = 512;

    pub fn pending(name: StepName) -> Self {
        Self { name, state: StepState::Pending, attempt: 0, start_time: None, end_time: None, detail: String::new() }
    }
}
