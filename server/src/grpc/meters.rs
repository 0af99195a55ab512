//! Which method a call is of, and what is counted of it.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Histogram};
use sendstores_proto::{
    access::{Method, MethodAccess},
    v1::access::Effect,
};

use super::status::{self, CODES};

/// The method of a call, with its row in the table of methods. All that is not in the table has one name, so that callers
/// cannot make labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Called(Option<&'static MethodAccess>);

/// Looking a meter up by its labels costs more than counting, so that each is looked up once.
struct Meters {
    calls: [OnceLock<Counter>; CODES],
    seconds: OnceLock<Histogram>,
}

/// One more, for what is no method.
const METERED: usize = Method::ALL.len() + 1;

static METERS: [Meters; METERED] =
    [const { Meters { calls: [const { OnceLock::new() }; CODES], seconds: OnceLock::new() } }; METERED];

// === impl Called ===

impl Called {
    pub(super) fn of(path: &str) -> Self {
        Self(MethodAccess::of(path))
    }

    /// `None`: there is no such method.
    pub(super) fn access(self) -> Option<&'static MethodAccess> {
        self.0
    }

    /// `None`: there is no such method.
    pub(super) fn method(self) -> Option<Method> {
        self.0.map(|access| access.method)
    }

    pub(super) fn name(self) -> &'static str {
        self.method().map_or("other", Method::name)
    }

    /// Health and reflection, which come from programs.
    pub(super) fn is_beside(self) -> bool {
        matches!(self.method(), Some(Method::Health | Method::Reflection))
    }

    /// Reads that go well are many. A watch is one call for hours.
    pub(super) fn is_frequent(self) -> bool {
        let Some(MethodAccess { method, effect, audit, .. }) = self.0 else { return false };
        *effect == Effect::Read && !audit && *method != Method::WatchStatus
    }

    /// Counts a call that was answered.
    pub(super) fn count(self, code: i32, took: Duration) {
        let Meters { calls, seconds } = &METERS[self.method().map_or(METERED - 1, |method| method as usize)];
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
        assert_eq!(Called::of("/sendstores.v1.StoreService/Get").method(), Some(Method::Get));
        assert_eq!(Called::of("/grpc.health.v1.Health/Check").method(), Some(Method::Health));
        for other in ["", "/", "/sendstores.v1.StoreService/Gett", "/grpc.health.v1.Healthy"] {
            assert_eq!(Called::of(other).name(), "other", "{other:?}");
        }
    }

    #[test]
    fn frequent_calls_are_the_reads_that_leave_no_record() {
        let frequent: Vec<_> = Method::ALL
            .iter()
            .filter(|method| {
                sendstores_proto::access::METHODS
                    .iter()
                    .any(|row| row.method == **method && Called(Some(row)).is_frequent())
            })
            .collect();
        assert_eq!(
            frequent,
            [
                &Method::TenantGet,
                &Method::TenantList,
                &Method::GetPrincipal,
                &Method::AuditList,
                &Method::GetBackup,
                &Method::ListBackups,
                &Method::Get,
                &Method::List,
                &Method::GetSummary,
                &Method::ListReleases,
                &Method::TokenList,
                &Method::Health,
                &Method::Reflection
            ]
        );
    }
}
