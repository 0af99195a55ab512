//! What a store was made from.

use std::collections::BTreeMap;

/// The chart, the values, the images and the volumes of a store, as the cluster has them. Mending and adopting keep to
/// them; the files that a server is started with are for stores that were never READY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// helm's number of the revision.
    pub revision: u32,
    /// Name and version of the chart, such as `engine-0.1.0`.
    pub chart: String,
    /// SHA-256 of the chart, in hex.
    pub chart_digest: String,
    /// SHA-256 of the environment's values, in hex. The store's own values are not part of it.
    pub values_digest: String,
    /// What the server that made it called chart, values and store together. `None`: the revision does not say.
    pub source: Option<String>,
    /// The image of each container, by the container's name; with its digest where the cluster says it.
    pub images: BTreeMap<String, String>,
    /// The volumes, by the name of the claim.
    pub volumes: BTreeMap<String, Volume>,
}

/// One volume of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// What is asked for, as a Kubernetes quantity.
    pub size: String,
    /// The StorageClass. `None`: the claim names none.
    pub class: Option<String>,
}
