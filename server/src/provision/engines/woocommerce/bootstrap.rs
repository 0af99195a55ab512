//! WordPress and WooCommerce, installed and configured by programs inside the running container: the same files, the
//! same PHP. Each of them can be run again after any crash; how far the store is, its database says.

mod answer;
mod state;

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use secrecy::{ExposeSecret, SecretString};
use sendstores_core::{
    Store,
    failure::FailureReason,
    lifecycle::Expect,
    observed::{Outlook, Progress, Seen},
    provisioner::StepError,
};

use self::state::{Stage, State};
use super::{APPLICATION, deadlines, settings};
use crate::provision::{
    Context,
    exec::{self, Execution, Output},
    names, redact,
    steps::{credentials, done, partial, waiting},
};

/// What is known of the inside of a store.
enum Inside {
    /// No pod is there to ask.
    Closed,
    Open {
        pod: ReadyPod,
        state: State,
    },
}

/// A pod that programs can be run in, and its node.
pub(super) struct ReadyPod {
    pub(super) name: String,
    node: String,
}

pub(super) async fn observe(context: &Context, store: &Store, expect: Expect) -> Result<Seen<Progress>, StepError> {
    Ok(match observe_pod(context, store).await? {
        Inside::Closed => {
            let detail = "no pod of the application is ready";
            waiting(Outlook::Starting, FailureReason::ApplicationUnavailable, detail)
        }
        Inside::Open { state: State::NoDatabase(why), .. } => {
            let detail = format!("the database does not answer the application: {why}");
            waiting(Outlook::Stuck, FailureReason::DatabaseUnavailable, detail)
        }
        Inside::Open { state: State::At(stage, _), .. } if is_lost(expect, stage) => return Err(lost()),
        Inside::Open { state: State::At(stage, attempts), .. } => partial(describe(stage, attempts)),
        Inside::Open { state: State::Complete, .. } => done(),
    })
}

