//! What stores are installed from: one reading of the charts, the values and the folder of releases, made at the start and each time
//! it is asked for. A reading is taken into use as a whole or not at all.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use sendstores_core::{Engine, Offer, Offers, ReleaseName, provisioner::StepError};
use serde_json::Value;

use super::{Helm, files::Files};
use crate::provision::{
    config::{ChartFiles, Quota},
    engines::{EngineDef, Registry},
    releases::{self, Declared},
};

/// How many helms render charts at once.
const RENDERED_AT_ONCE: usize = 4;

/// One reading.
pub(super) struct Catalogue {
    files: BTreeMap<(Engine, ReleaseName), Arc<Files>>,
    offers: Arc<Offers>,
}

// === impl Catalogue ===

impl Catalogue {
    /// The files of a release; of the default where none is named.
    fn files(&self, engine: Engine, release: Option<&ReleaseName>) -> Option<Arc<Files>> {
        let name = release.or_else(|| self.offers.default_of(engine).map(|offer| &offer.name))?;
        self.files.get(&(engine, name.clone())).cloned()
    }

    /// Whether stores would be made the same. The images follow from the files, and are not known before helm has rendered them.
    fn is_like(&self, other: &Self) -> bool {
        let declared = |offer: &Offer| Offer { images: BTreeMap::new(), ..offer.clone() };
        let same = |(key, files): (_, &Arc<Files>)| other.files.get(key).is_some_and(|other| files.is_like(other));
        self.offers.iter().map(declared).eq(other.offers.iter().map(declared))
            && self.files.len() == other.files.len()
            && self.files.iter().all(same)
    }
}

// === impl Helm ===

impl Helm {
    /// What is offered now; nothing before the first reading.
    pub(crate) fn offers(&self) -> Arc<Offers> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone();
        catalogue.map(|catalogue| catalogue.offers.clone()).unwrap_or_default()
    }

    /// Has what is installed read now. A folder of releases is checked as at a reload; the charts and values of the server alone are
    /// not, because a server starts without a helm, too.
    pub(crate) async fn load(&self, registry: Registry, quota: &Quota) -> Result<(), StepError> {
        let read = match self.config.charts.releases() {
            None => self.read().await?,
            Some(_) => self.checked(registry, quota).await?,
        };
        self.install_from(read);
        Ok(())
    }

    /// Reads all anew and installs from it from now on, if helm can make something of all of it. Returns whether it differs from what was
    /// read before; on an error, that stays in use.
    pub(crate) async fn reload(&self, registry: Registry, quota: &Quota) -> Result<bool, StepError> {
        let before = self.catalogue().await?;
        let read = self.checked(registry, quota).await?;
        let differs = !read.is_like(&before);
        self.install_from(read);
        Ok(differs)
    }

    /// What stores of `engine` and of this release are installed from. It is read now if it was not before.
    pub(super) async fn files(&self, engine: Engine, release: Option<&ReleaseName>) -> Result<Arc<Files>, StepError> {
        let catalogue = self.catalogue().await?;
        let found = catalogue.files(engine, release);
        found.ok_or_else(|| match (release, self.config.charts.get(engine)) {
            (Some(name), _) => self.unusable(&format!("the release {name} of the engine {engine} is not offered")),
            (None, _) => self.unusable(&format!("no chart is given for the engine {engine} (--chart)")),
        })
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>, StepError> {
        let known = self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(catalogue) => Ok(catalogue),
            None => {
                let read = Arc::new(self.read().await?);
                // What was read first stays: an edit reaches no store before a reload.
                Ok(self.catalogue.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(read).clone())
            }
        }
    }

    fn install_from(&self, read: Catalogue) {
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(read));
    }

    /// One reading, with nothing rendered.
    async fn read(&self) -> Result<Catalogue, StepError> {
        let charts = &self.config.charts;
        let declared = match charts.releases() {
            None => Vec::new(),
            Some(folder) => releases::read(folder, charts, self.engines).map_err(|why| self.unusable(&why))?,
        };
        let has_releases = |engine| declared.iter().any(|release| release.offer.engine == engine);
        let without = charts.iter().filter(|(engine, _)| !has_releases(*engine));
        let without: Vec<_> = without.map(|(engine, files)| standing_in(engine, files.clone())).collect();
        let scratch = self.cache().await?;
        let (mut files, mut offers) = (BTreeMap::new(), Vec::new());
        for Declared { offer, files: sources } in declared.into_iter().chain(without) {
            let read = Files::read(&sources, offer.declared.then_some(&offer.name), scratch);
            let read = read.map_err(|why| self.unusable(&why))?;
            files.insert((offer.engine, offer.name.clone()), Arc::new(read));
            offers.push(offer);
        }
        Ok(Catalogue { files, offers: Arc::new(Offers::new(offers)) })
    }

    /// One reading that can be installed from: its volumes fit into the quota, and helm renders all of it.
    async fn checked(&self, registry: Registry, quota: &Quota) -> Result<Catalogue, StepError> {
        let Catalogue { files, offers } = self.read().await?;
        let rendered = stream::iter(offers.iter().cloned()).map(|offer| {
            let files = files.get(&(offer.engine, offer.name.clone())).cloned();
            async { self.rendered(registry, quota, offer, files).await }
        });
        let offers = rendered.buffer_unordered(RENDERED_AT_ONCE).try_collect().await?;
        Ok(Catalogue { files, offers: Arc::new(Offers::new(offers)) })
    }

    /// The offer, with the images that helm renders of it.
    async fn rendered(
        &self,
        registry: Registry,
        quota: &Quota,
        offer: Offer,
        files: Option<Arc<Files>>,
    ) -> Result<Offer, StepError> {
        let Some(files) = files else { return Ok(offer) };
        let named = |why: &str| match offer.declared {
            true => format!("release {}: {why}", offer.name),
            false => why.to_owned(),
        };
        let sizes = registry.find(offer.engine).map(EngineDef::volume_sizes).unwrap_or_default();
        let values: Vec<_> = [files.chart().join("values.yaml")].into_iter().chain(files.values()).collect();
        let fits = quota.holds_volumes(&sizes, &values);
        fits.map_err(|why| self.unusable(&named(&format!("{}: {why}", offer.engine))))?;
        let rendered = self.render(&files).await;
        let rendered = rendered.map_err(|error| StepError { message: named(&error.message), ..error })?;
        Ok(Offer { images: images(&rendered), ..offer })
    }
}

