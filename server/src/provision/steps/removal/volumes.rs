//! The volumes of a store that is being removed.
//!
//! A volume outlives its claim and its namespace for a while, and no selector of the API finds the volumes of one
//! namespace: only a list of all volumes of the cluster does. So their names are read from the claims before those go.
//! A replica that did not do so itself, as after a restart, lists all volumes once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{Api, ResourceExt, api::ListParams};
use sendstores_core::{Store, id::Uid};

use crate::provision::{Context, errors::CallError};

/// How many volumes are asked for at a time.
const PAGE: u32 = 500;
/// For how many stores names are kept. A store that another replica finishes leaves its names here: then all are dropped.
const STORES: usize = 4_096;

/// The names of volumes by the store they belong to. It saves requests and decides nothing: each is looked up by name.
#[derive(Default)]
pub(crate) struct KnownVolumes(Mutex<HashMap<Uid, Vec<String>>>);

// === impl KnownVolumes ===

impl KnownVolumes {
    /// `None`: not known here.
    pub(crate) fn of(&self, store: &Store) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&store.uid).cloned()
    }

    fn note(&self, store: &Store, names: Vec<String>) {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stores.len() >= STORES && !stores.contains_key(&store.uid) {
            stores.clear();
        }
        stores.insert(store.uid.clone(), names);
    }

    fn forget(&self, store: &Store) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&store.uid);
    }
}

/// Notes the volumes of the store's claims, while the claims are there.
pub(super) async fn note(context: &Context, store: &Store) -> Result<(), CallError> {
    let api: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
    let claims = context.cluster.call(api.list(&ListParams::default())).await?;
    context.volumes.note(store, claims.items.iter().filter_map(volume_of).collect());
    Ok(())
}

/// The volume of a claim; of one that has none yet, the name that its provisioner will give it: a volume that is made
/// while its claim goes must not be overlooked.
fn volume_of(claim: &PersistentVolumeClaim) -> Option<String> {
    let bound = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty());
    bound.or_else(|| claim.metadata.uid.as_ref().map(|uid| format!("pvc-{uid}")))
}

/// The volumes that were this store's and that the cluster will remove. One that an administrator has marked to be kept is
/// not counted: it stays by decision.
pub(crate) async fn left(context: &Context, store: &Store) -> Result<Vec<String>, CallError> {
    let left = match context.volumes.of(store) {
        Some(names) => still_there(context, store, &names).await?,
        None => list(context, store, &ListParams::default().limit(PAGE)).await?,
    };
    match left.is_empty() {
        true => context.volumes.forget(store),
        false => context.volumes.note(store, left.clone()),
    }
    Ok(left)
}

async fn still_there(context: &Context, store: &Store, names: &[String]) -> Result<Vec<String>, CallError> {
    let mut left = Vec::new();
    for name in names {
        let this = ListParams::default().fields(&format!("metadata.name={name}"));
        left.extend(list(context, store, &this).await?);
    }
    Ok(left)
}

async fn list(context: &Context, store: &Store, which: &ListParams) -> Result<Vec<String>, CallError> {
    let api: Api<PersistentVolume> = context.cluster.all();
    let mut page = which.clone();
    let mut left = Vec::new();
    loop {
        let volumes = context.cluster.call(api.list(&page)).await?;
        left.extend(volumes.items.iter().filter(|volume| is_ours(volume, store)).map(ResourceExt::name_any));
        match volumes.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => return Ok(left),
        }
    }
}

fn is_ours(volume: &PersistentVolume, store: &Store) -> bool {
    let Some(spec) = &volume.spec else { return false };
    let claimed_by = spec.claim_ref.as_ref().and_then(|claim| claim.namespace.as_deref());
    claimed_by == Some(store.id.as_str()) && spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn only_volumes_of_this_namespace_that_will_go_are_waited_for() {
        let store = fixtures::store();
        let ours = |namespace: &str, policy: &str| {
            let volume = json!({"metadata": {"name": "pv"}, "spec": {
                "claimRef": {"namespace": namespace, "name": "data"}, "persistentVolumeReclaimPolicy": policy}});
            is_ours(&serde_json::from_value(volume).unwrap(), &store)
        };
        assert!(ours(store.id.as_str(), "Delete"));
        assert!(!ours(store.id.as_str(), "Retain"));
        assert!(!ours("store-other", "Delete"));
        assert!(!is_ours(&PersistentVolume::default(), &store));
    }

    #[test]
    fn a_claim_without_a_volume_names_the_one_that_it_may_still_get() {
        let volume = |claim| volume_of(&serde_json::from_value(claim).unwrap());
        assert_eq!(volume(json!({"metadata": {"uid": "u"}, "spec": {"volumeName": "disk-7"}})).unwrap(), "disk-7");
        assert_eq!(volume(json!({"metadata": {"uid": "u"}, "spec": {}})).unwrap(), "pvc-u");
        assert_eq!(volume(json!({"metadata": {}})), None);
    }

    #[test]
    fn names_are_kept_for_a_bounded_number_of_stores() {
        let known = KnownVolumes::default();
        let mut store = fixtures::store();
        for number in 0..=STORES {
            store.uid = format!("0193b0a0-7c3e-7000-8000-{number:012x}").parse().unwrap();
            known.note(&store, vec!["pv".to_owned()]);
        }
        assert_eq!(known.0.lock().unwrap().len(), 1);
        assert!(known.of(&store).is_some());
    }
}