/// Fails if it is certain that a store which was READY once has lost what its database held.
pub(super) async fn data_is_there(context: &Context, store: &Store, expect: Expect) -> Result<(), StepError> {
    match observe_pod(context, store).await {
        Ok(Inside::Open { state: State::At(stage, _), .. }) if is_lost(expect, stage) => Err(lost()),
        // Whatever else is the matter, the shop itself shows it.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether the database is as before the installation, though the store was READY once.
fn is_lost(expect: Expect, stage: Stage) -> bool {
    expect.was_ready() && matches!(stage, Stage::Restore | Stage::Install)
}

/// An empty shop in place of the merchant's would hide that theirs is gone.
fn lost() -> StepError {
    let message =
        "the store was complete once, and its database has no shop any more; nothing is installed in its place";
    StepError::retryable(FailureReason::DataMissing, message)
}

/// What a watcher reads while this comes next.
fn describe(stage: Stage, attempts: u32) -> String {
    match (stage, attempts) {
        (Stage::Restore, 0) => "restoring the snapshot of a fresh shop".to_owned(),
        (Stage::Restore, _) => format!("restoring the snapshot of a fresh shop, again: {attempts} did not end"),
        (Stage::Install, 0) => "installing WordPress".to_owned(),
        (Stage::Install, _) => format!("installing WordPress: {attempts} restores of the snapshot did not end"),
        (Stage::Activate, _) => "installed; activating WooCommerce".to_owned(),
        (Stage::Configure, _) => "activated; configuring the shop".to_owned(),
    }
}

/// Takes the next of the steps inside, which is all of them where there is a snapshot; an observation in between shows each.
pub(super) async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let (pod, stage) = match observe_pod(context, store).await? {
        Inside::Closed => {
            let message = "no pod of the application is ready";
            return Err(StepError::retryable(FailureReason::ApplicationUnavailable, message));
        }
        Inside::Open { state: State::NoDatabase(why), .. } => {
            return Err(StepError::retryable(FailureReason::DatabaseUnavailable, why));
        }
        Inside::Open { state: State::Complete, .. } => return Ok(()),
        Inside::Open { state: State::At(stage, _), .. } if is_lost(Expect::of(store), stage) => return Err(lost()),
        Inside::Open { pod, state: State::At(stage, _) } => (pod, stage),
    };
    let limit = |deadline| context.deadlines.of(deadline);
    let none = SecretString::default();
    let (program, deadline, secret, line) = match stage {
        Stage::Restore => {
            let password = credentials::admin_password(context, store).await?;
            let line = settings::restore(store, password.expose_secret());
            ("/opt/sendstores/restore", limit(deadlines::RESTORE), password, line)
        }
        Stage::Install => {
            let password = credentials::admin_password(context, store).await?;
            let line = settings::install(store, password.expose_secret());
            ("/opt/sendstores/install", limit(deadlines::INSTALL), password, line)
        }
        Stage::Activate => ("/opt/sendstores/activate", limit(deadlines::ACTIVATE), none, serde_json::json!({})),
        Stage::Configure => {
            ("/opt/sendstores/configure", limit(deadlines::CONFIGURE), none, settings::configure(store))
        }
    };
    let line = SecretString::from(line.to_string());
    let output = run(context, store, &pod, &[program], Some(&line), deadline).await?;
    match answer::judge(program, &output, deadline, &[secret.expose_secret()]) {
        Ok(()) => Ok(()),
        // What it wrote may quote any secret of the store, such as the database's password.
        Err(_) => answer::judge(program, &output, deadline, &known(&credentials::values(context, store).await?)),
    }
}

async fn observe_pod(context: &Context, store: &Store) -> Result<Inside, StepError> {
    let Some(pod) = ready_pod(context, store).await? else { return Ok(Inside::Closed) };
    // These texts were parsed by the domain and follow a flag: they cannot be taken for one.
    let shop = &store.spec.shop;
    let (url, admin) = (format!("--url={}", store.url), format!("--admin={}", shop.admin_user));
    let locale = format!("--locale={}", shop.locale);
    let argv = ["php", "/opt/sendstores/state.php", &url, &admin, &locale];
    let permit = context.requests.acquire(store).await;
    let output = run(context, store, &pod, &argv, None, context.deadlines.of(deadlines::STATE)).await?;
    drop(permit);
    match State::parse(&output.stdout) {
        Some(state) => Ok(Inside::Open { pod, state }),
        None => {
            let message = format!("state.php ended with {}: {} {}", output.code, output.stdout, output.stderr);
            let secrets = credentials::values(context, store).await?;
            let message = redact::message_without(&message, &known(&secrets));
            Err(StepError::retryable(FailureReason::BootstrapFailed, message))
        }
    }
}

fn known(secrets: &[String]) -> Vec<&str> {
    secrets.iter().map(String::as_str).collect()
}

pub(super) async fn run(
    context: &Context,
    store: &Store,
    pod: &ReadyPod,
    argv: &[&str],
    input: Option<&SecretString>,
    limit: Duration,
) -> Result<Output, StepError> {
    let input = input.map(ExposeSecret::expose_secret);
    let execution = Execution { pod: &pod.name, container: APPLICATION.name, argv, input, limit };
    let what = argv.last().copied().unwrap_or_default();
    let outcome = exec::run(&context.cluster, store, execution).await;
    outcome.map_err(|error| error.into_step(what, &pod.node, FailureReason::BootstrapFailed))
}

/// The pod of the application that is ready and stays.
pub(super) async fn ready_pod(context: &Context, store: &Store) -> Result<Option<ReadyPod>, StepError> {
    let api: Api<Pod> = context.cluster.in_store(store);
    let how = ListParams::default().labels(&format!("{}={}", names::POD_NAME, APPLICATION.name));
    let pods = context.cluster.call(api.list(&how)).await?;
    let ready = |pod: &&Pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let mut ready = conditions.filter(|condition| condition.type_ == "Ready" && condition.status == "True");
        pod.metadata.deletion_timestamp.is_none() && ready.next().is_some()
    };
    let found = pods.items.iter().find(ready);
    Ok(found.map(|pod| ReadyPod {
        name: pod.name_any(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_ready_once_can_be_lost() {
        for (stage, empty) in
            [(Stage::Restore, true), (Stage::Install, true), (Stage::Activate, false), (Stage::Configure, false)]
        {
            assert_eq!(
                (is_lost(Expect::FirstReady, stage), is_lost(Expect::Recover, stage)),
                (false, empty),
                "{stage:?}"
            );
        }
    }

    #[test]
    fn a_watcher_is_told_what_comes_and_why_not_the_snapshot() {
        assert_eq!(describe(Stage::Restore, 0), "restoring the snapshot of a fresh shop");
        assert!(describe(Stage::Restore, 2).ends_with("again: 2 did not end"));
        assert_eq!(describe(Stage::Install, 0), "installing WordPress");
        assert!(describe(Stage::Install, 3).contains("3 restores of the snapshot did not end"));
    }
}