/// The offer of the chart and values that the server was started with.
fn standing_in(engine: Engine, files: ChartFiles) -> Declared {
    let offer = Offer {
        name: ReleaseName::standing_in(),
        engine,
        versions: Default::default(),
        images: BTreeMap::new(),
        default: true,
        security: false,
        notes_url: String::new(),
        declared: false,
    };
    Declared { offer, files }
}

/// The image of each container of the workloads in what helm renders, by the container's name.
fn images(rendered: &str) -> BTreeMap<String, String> {
    let manifests = rendered.split("\n---").filter_map(|text| {
        let text = text.trim_start_matches("---");
        serde_saphyr::from_str::<Value>(text).ok()
    });
    let mut images = BTreeMap::new();
    for manifest in manifests {
        let containers = manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for container in containers.into_iter().flatten() {
            if let (Some(name), Some(image)) = (container["name"].as_str(), container["image"].as_str()) {
                images.insert(name.to_owned(), image.to_owned());
            }
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_those_of_workloads() {
        let rendered = "---\n# Source: a\nkind: Service\nspec: {ports: []}\n---\nkind: Deployment\nspec:\n  template:\n    spec:\n      \
                        containers:\n      - name: wordpress\n        image: \"shop@sha256:aa\"\n---\n[broken\n---\nkind: \
                        StatefulSet\nspec:\n  template:\n    spec:\n      containers: [{name: mysql, image: db:1}, {name: odd}]\n";
        let found = images(rendered);
        let found: Vec<_> = found.iter().map(|(name, image)| (name.as_str(), image.as_str())).collect();
        assert_eq!(found, [("mysql", "db:1"), ("wordpress", "shop@sha256:aa")]);
        assert!(images("").is_empty());
    }
}
