//! What Kubernetes, helm and admission webhooks answer, sorted into causes. No other place reads their words.
//!
//! Most answers have no code for their cause, so the words decide. `tests/fixtures/answers` holds answers with the
//! reason that each must get; a file dropped there is a case.

#[cfg(test)]
mod corpus;

use sendstores_core::failure::FailureReason;

/// Why the cluster did not do what it was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) kind: Kind,
    /// What the answer names: the webhook, the policy, the APIService.
    pub(crate) name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The webhook does not answer, and its failure policy refuses everything meanwhile.
    WebhookUnavailable,
    WebhookRefused,
    /// A ValidatingAdmissionPolicy refused it.
    PolicyRefused,
    PodSecurityRefused,
    /// The control plane lacks a permission.
    NotPermitted,
    /// The API server does not accept the credentials of the control plane.
    CredentialsRefused,
    QuotaExceeded,
    LimitRange,
    /// The quota controller has not counted yet.
    QuotaNotCounted,
    NamespaceTerminating,
    /// An aggregated API has no backend.
    ApiServiceUnavailable,
    /// The API server does not reach the kubelet, or the node does not run pods.
    NodeUnavailable,
    /// The API server does not reach the pods.
    PodsUnreachable,
    NoEndpoints,
    ImageUnavailable,
    VolumeUnavailable,
    Unschedulable,
    /// The chart or its schema refuses the values: the same again gives the same.
    ValuesRefused,
    /// Kubernetes does not change this field in place.
    Unchangeable,
    ObjectInvalid,
    /// Another writer changed the object at the same time.
    Conflict,
    ReleaseFailed,
    ClusterUnavailable,
}

/// An answer with all of these words, in lower case, has this cause. `name_after`: the word before the quoted name.
struct Row {
    words: &'static [&'static str],
    kind: Kind,
    name_after: Option<&'static str>,
}

const fn row(kind: Kind, words: &'static [&'static str]) -> Row {
    Row { words, kind, name_after: None }
}

const fn named(kind: Kind, words: &'static [&'static str], name_after: &'static str) -> Row {
    Row { words, kind, name_after: Some(name_after) }
}

