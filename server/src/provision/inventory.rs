//! Every namespace of ours, and what its annotations remember.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PartialObjectMeta},
};
use sendstores_core::{
    Engines, Labels, StoreId, Timestamp,
    adoption::{Found, Intent, Inventory, Rest},
    cluster::Identity,
    provisioner::StepError,
    store::NewStore,
};

use super::{
    Context,
    helm::release::{self, History},
    names, settings,
};

/// How many namespaces are asked for at a time.
const PAGE: u32 = 500;
/// How many requests for single stores are under way at once.
const AT_ONCE: usize = 16;

pub(super) async fn list(context: &Context) -> Result<Vec<Found>, StepError> {
    let api: Api<Namespace> = context.cluster.all();
    let ours = format!("{}={},{}={}", names::MANAGED_BY, names::MANAGER, names::INSTANCE, context.instance);
    let mut page = ListParams::default().labels(&ours).limit(PAGE);
    let mut all = Vec::new();
    loop {
        let namespaces = context.cluster.call(api.list(&page)).await?;
        all.extend(namespaces.items.iter().filter_map(|namespace| found(namespace, context.registry.facts)));
        match namespaces.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => return Ok(all),
        }
    }
}

/// The uid of the namespace that every cluster has, and keeps for as long as it lives.
pub(super) async fn identify(context: &Context) -> Result<Identity, StepError> {
    let api: Api<Namespace> = context.cluster.all();
    match context.cluster.call(api.get_metadata_opt(names::OF_THE_CLUSTER)).await {
        Ok(namespace) => Ok(identity(namespace.and_then(|namespace| namespace.metadata.uid))),
        Err(error) if error.is_forbidden() => Ok(Identity::Hidden(StepError::from(error).message)),
        Err(error) => Err(error.into()),
    }
}

fn identity(uid: Option<String>) -> Identity {
    let uid =
        uid.ok_or_else(|| "no uid".to_owned()).and_then(|uid| uid.parse().map_err(|error| format!("uid {error}")));
    match uid {
        Ok(uid) => Identity::Known(uid),
        Err(why) => Identity::Hidden(format!("the namespace {} has {why}", names::OF_THE_CLUSTER)),
    }
}

pub(super) async fn find(context: &Context, ids: &[StoreId]) -> Result<Inventory, StepError> {
    let api: Api<Namespace> = context.cluster.all();
    let get = async |id: &StoreId| context.cluster.call(api.get_opt(id.as_str())).await;
    let all: Vec<_> = stream::iter(ids).map(get).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut inventory = Inventory::default();
    for namespace in all.into_iter().flatten() {
        match found(&namespace, context.registry.facts) {
            Some(found) => inventory.found.push(found),
            None => inventory.unmarked.extend(namespace.name_any().parse::<StoreId>()),
        }
    }
    Ok(inventory)
}

pub(super) async fn recall(context: &Context, found: Vec<Found>) -> Result<Vec<Found>, StepError> {
    let recalled = async |mut found: Found| {
        if let Ok(intent) = &mut found.intent
            && intent.ready_time.is_none()
        {
            let records: Api<Secret> = context.cluster.in_namespace(&found.id);
            let how = ListParams::default().labels(&release::selector());
            intent.ready_time = opened(&context.cluster.call(records.list_metadata(&how)).await?.items);
        }
        Ok::<_, StepError>(found)
    };
    stream::iter(found).map(recalled).buffered(AT_ONCE).try_collect().await
}

/// When the store was opened to visitors, as far back as helm's records reach: the Ingress comes after all else.
fn opened(records: &[PartialObjectMeta<Secret>]) -> Option<Timestamp> {
    let opened = |record: &&PartialObjectMeta<Secret>| History::new([*record]).was_exposed();
    let times = records.iter().filter(opened).filter_map(|record| record.metadata.creation_timestamp.as_ref());
    times.map(|time| Timestamp::from_micros(time.0.as_microsecond())).min()
}

/// `None` for one that carries our labels and cannot be a store's: another program made it so.
fn found(namespace: &Namespace, engines: Engines) -> Option<Found> {
    let name = namespace.name_any();
    let label = |name: &str| namespace.labels().get(name).map(String::as_str);
    let id = name.parse().ok().filter(|_| label(names::STORE) == Some(name.as_str()));
    let uid = label(names::UID).and_then(|uid| uid.parse().ok());
    let (Some(id), Some(uid)) = (id, uid) else {
        tracing::warn!(namespace = name, "carries our labels and is no store's; it is left alone");
        return None;
    };
    let created = namespace.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_microsecond());
    let going = namespace.metadata.deletion_timestamp.is_some();
    let found = Found { id, uid, created: Timestamp::from_micros(created), going, intent: Err(String::new()) };
    Some(Found { intent: intent(namespace, &found, engines).map(Box::new), ..found })
}

