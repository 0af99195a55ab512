//! What stands in a store's way, as the cluster showed it when a step failed, and what to do about it. The texts come from
//! the store's engine and from the provisioner: the domain only keeps them.

use crate::time::Timestamp;

/// What was found around the object that blocks. Empty fields: nothing was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Kind and name, such as `Pod mysql-0`.
    pub object: String,
    /// What the cluster last reported of the object, the newest last. At most [`Diagnosis::MAX_EVENTS`].
    pub events: Vec<ObjectEvent>,
    /// The last lines of the log of what does not work, without secrets. At most [`Diagnosis::MAX_LOG`] characters.
    pub log_tail: String,
    /// One thing to do about what was found. Empty: what the engine advises for the reason
    /// ([`EngineFacts::advise`](crate::EngineFacts)). At most [`Diagnosis::MAX_SUGGESTION`] characters.
    pub suggestion: String,
}

/// One event that the cluster reported of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// When it was last so.
    pub time: Option<Timestamp>,
    /// The cluster's own word, such as `FailedMount`. At most [`ObjectEvent::MAX_REASON`] characters.
    pub reason: String,
    /// One sentence without secrets. At most [`ObjectEvent::MAX_MESSAGE`] characters.
    pub message: String,
}

// === impl Diagnosis ===

impl Diagnosis {
    pub const MAX_EVENTS: usize = 5;
    pub const MAX_LOG: usize = 2_000;
    pub const MAX_SUGGESTION: usize = 512;

    pub fn is_empty(&self) -> bool {
        let Self { object, events, log_tail, suggestion } = self;
        object.is_empty() && events.is_empty() && log_tail.is_empty() && suggestion.is_empty()
    }
}

impl ObjectEvent {
    pub const MAX_REASON: usize = 64;
    pub const MAX_MESSAGE: usize = 256;
}