/// The first row that matches counts, so what is more certain stands first: a webhook that cannot be reached quotes
/// "connection refused", which alone means that the API server cannot be reached.
const ROWS: &[Row] = &[
    named(Kind::WebhookUnavailable, &["failed calling webhook"], "webhook"),
    named(Kind::WebhookUnavailable, &["failed calling admission webhook"], "webhook"),
    row(Kind::WebhookUnavailable, &["conversion webhook for", "failed"]),
    named(Kind::WebhookRefused, &["admission webhook", "denied"], "webhook"),
    named(Kind::PolicyRefused, &["validatingadmissionpolicy", "denied request"], "validatingadmissionpolicy"),
    row(Kind::PodSecurityRefused, &["violates podsecurity"]),
    // helm quotes values in what it says of them: what follows may be in a value.
    row(Kind::ValuesRefused, &["don't meet the specifications of the schema"]),
    row(Kind::ValuesRefused, &["execution error at ("]),
    row(Kind::ValuesRefused, &["cannot be imported", "values"]),
    row(Kind::ValuesRefused, &["failed to parse", ".yaml", "error converting yaml to json"]),
    row(Kind::ValuesRefused, &["yaml parse error on"]),
    row(Kind::Conflict, &["operation cannot be fulfilled on", "the object has been modified"]),
    row(Kind::QuotaNotCounted, &["status unknown for quota"]),
    row(Kind::QuotaExceeded, &["exceeded quota"]),
    row(Kind::QuotaExceeded, &["failed quota"]),
    row(Kind::QuotaExceeded, &["must specify limits"]),
    row(Kind::LimitRange, &["max limit to request ratio"]),
    row(Kind::LimitRange, &["maximum ", " usage per "]),
    row(Kind::LimitRange, &["minimum ", " usage per "]),
    row(Kind::LimitRange, &["maximum storage"]),
    row(Kind::NamespaceTerminating, &["because it is being terminated"]),
    named(Kind::ApiServiceUnavailable, &["unable to retrieve the complete list of server apis"], "server apis"),
    row(Kind::NodeUnavailable, &["error dialing backend"]),
    row(Kind::NodeUnavailable, &[":10250"]),
    row(Kind::NodeUnavailable, &["/containerlogs/"]),
    row(Kind::NodeUnavailable, &["the node was low on resource"]),
    row(Kind::NodeUnavailable, &["the node had condition"]),
    row(Kind::NodeUnavailable, &["failed to create pod sandbox"]),
    row(Kind::NodeUnavailable, &["failed create pod sandbox"]),
    row(Kind::NodeUnavailable, &["node is not ready"]),
    row(Kind::NodeUnavailable, &["is shutting down", "node"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "timeout"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "timed out"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "no route to host"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "deadline exceeded"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "network is unreachable"]),
    row(Kind::PodsUnreachable, &["error trying to reach service", "no agent available"]),
    row(Kind::NoEndpoints, &["no endpoints available for service"]),
    row(Kind::NoEndpoints, &["error trying to reach service"]),
    row(Kind::ImageUnavailable, &["failed to pull"]),
    row(Kind::ImageUnavailable, &["back-off pulling image"]),
    row(Kind::ImageUnavailable, &["failed to apply default image tag"]),
    row(Kind::VolumeUnavailable, &["unbound immediate persistentvolumeclaim"]),
    row(Kind::VolumeUnavailable, &["volume node affinity conflict"]),
    row(Kind::VolumeUnavailable, &["multi-attach error"]),
    row(Kind::VolumeUnavailable, &["unable to attach or mount volumes"]),
    row(Kind::VolumeUnavailable, &["unable to mount volumes for pod"]),
    row(Kind::VolumeUnavailable, &["mountvolume."]),
    row(Kind::VolumeUnavailable, &["attachvolume.attach failed"]),
    row(Kind::VolumeUnavailable, &["failed to provision volume"]),
    row(Kind::VolumeUnavailable, &["storageclass.storage.k8s.io", "not found"]),
    row(Kind::VolumeUnavailable, &["no persistent volumes available"]),
    row(Kind::Unschedulable, &["nodes are available:"]),
    row(Kind::Unschedulable, &["nodes are available that match all of"]),
    row(Kind::Unschedulable, &["no nodes available to schedule pods"]),
    row(Kind::ReleaseFailed, &["another operation (install/upgrade/rollback) is in progress"]),
    row(Kind::ReleaseFailed, &["invalid ownership metadata"]),
    row(Kind::ReleaseFailed, &["no matches for kind"]),
    row(Kind::ReleaseFailed, &["has no deployed releases"]),
    row(Kind::ReleaseFailed, &["conflict occurred while applying object"]),
    row(Kind::ReleaseFailed, &["conflicts with", "apply failed with"]),
    row(Kind::ReleaseFailed, &["which is incompatible with kubernetes"]),
    row(Kind::CredentialsRefused, &["you must be logged in to the server"]),
    row(Kind::CredentialsRefused, &["asked for the client to provide credentials"]),
    row(Kind::CredentialsRefused, &["x509: certificate"]),
    row(Kind::CredentialsRefused, &["getting credentials: exec"]),
    row(Kind::ClusterUnavailable, &["cluster unreachable"]),
    row(Kind::ClusterUnavailable, &["etcdserver"]),
    row(Kind::ClusterUnavailable, &["leader changed"]),
    row(Kind::ClusterUnavailable, &["storage is (re)initializing"]),
    row(Kind::ClusterUnavailable, &["the server is currently unable"]),
    row(Kind::ClusterUnavailable, &["apiserver not ready"]),
    row(Kind::ClusterUnavailable, &["too many requests"]),
    row(Kind::ClusterUnavailable, &["the server was unable to return a response in the time allotted"]),
    row(Kind::NotPermitted, &[" is forbidden: user ", " cannot "]),
    row(Kind::NotPermitted, &["attempting to grant rbac permissions not currently held"]),
    row(Kind::Unchangeable, &["is immutable"]),
    row(Kind::Unchangeable, &["updates to statefulset spec for fields other than"]),
    row(Kind::Unchangeable, &["field can not be less than"]),
    row(Kind::Unchangeable, &["only dynamically provisioned pvc can be resized"]),
    row(Kind::ObjectInvalid, &[" is forbidden"]),
    row(Kind::ObjectInvalid, &[" is invalid: "]),
    row(Kind::ObjectInvalid, &["the request is invalid"]),
    row(Kind::ClusterUnavailable, &["connection refused"]),
    row(Kind::ClusterUnavailable, &["connection reset"]),
    row(Kind::ClusterUnavailable, &["connection lost"]),
    row(Kind::ClusterUnavailable, &["no such host"]),
    row(Kind::ClusterUnavailable, &["no route to host"]),
    row(Kind::ClusterUnavailable, &["i/o timeout"]),
    row(Kind::ClusterUnavailable, &["tls handshake timeout"]),
    row(Kind::ClusterUnavailable, &["context deadline exceeded"]),
];