/// What the namespace says was asked for.
fn intent(namespace: &Namespace, found: &Found, engines: Engines) -> Result<Intent, String> {
    let annotation = |name: &str| namespace.annotations().get(name);
    let unusable =
        |name: &str, why: &str| tracing::warn!(namespace = %found.id, name, why, "an annotation cannot be read");
    let required = |name: &str| annotation(name).ok_or_else(|| format!("the annotation {name} is missing"));
    let unreadable = |name: &str, error: &dyn std::fmt::Display| format!("the annotation {name}: {error}");
    let labels: Vec<(String, String)> =
        serde_json::from_str::<std::collections::BTreeMap<_, _>>(required(names::LABELS)?)
            .map_err(|error| unreadable(names::LABELS, &error))?
            .into_iter()
            .collect();
    let generation = required(names::GENERATION)?.parse().map_err(|error| unreadable(names::GENERATION, &error))?;
    let spec = settings::read(required(names::SPEC)?).map_err(|error| unreadable(names::SPEC, &error))?;
    let tenant = annotation(names::TENANT).map(|tenant| tenant.parse()).transpose();
    let new = NewStore {
        id: found.id.clone(),
        uid: found.uid.clone(),
        tenant: tenant.map_err(|error| unreadable(names::TENANT, &error))?,
        labels: Labels::parse(labels).map_err(|error| unreadable(names::LABELS, &error))?,
        pipeline: engines.pipeline(spec.engine),
        spec,
        url: required(names::URL)?.clone(),
    };
    // Whatever it says: it is there because the store was READY once.
    let ready_time = annotation(names::READY_TIME).map(|text| {
        settings::read_time(text).inspect_err(|why| unusable(names::READY_TIME, why)).unwrap_or(found.created)
    });
    let made_from = annotation(names::MADE_FROM)
        .and_then(|text| settings::read_release(text).inspect_err(|why| unusable(names::MADE_FROM, why)).ok());
    let operation = annotation(names::OPERATION)
        .and_then(|text| settings::read_operation(text).inspect_err(|why| unusable(names::OPERATION, why)).ok());
    let (made_from, operation) = (made_from.map(Box::new), operation.map(Box::new));
    Ok(Intent { new, generation, ready_time, made_from, operation, rest: rest(namespace) })
}

/// A purge time that cannot be read is none: the store is suspended, and not removed.
fn rest(namespace: &Namespace) -> Option<Rest> {
    namespace.annotations().get(names::SUSPENDED)?;
    let purge_time = namespace.annotations().get(names::PURGE_TIME).and_then(|text| settings::read_time(text).ok());
    Some(purge_time.map_or(Rest::Suspended, Rest::RetainedUntil))
}

#[cfg(test)]
mod tests {
    use sendstores_core::{Event, Failure, FailureReason, State, Store};

    use super::*;
    use crate::{
        hostile,
        provision::{
            ENGINES,
            steps::{self, fixtures},
        },
    };

    /// What the step `namespace` makes of a store, as the cluster shows it.
    fn namespace() -> Namespace {
        let mut namespace = steps::namespace::wanted(&fixtures::store_titled("Käse, \"Brot\" & {{ .x }}"), "here");
        let created = serde_json::from_str("\"2026-01-02T03:04:05Z\"").unwrap();
        namespace.metadata.creation_timestamp = Some(created);
        namespace
    }

    #[test]
    fn a_namespace_says_all_that_it_takes_to_adopt_its_store() {
        let store = fixtures::store_titled("Käse, \"Brot\" & {{ .x }}");
        let found = found(&namespace(), ENGINES).unwrap();
        assert_eq!((&found.id, &found.uid, found.going), (&store.id, &store.uid, false));
        assert_eq!(found.created.as_micros(), 1_767_323_045_000_000);
        let Intent { new, generation, ready_time, made_from, operation, rest } = *found.intent.unwrap();
        assert_eq!((generation, ready_time, made_from, rest), (store.generation, None, None, None));
        assert_eq!(operation, None);
        assert_eq!((new.id, new.uid, new.tenant), (store.id, store.uid, store.tenant));
        assert_eq!((new.labels, new.spec, new.url), (store.labels, store.spec, store.url));
    }

    #[test]
    fn a_namespace_says_that_its_store_was_ready_and_what_it_was_made_from() {
        let mut store = fixtures::store();
        let ready_time = Some(Timestamp::from_micros(1_767_323_999_123_456));
        (store.ready_time, store.made_from) = (ready_time, Some(Box::new(fixtures::release())));
        let mut namespace = steps::namespace::wanted(&store, "here");
        let intent = found(&namespace, ENGINES).unwrap().intent.unwrap();
        assert_eq!((intent.ready_time, intent.made_from), (ready_time, store.made_from));
        // Damaged, they still say that the store was complete.
        for name in [names::READY_TIME, names::MADE_FROM] {
            namespace.metadata.annotations.as_mut().unwrap().insert(name.to_owned(), "{".to_owned());
        }
        let found = found(&namespace, ENGINES).unwrap();
        let intent = found.intent.unwrap();
        assert_eq!((intent.ready_time, intent.made_from), (Some(found.created), None));
    }

