//! Which method a call is of, and what is counted of it.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Histogram};
use sendstores_proto::v1::store_service_server::SERVICE_NAME;

use super::status::{self, CODES};

/// The methods there are; all else has one name, so that callers cannot make labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Create,
    Get,
    List,
    Delete,
    WatchStatus,
    GetCredentials,
    /// The service has none of this name.
    Unknown,
    Health,
    Reflection,
    Other,
}

/// Looking a meter up by its labels costs more than counting, so that each is looked up once.
struct Meters {
    calls: [OnceLock<Counter>; CODES],
    seconds: OnceLock<Histogram>,
}

const METHODS: usize = Method::Other as usize + 1;

static METERS: [Meters; METHODS] =
    [const { Meters { calls: [const { OnceLock::new() }; CODES], seconds: OnceLock::new() } }; METHODS];

// === impl Method ===

impl Method {
    pub(super) fn of(path: &str) -> Self {
        match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
            Some((SERVICE_NAME, method)) => Self::of_service(method),
            Some(("grpc.health.v1.Health", _)) => Self::Health,
            Some((service, _)) if service.starts_with("grpc.reflection.") => Self::Reflection,
            _ => Self::Other,
        }
    }

    fn of_service(method: &str) -> Self {
        match method {
            "Create" => Self::Create,
            "Get" => Self::Get,
            "List" => Self::List,
            "Delete" => Self::Delete,
            "WatchStatus" => Self::WatchStatus,
            "GetCredentials" => Self::GetCredentials,
            _ => Self::Unknown,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Get => "Get",
            Self::List => "List",
            Self::Delete => "Delete",
            Self::WatchStatus => "WatchStatus",
            Self::GetCredentials => "GetCredentials",
            Self::Health => "Health",
            Self::Reflection => "Reflection",
            Self::Unknown | Self::Other => "other",
        }
    }

    /// Reads that go well are many.
    pub(super) fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::List | Self::Health | Self::Reflection)
    }

    /// Counts a call that was answered.
    pub(super) fn count(self, code: i32, took: Duration) {
        let Meters { calls, seconds } = &METERS[self as usize];
        let method = self.name();
        let counter = calls[status::code_index(code)].get_or_init(
            || metrics::counter!("sendstores_grpc_calls_total", "method" => method, "code" => status::code_name(code)),
        );
        counter.increment(1);
        let histogram = seconds.get_or_init(|| metrics::histogram!("sendstores_grpc_call_seconds", "method" => method));
        histogram.record(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_callers_are_no_labels() {
        assert_eq!(Method::of("/sendstores.v1.StoreService/Get"), Method::Get);
        assert_eq!(Method::of("/grpc.health.v1.Health/Check"), Method::Health);
        for other in ["", "/", "/sendstores.v1.StoreService/Gett", "/grpc.health.v1.Healthy"] {
            assert_eq!(Method::of(other).name(), "other", "{other:?}");
        }
    }
}
