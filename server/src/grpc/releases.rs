//! ListReleases, and which release a new store is made from.

use sendstores_core::{
    AvailableUpdate, Offer, Release, ReleaseName, Store, StoreSpec,
    ledger::Ledger,
    version::{Change, Distance},
};
use sendstores_proto::v1 as wire;
use wire::{available_update::Kind, list_releases_response};

use super::{
    StoreApi, convert,
    status::{Forbidden, Refusal, ReleaseUnknown},
};

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_list_releases(&self) -> Result<wire::ListReleasesResponse, Refusal> {
        let releases = self.backend()?.releases.offers().iter().map(offer).collect();
        Ok(wire::ListReleasesResponse { releases })
    }

    /// Refuses the update of `store` to a release that is not offered, or of which a part is older than what the store runs: no
    /// database goes back to an older version of its software.
    pub(super) fn allow_update(&self, store: &Store, release: &ReleaseName) -> Result<(), Refusal> {
        let (offers, engine) = (self.backend()?.releases.offers(), store.spec.engine);
        let Some(offer) = offers.find(engine, release) else {
            return Err(ReleaseUnknown { name: release.clone(), engine }.into());
        };
        let runs = store.made_from.as_deref().filter(|runs| runs.name.as_ref() != Some(release));
        match runs.map(|runs| runs.versions.change(&offer.versions)) {
            Some(Change::Older) => {
                let (id, release) = (store.id.clone(), release.clone());
                Err(Forbidden::Downgrade { id, release }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a release that is not offered. Where none is named, the default is filled in, if an operator has declared one.
    pub(super) fn choose_release(&self, spec: &mut StoreSpec) -> Result<(), Refusal> {
        let offers = self.backend()?.releases.offers();
        match &spec.release {
            Some(name) if offers.find(spec.engine, name).is_none() => {
                Err(ReleaseUnknown { name: name.clone(), engine: spec.engine }.into())
            }
            Some(_) => Ok(()),
            None => {
                let default = offers.default_of(spec.engine).filter(|offer| offer.declared);
                spec.release = default.map(|offer| offer.name.clone());
                Ok(())
            }
        }
    }
}

fn offer(offer: &Offer) -> list_releases_response::Offer {
    let Offer { name, engine, versions, images, default, security, notes_url, declared: _ } = offer;
    let version = |software| versions.of(software).unwrap_or_default().to_owned();
    list_releases_response::Offer {
        name: name.to_string(),
        engine: convert::engine(*engine).into(),
        wordpress_version: version("wordpress"),
        woocommerce_version: version("woocommerce"),
        images: images.clone(),
        default: *default,
        security: *security,
        notes_url: notes_url.clone(),
    }
}

/// What a store runs.
pub(super) fn release(release: &Release) -> wire::Release {
    let version = |software| release.versions.of(software).unwrap_or_default().to_owned();
    wire::Release {
        name: release.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        wordpress_version: version("wordpress"),
        woocommerce_version: version("woocommerce"),
        images: release.images.clone(),
    }
}

pub(super) fn update(update: AvailableUpdate<'_>) -> wire::AvailableUpdate {
    let AvailableUpdate { offer, distance } = update;
    let kind = match distance {
        None => Kind::Unspecified,
        Some(Distance::Patch) => Kind::Patch,
        Some(Distance::Minor) => Kind::Minor,
        Some(Distance::Major) => Kind::Major,
    };
    wire::AvailableUpdate {
        release: offer.name.to_string(),
        kind: kind.into(),
        security: offer.security,
        notes_url: offer.notes_url.clone(),
    }
}