    #[test]
    fn a_namespace_says_that_its_store_moves_to_another_release_and_back() {
        let now = Timestamp::from_micros(1_767_323_999_000_000);
        let ready = fixtures::store().after(Event::Converged, now).unwrap();
        let ready = Store { made_from: Some(Box::new(fixtures::release())), ..ready };
        let updating = ready.updated(&"2026-11".parse().unwrap(), now).unwrap().unwrap();
        let failure = Failure {
            reason: FailureReason::ImageUnavailable,
            message: "the image \"a\" cannot be pulled".to_owned(),
            step: updating.steps.first().map(|step| step.name),
            attempt: 1,
            retry_time: None,
            diagnosis: None,
        };
        for store in [updating.clone(), updating.rolling_back(failure, now)] {
            let namespace = steps::namespace::wanted(&store, "here");
            let intent = found(&namespace, ENGINES).unwrap().intent.unwrap();
            assert_eq!(intent.operation, store.operation);
            let ended = store.after(Event::Converged, now).unwrap();
            assert!(!steps::namespace::wanted(&ended, "here").annotations().contains_key(names::OPERATION));
        }
        let mut damaged = steps::namespace::wanted(&updating, "here");
        damaged.annotations_mut().insert(names::OPERATION.to_owned(), "{".to_owned());
        assert_eq!(found(&damaged, ENGINES).unwrap().intent.unwrap().operation, None, "it stays what it runs");
    }

    #[test]
    fn a_namespace_says_that_nothing_of_its_store_shall_run() {
        let purge_time = Timestamp::from_micros(1_767_323_999_000_000);
        for (state, time, expected) in [
            (State::Suspended, None, Rest::Suspended),
            (State::Retaining, Some(purge_time), Rest::RetainedUntil(purge_time)),
        ] {
            let store = Store { state, purge_time: time, ..fixtures::store() };
            let mut namespace = steps::namespace::wanted(&store, "here");
            assert_eq!(found(&namespace, ENGINES).unwrap().intent.unwrap().rest, Some(expected));
            namespace.annotations_mut().insert(names::PURGE_TIME.to_owned(), "{".to_owned());
            let damaged = found(&namespace, ENGINES).unwrap().intent.unwrap().rest;
            assert_eq!(damaged, Some(Rest::Suspended), "what cannot be read removes nothing");
        }
    }

    #[test]
    fn a_store_that_was_opened_was_ready() {
        let record = |version: &str, status: &str, exposed: &str, day: u8| {
            let labels = serde_json::json!({"version": version, "status": status, "sendstores.dev/exposed": exposed});
            let meta = serde_json::json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {
                "name": "record", "labels": labels, "creationTimestamp": format!("2026-01-{day:02}T00:00:00Z")}});
            serde_json::from_value::<PartialObjectMeta<Secret>>(meta).unwrap()
        };
        let at = |day: &str| Some(settings::read_time(&format!("2026-01-{day}T00:00:00Z")).unwrap());
        assert_eq!(opened(&[record("1", "deployed", "false", 1)]), None, "made, and not opened");
        assert_eq!(opened(&[record("1", "failed", "true", 1)]), None, "was to be opened");
        let later = [record("4", "deployed", "true", 9), record("3", "superseded", "true", 5)];
        assert_eq!(opened(&later), at("05"));
        assert_eq!(opened(&[]), None);
    }

    #[test]
    fn a_damaged_annotation_is_named() {
        for name in [names::SPEC, names::GENERATION, names::LABELS, names::URL] {
            for damage in [None, Some("{")] {
                let mut namespace = namespace();
                let annotations = namespace.metadata.annotations.as_mut().unwrap();
                match damage {
                    None => drop(annotations.remove(name)),
                    Some(_) if name == names::URL => continue,
                    Some(text) => drop(annotations.insert(name.to_owned(), text.to_owned())),
                }
                let why = found(&namespace, ENGINES).unwrap().intent.unwrap_err();
                assert!(why.contains(name), "{why}");
            }
        }
    }

    #[test]
    fn what_is_no_store_s_is_passed_over() {
        let mut namespace = namespace();
        namespace.metadata.name = Some("store-other".to_owned());
        assert!(found(&namespace, ENGINES).is_none());
    }

    #[test]
    fn no_annotation_ends_anything() {
        let good = serde_json::to_value(namespace()).unwrap();
        hostile::check(&hostile::damaged(good), |damaged| {
            if let Ok(damaged) = serde_json::from_value(damaged) {
                let _found = found(&damaged, ENGINES);
            }
        });
        let spec = namespace().metadata.annotations.unwrap()[names::SPEC].clone();
        hostile::check(&hostile::body(serde_json::from_str(&spec).unwrap()), |body| {
            let _spec = settings::read(&String::from_utf8_lossy(&body));
        });
    }
}
