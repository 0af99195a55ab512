//! The releases that a server offers, and which of them are newer than what a store runs.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    engine::Engine,
    release::{Release, ReleaseName},
    store::Store,
    version::{Change, Distance, Versions},
};

/// One release that stores can be made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: ReleaseName,
    pub engine: Engine,
    pub versions: Versions,
    /// The image of each container, by the container's name. Empty: not known.
    pub images: BTreeMap<String, String>,
    /// It is that of a new store whose creator names none.
    pub default: bool,
    /// It closes a hole that earlier ones have.
    pub security: bool,
    /// Where people read what is new. May be empty.
    pub notes_url: String,
    /// `false`: it stands for the chart and the values that the server was started with, and a store whose creator names none has none
    /// in its spec.
    pub declared: bool,
}

/// All that a server offers: one default at most for each engine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offers(Vec<Offer>);

/// An offer that is newer than what a store runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvailableUpdate<'a> {
    pub offer: &'a Offer,
    /// `None`: the versions are not known.
    pub distance: Option<Distance>,
}

/// Where the offers of this moment are had from. They change when an operator changes them.
pub trait OfferReleases: Send + Sync {
    fn offers(&self) -> Arc<Offers>;
}

// === impl Offers ===

impl Offers {
    pub fn new(mut offers: Vec<Offer>) -> Self {
        offers.sort_by(|one, other| {
            let newest = || other.versions.parsed().cmp(&one.versions.parsed());
            one.engine.cmp(&other.engine).then_with(newest).then_with(|| other.name.cmp(&one.name))
        });
        Self(offers)
    }

    /// All offers, those of one engine together and the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.0.iter()
    }

    pub fn find(&self, engine: Engine, name: &ReleaseName) -> Option<&Offer> {
        self.of(engine).find(|offer| offer.name == *name)
    }

    /// The release of a new store of `engine` whose creator names none.
    pub fn default_of(&self, engine: Engine) -> Option<&Offer> {
        self.of(engine).find(|offer| offer.default)
    }

    /// What `store` could be updated to, the newest first. No part of it becomes older. The default is among them also where its
    /// versions cannot be compared, and where they are the same and its images are others.
    pub fn updates<'a>(&'a self, store: &'a Store) -> impl Iterator<Item = AvailableUpdate<'a>> {
        let runs = store.made_from.as_deref();
        let declared = self.of(store.spec.engine).filter(|offer| offer.declared);
        declared.filter_map(move |offer| update(runs?, offer))
    }

    fn of(&self, engine: Engine) -> impl Iterator<Item = &Offer> {
        self.0.iter().filter(move |offer| offer.engine == engine)
    }
}

fn update<'a>(runs: &Release, offer: &'a Offer) -> Option<AvailableUpdate<'a>> {
    let distance = match runs.versions.change(&offer.versions) {
        _ if runs.name.as_ref() == Some(&offer.name) => return None,
        Change::Newer(distance) => Some(distance),
        Change::Same if offer.default && !runs_images(runs, offer) => Some(Distance::Patch),
        Change::Unknown if offer.default => None,
        Change::Same | Change::Unknown | Change::Older => return None,
    };
    Some(AvailableUpdate { offer, distance })
}

/// Whether what runs has the images of the offer, as far as it is known. What runs has digests, what is offered may have none.
fn runs_images(runs: &Release, offer: &Offer) -> bool {
    offer.images.iter().all(|(container, offered)| {
        let running = runs.images.get(container);
        running
            .is_some_and(|running| running == offered || running.split_once('@').is_some_and(|(tag, _)| tag == offered))
    })
}

impl OfferReleases for Arc<Offers> {
    fn offers(&self) -> Arc<Offers> {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    fn offer(name: &str, woocommerce: &str) -> Offer {
        Offer {
            name: name.parse().expect("valid"),
            engine: Engine::new("test"),
            versions: [("woocommerce", woocommerce)].into_iter().collect(),
            images: [("wordpress".to_owned(), format!("shop:{woocommerce}"))].into(),
            default: false,
            security: false,
            notes_url: String::new(),
            declared: true,
        }
    }

    fn running(name: Option<&str>, woocommerce: Option<&str>) -> Store {
        let mut store = fixture::store("store-a");
        store.made_from = Some(Box::new(Release {
            name: name.map(ReleaseName::recorded),
            versions: woocommerce.map(|version| ("woocommerce", version)).into_iter().collect(),
            images: woocommerce
                .map(|version| ("wordpress".to_owned(), format!("shop:{version}@sha256:aa")))
                .into_iter()
                .collect(),
            ..Release::default()
        }));
        store
    }

    fn updates(offers: &Offers, store: &Store) -> Vec<(String, Option<Distance>)> {
        offers.updates(store).map(|update| (update.offer.name.to_string(), update.distance)).collect()
    }

    #[test]
    fn offers_are_those_of_an_engine_with_the_newest_first() {
        let other = Offer { engine: Engine::new("other"), default: true, ..offer("z", "99") };
        let all = vec![offer("b", "9.9"), offer("a", "10.1"), offer("c", "10.1"), other];
        let offers = Offers::new(all);
        let names: Vec<_> = offers.iter().map(|offer| offer.name.as_str()).collect();
        assert_eq!(names, ["z", "c", "a", "b"]);
        assert!(offers.find(Engine::new("test"), &"z".parse().expect("valid")).is_none());
        assert!(offers.default_of(Engine::new("test")).is_none());
        assert!(offers.default_of(Engine::new("other")).is_some());
    }

    #[test]
    fn what_is_older_or_runs_already_is_no_update() {
        let mut newest = offer("newest", "11.0.1");
        newest.default = true;
        let offers = Offers::new(vec![offer("old", "10.9.3"), offer("now", "10.9.4"), offer("fix", "10.9.5"), newest]);
        let major = ("newest".to_owned(), Some(Distance::Major));
        let fix = ("fix".to_owned(), Some(Distance::Patch));
        assert_eq!(updates(&offers, &running(Some("now"), Some("10.9.4"))), [major, fix]);
        assert_eq!(updates(&offers, &running(Some("newest"), Some("11.0.1"))), []);
        // Made before releases had names: what it has is not known, and the default is what it should have.
        assert_eq!(updates(&offers, &running(None, None)), [("newest".to_owned(), None)]);
        assert_eq!(updates(&offers, &fixture::store("store-a")), [], "it never was READY");
    }

    #[test]
    fn the_same_versions_in_other_images_are_an_update_if_they_are_the_default() {
        let rebuilt = |default| Offer {
            default,
            images: [("wordpress".to_owned(), "shop:rebuilt".to_owned())].into(),
            ..offer("rebuilt", "10.9.4")
        };
        let store = running(Some("now"), Some("10.9.4"));
        assert_eq!(updates(&Offers::new(vec![rebuilt(true)]), &store), [("rebuilt".to_owned(), Some(Distance::Patch))]);
        assert_eq!(updates(&Offers::new(vec![rebuilt(false)]), &store), []);
        let same = Offer { default: true, ..offer("same", "10.9.4") };
        assert_eq!(updates(&Offers::new(vec![same]), &store), [], "the images that run");
        let standing_in = Offer { declared: false, ..rebuilt(true) };
        assert_eq!(updates(&Offers::new(vec![standing_in]), &store), []);
    }
}
