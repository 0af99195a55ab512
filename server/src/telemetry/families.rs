//! Every family of metrics that `/metrics` has: what it is called, its type, its labels, and what it says.
//!
//! docs/operations.md has the same table; a test compares the two with what a server exposes. Labels have values from
//! closed sets only: nothing that a caller, a store or a newer version may choose.

use metrics::Unit;

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// The labels, in the order of the table.
    pub labels: &'static [&'static str],
    pub help: &'static str,
    /// What is exposed with the value 0 from the start on.
    pub zero: Zero,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets. Buckets of all replicas can be added up.
    Histogram(&'static [f64]),
}

/// An alert on an increase misses the first event of a series that begins with it.
#[derive(Clone, Copy, Debug)]
pub enum Zero {
    /// The family has no series before the first event, or is not 0 then.
    No,
    /// The one series of a family without labels.
    One,
    /// A series for each of these values of the family's one label.
    Each(&'static [&'static str]),
}

/// Of calls, in seconds.
const CALLS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Of programs, steps and waits, in seconds.
const STEPS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Of whole creations, in seconds.
const CREATIONS: &[f64] =
    &[5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0];

const QUEUES: &[&str] = &["remove", "make", "repair", "probe"];
/// Of objects that are watched.
const KINDS: &[&str] = &[
    "deployments",
    "events",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "resourcequotas",
    "statefulsets",
];
const OK_OR_FAILED: &[&str] = &["ok", "failed"];