/// The cause that the words of an answer name; `None` where they name none that is known.
pub(crate) fn cause(text: &str) -> Option<Cause> {
    // Messages quote others, and a quote within JSON is escaped.
    let text = text.replace("\\\"", "\"");
    let lower = text.to_ascii_lowercase();
    let row = ROWS.iter().find(|row| row.words.iter().all(|word| lower.contains(word)))?;
    // The word may stand in what was put before the answer, too.
    let mut after =
        row.name_after.into_iter().flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()));
    let name = after.find_map(|at| match row.kind {
        Kind::ApiServiceUnavailable => api_service(text.get(at..)?),
        _ => quoted(text.get(at..)?),
    });
    Some(Cause { kind: row.kind, name })
}

/// The cause of an answer of the API with this code.
pub(crate) fn cause_of_status(code: u16, text: &str) -> Cause {
    cause(text).unwrap_or(Cause {
        kind: match code {
            // Says nothing of the object.
            401 => Kind::CredentialsRefused,
            408 | 429 | 500.. => Kind::ClusterUnavailable,
            _ => Kind::ObjectInvalid,
        },
        name: None,
    })
}

/// The name in quotes that `rest` begins with.
fn quoted(rest: &str) -> Option<String> {
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = rest.get(1..)?.split(quote).next()?;
    is_name(name).then(|| name.to_owned())
}

/// `: metrics.k8s.io/v1beta1: the server is currently unable` names the APIService v1beta1.metrics.k8s.io.
fn api_service(rest: &str) -> Option<String> {
    let group_version = rest.trim_start_matches([':', ' ']).split([':', ' ', ',']).next()?;
    let (group, version) = group_version.split_once('/')?;
    let name = format!("{version}.{group}");
    is_name(&name).then_some(name)
}

/// Whether a text can be an object's name: only such a one may stand in a command.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    !text.is_empty() && text.len() <= 253 && text.chars().all(allowed) && !text.starts_with('-')
}

// === impl Cause ===

impl Cause {
    /// The answer, after what it says of an object that the store does not own.
    pub(crate) fn explained(&self, answer: &str) -> String {
        match (self.kind, &self.name) {
            (Kind::WebhookUnavailable, Some(name)) => format!("the webhook {name} does not answer: {answer}"),
            (Kind::ApiServiceUnavailable, Some(name)) => format!("the APIService {name} is not available: {answer}"),
            _ => answer.to_owned(),
        }
    }

    pub(crate) fn reason(&self) -> FailureReason {
        match self.kind {
            Kind::WebhookUnavailable => FailureReason::WebhookUnavailable,
            Kind::WebhookRefused
            | Kind::PolicyRefused
            | Kind::PodSecurityRefused
            | Kind::NotPermitted
            | Kind::Unchangeable
            | Kind::ObjectInvalid => FailureReason::ObjectRefused,
            Kind::QuotaExceeded | Kind::LimitRange => FailureReason::QuotaExceeded,
            Kind::NamespaceTerminating => FailureReason::NamespaceConflict,
            Kind::NodeUnavailable => FailureReason::NodeUnavailable,
            Kind::PodsUnreachable | Kind::NoEndpoints => FailureReason::StorefrontUnavailable,
            Kind::ImageUnavailable => FailureReason::ImageUnavailable,
            Kind::VolumeUnavailable => FailureReason::VolumeUnavailable,
            Kind::Unschedulable => FailureReason::PodUnschedulable,
            Kind::ValuesRefused => FailureReason::ValuesRefused,
            Kind::ReleaseFailed | Kind::Conflict => FailureReason::ReleaseFailed,
            Kind::CredentialsRefused
            | Kind::QuotaNotCounted
            | Kind::ApiServiceUnavailable
            | Kind::ClusterUnavailable => FailureReason::ClusterUnavailable,
        }
    }
}
