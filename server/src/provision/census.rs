//! Every namespace of ours, and what its annotations remember.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt, api::ListParams};
use sendstores_core::{
    Labels, Timestamp,
    adoption::{Found, Intent},
    provisioner::StepError,
    store::NewStore,
};

use super::{Context, engines::FACTS, names, settings};

/// How many namespaces are asked for at a time.
const PAGE: u32 = 500;

pub(super) async fn take(context: &Context) -> Result<Vec<Found>, StepError> {
    let api: Api<Namespace> = context.cluster.all();
    let ours = format!("{}={},{}={}", names::MANAGED_BY, names::MANAGER, names::INSTANCE, context.instance);
    let mut page = ListParams::default().labels(&ours).limit(PAGE);
    let mut all = Vec::new();
    loop {
        let namespaces = context.cluster.call(api.list(&page)).await?;
        all.extend(namespaces.items.iter().filter_map(found));
        match namespaces.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => return Ok(all),
        }
    }
}

/// `None` for one that carries our labels and cannot be a store's: somebody else made it so.
fn found(namespace: &Namespace) -> Option<Found> {
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
    Some(Found { intent: intent(namespace, &found).map(Box::new), ..found })
}

/// What the namespace says was asked for.
fn intent(namespace: &Namespace, found: &Found) -> Result<Intent, String> {
    let annotation = |name: &str| namespace.annotations().get(name);
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
        pipeline: FACTS.pipeline(spec.engine),
        spec,
        url: required(names::URL)?.clone(),
    };
    Ok(Intent { new, generation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::steps::{self, fixtures};

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
        let found = found(&namespace()).unwrap();
        assert_eq!((&found.id, &found.uid, found.going), (&store.id, &store.uid, false));
        assert_eq!(found.created.as_micros(), 1_767_323_045_000_000);
        let Intent { new, generation } = *found.intent.unwrap();
        assert_eq!(generation, store.generation);
        assert_eq!((new.id, new.uid, new.tenant), (store.id, store.uid, store.tenant));
        assert_eq!((new.labels, new.spec, new.url), (store.labels, store.spec, store.url));
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
                let why = found(&namespace).unwrap().intent.unwrap_err();
                assert!(why.contains(name), "{why}");
            }
        }
    }

    #[test]
    fn what_is_no_store_s_is_passed_over() {
        let mut namespace = namespace();
        namespace.metadata.name = Some("store-other".to_owned());
        assert!(found(&namespace).is_none());
    }
}