const fn counter(name: &'static str, labels: &'static [&'static str], zero: Zero, help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, help, zero }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], zero: Zero, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help, zero }
}

const fn histogram(
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    let zero = if labels.is_empty() { Zero::One } else { Zero::No };
    Family { name, kind: Kind::Histogram(buckets), labels, help, zero }
}

/// All families, by name.
#[rustfmt::skip]
pub const ALL: &[Family] = &[
    counter("process_cpu_seconds_total", &[], Zero::No, "Processor time of the process, in whole seconds"),
    gauge("process_max_fds", &[], Zero::No, "The most files and sockets that the process may have open"),
    gauge("process_open_fds", &[], Zero::No, "Files and sockets that the process has open"),
    gauge("process_resident_memory_bytes", &[], Zero::No, "Memory that the process really has, in bytes"),
    gauge("process_start_time_seconds", &[], Zero::No, "When the process started, in seconds since 1970"),
    gauge("process_threads", &[], Zero::No, "Threads of the process"),
    gauge("process_virtual_memory_bytes", &[], Zero::No, "Address space of the process, in bytes"),
    gauge("process_virtual_memory_max_bytes", &[], Zero::No, "The most address space that the process may have, in bytes"),
    counter("sendstores_audit_dropped_total", &[], Zero::One, "Refusals that are missing in the audit, because there were more than it takes"),
    gauge("sendstores_auth_config_broken", &[], Zero::One, "1 while the bindings cannot be read and those of before hold, else 0"),
    counter("sendstores_auth_total", &["method", "decision"], Zero::No, "Calls by how the caller proved itself (method) and what was decided; other: no caller was recognized"),
    gauge("sendstores_build_info", &["version", "commit"], Zero::No, "Always 1; the labels say what runs"),
    counter("sendstores_cluster_unauthorized_total", &[], Zero::One, "Requests that the Kubernetes API refused because of the server's own token"),
    gauge("sendstores_config_reload_success", &["file"], Zero::No, "1 if the file was usable when it was read last, 0 while what was read before holds"),
    histogram("sendstores_create_to_ready_seconds", CREATIONS, &[], "From the Create of a store to its first READY, in seconds"),
    gauge("sendstores_credentials_file_broken", &[], Zero::One, "1 while the credentials file cannot be read and that of before holds, else 0"),
    histogram("sendstores_cron_call_seconds", STEPS, &[], "How long a shop took to answer a call of its scheduled jobs, in seconds"),
    counter("sendstores_cron_calls_total", &["outcome"], Zero::Each(OK_OR_FAILED), "Calls of the scheduled jobs of shops"),
    counter("sendstores_file_reloads_total", &["outcome"], Zero::Each(&["changed", "unchanged", "refused"]), "How often charts, values and releases were read again after a SIGHUP"),
    histogram("sendstores_grpc_call_seconds", CALLS, &["method"], "How long calls took until their answer began, in seconds"),
    counter("sendstores_grpc_calls_total", &["method", "code"], Zero::No, "Calls that were answered. A watch counts when it begins"),
    histogram("sendstores_helm_seconds", STEPS, &["verb", "outcome"], "How long runs of helm took, in seconds"),
    counter("sendstores_informer_failures_total", &["kind"], Zero::Each(KINDS), "Failed attempts to watch a kind of Kubernetes object"),
    counter("sendstores_informer_gaps_total", &["kind"], Zero::Each(KINDS), "How often the API server no longer had the changes since the last watch of a kind"),
    gauge("sendstores_informer_live", &["kind"], Zero::Each(KINDS), "1 while a kind of Kubernetes object is watched, else 0"),
    histogram("sendstores_ledger_call_seconds", CALLS, &["script", "outcome"], "How long scripts and questions to Redis took, in seconds, repetitions after a lost connection included; reads that wait for a change count if they fail"),
    counter("sendstores_limited_logins_total", &[], Zero::One, "Calls that were refused because of too many wrong tokens from their address; the same as sendstores_limited_total with the limit logins"),
    counter("sendstores_limited_total", &["limit"], Zero::Each(LIMITS), "Calls that a limit refused"),
    gauge("sendstores_mirror_lag_seconds", &[], Zero::No, "How old what this replica reads may be at most, in seconds; up to 4 while it follows Redis and nothing changes"),
    counter("sendstores_oidc_key_fetches_total", &["outcome"], Zero::Each(&["fetched", "failed"]), "How often keys were asked of an issuer of OpenID Connect"),
    counter("sendstores_operations_total", &["kind", "outcome"], Zero::No, "Updates, suspensions, returns and retentions that have ended, by how they ended; not those that another call has ended"),
    counter("sendstores_panics_total", &["where"], Zero::Each(&["call", "cron", "informer", "probe", "record", "run"]), "Panics, by the work that they ended; please report any"),
    histogram("sendstores_permit_wait_seconds", STEPS, &["permit", "queue"], "How long acts waited for a permit, in seconds"),
    gauge("sendstores_permits_wanted", &["permit", "queue"], Zero::No, "Acts that wait for a permit"),
    gauge("sendstores_pods_unreachable", &[], Zero::One, "1 while the API server does not reach the pods of stores, else 0"),
    counter("sendstores_probes_total", &["outcome"], Zero::Each(&["unchanged", "suspect", "changed", "unclear"]), "Probes of READY stores"),
    gauge("sendstores_queue_length", &["kind"], Zero::Each(QUEUES), "Stores that wait for work of a kind: due and not begun, or begun and waiting for a permit"),
    gauge("sendstores_queue_ready", &["queue"], Zero::Each(QUEUES), "Stores that are due and not worked on yet"),
    histogram("sendstores_queue_wait_seconds", STEPS, &["queue"], "How long stores were due before work began, in seconds"),
    gauge("sendstores_read_only", &[], Zero::One, "1 while nothing is written because Redis has lost data, else 0"),
    gauge("sendstores_redis_unsafe", &[], Zero::One, "1 while the settings of Redis may lose an acknowledged write and nothing is written, else 0"),
    gauge("sendstores_replicas", &[], Zero::No, "Replicas that share probes and scheduled jobs; 0 while Redis does not say. The same on all replicas: use max"),
    gauge("sendstores_runs", &["queue"], Zero::Each(QUEUES), "Stores that are worked on, those that wait included"),
    counter("sendstores_step_failures_total", &["reason"], Zero::No, "Failed steps, by the reason that the store shows"),
    histogram("sendstores_step_seconds", STEPS, &["step", "outcome"], "How long steps that were worked on took until they were done or failed, in seconds, waits included"),
    gauge("sendstores_stores", &["state", "engine"], Zero::No, "Stores by state and engine, DELETED ones included until they are forgotten. The same on all replicas: use max by (state, engine)"),
    gauge("sendstores_tenant_count_drift", &[], Zero::No, "By how many stores the counts of tenants in Redis were wrong when they were compared last. The same on all replicas: use max"),
    gauge("sendstores_tls_certificate_expiry_timestamp_seconds", &[], Zero::No, "When the certificate of the gRPC port expires, in seconds since 1970"),
    gauge("sendstores_tls_files_broken", &[], Zero::One, "1 while the TLS files cannot be used and those of before are, else 0"),
    counter("sendstores_tls_handshake_failures_total", &[], Zero::One, "TLS handshakes that failed, those of port scanners included"),
    counter("sendstores_token_reviews_total", &["outcome"], Zero::Each(&["accepted", "refused", "failed"]), "Tokens of service accounts that the Kubernetes API was asked about"),
    gauge("sendstores_tokens_without_expiry", &[], Zero::No, "Tokens in Redis that are valid and never expire. The same on all replicas: use max"),
    gauge("sendstores_unreadable_records", &[], Zero::One, "Records in Redis that this version cannot read. The same on all replicas of a version: use max"),
    gauge("sendstores_watch_streams", &[], Zero::One, "Open watches of this replica"),
    gauge("sendstores_wrong_cluster", &[], Zero::One, "1 while nothing is done because the kubeconfig leads to another cluster, else 0"),
];

/// The values of the label `limit`.
pub const LIMITS: &[&str] = &[
    "calls",
    "connections",
    "creates",
    "logins",
    "metadata",
    "requests",
    "stores",
    "streams",
    "streams-per-peer",
    "streams-per-principal",
    "streams-per-tenant",
];

// === impl Family ===

impl Family {
    /// The unit of its values, which its name has as well.
    pub fn unit(&self) -> Unit {
        let stem = self.name.strip_suffix("_total").unwrap_or(self.name);
        match stem.rsplit_once('_') {
            Some((_, "seconds")) => Unit::Seconds,
            Some((_, "bytes")) => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// Describes the family to the recorder, and begins the series that are there from the start on.
    pub(super) fn register(&self) {
        let Self { name, kind, labels, help, zero } = *self;
        let describe = match kind {
            Kind::Counter => |name, unit, help| metrics::describe_counter!(name, unit, help),
            Kind::Gauge => |name, unit, help| metrics::describe_gauge!(name, unit, help),
            Kind::Histogram(_) => |name, unit, help| metrics::describe_histogram!(name, unit, help),
        };
        describe(name, self.unit(), help);
        let begin = |series: Vec<(&'static str, &'static str)>| match kind {
            Kind::Counter => metrics::counter!(name, &series).absolute(0),
            Kind::Gauge => metrics::gauge!(name, &series).set(0.0),
            // It is exposed once it is there.
            Kind::Histogram(_) => drop(metrics::histogram!(name, &series)),
        };
        match zero {
            Zero::No => {}
            Zero::One => begin(Vec::new()),
            Zero::Each(values) => {
                for value in values {
                    begin(labels.iter().map(|label| (*label, *value)).collect());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_say_type_and_unit() {
        assert!(ALL.is_sorted_by_key(|family| family.name));
        for Family { name, kind, labels, help, zero } in ALL {
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            if let Kind::Histogram(buckets) = kind {
                assert!(name.ends_with("_seconds") && buckets.is_sorted() && !buckets.is_empty(), "{name}");
            }
            assert!(!help.is_empty() && !help.ends_with('.') && !help.contains('|'), "{name}: {help}");
            let begins = matches!((labels.len(), zero), (_, Zero::No) | (0, Zero::One) | (1, Zero::Each(_)));
            assert!(begins, "{name} does not have the labels that it begins with");
            let forbidden = ["tenant", "store", "id", "principal", "le"];
            assert!(!labels.iter().any(|label| forbidden.contains(label)), "{name}: {labels:?}");
        }
    }
}
