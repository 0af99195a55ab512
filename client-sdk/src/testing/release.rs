//! The one release that this server offers: that of a server whose operator has declared none.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::refusal::DOMAIN;
use crate::v1::{Engine, StoreSpec, list_releases_response::Offer};

const NAME: &str = "default";

pub(super) fn standing_in() -> Offer {
    Offer { name: NAME.to_owned(), engine: Engine::Woocommerce.into(), default: true, ..Offer::default() }
}

/// Refuses any other.
pub(super) fn check(spec: Option<&StoreSpec>) -> Result<(), Status> {
    match spec.map_or("", |spec| &spec.release) {
        "" | NAME => Ok(()),
        name => {
            let message = format!("spec.release: this server does not offer {name}");
            let metadata = [("release", name), ("engine", "woocommerce")];
            let metadata: HashMap<_, _> = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            let mut details = ErrorDetails::with_error_info("RELEASE_UNKNOWN", DOMAIN, metadata);
            details.add_bad_request_violation("spec.release", &message);
            Err(Status::with_error_details(Code::InvalidArgument, message, details))
        }
    }
}
