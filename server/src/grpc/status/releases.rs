//! A release that this server does not have.

use std::collections::HashMap;

use sendstores_core::{Engine, ReleaseName};
use tonic::Code;

/// No release of this name is offered for stores of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) struct ReleaseUnknown {
    pub(in crate::grpc) name: ReleaseName,
    pub(in crate::grpc) engine: Engine,
}

// === impl ReleaseUnknown ===

impl ReleaseUnknown {
    pub(super) const REASON: (Code, &'static str) = (Code::InvalidArgument, "RELEASE_UNKNOWN");

    pub(super) fn message(&self) -> String {
        let Self { name, engine } = self;
        format!(
            "spec.release: this server does not offer {name} for {engine}; ListReleases (`sendstores releases`) has what it offers"
        )
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let pairs = [("release", self.name.to_string()), ("engine", self.engine.to_string())];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
