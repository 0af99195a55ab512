//! What the operator decides about provisioning.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::quantity;

/// The settings of [`KubeProvisioner`](super::KubeProvisioner).
#[derive(Clone, Debug)]
pub struct Config {
    pub helm: HelmConfig,
    pub deadlines: Deadlines,
    /// How often each open shop is asked to do what it has scheduled; `None`: something else asks them.
    pub cron_interval: Option<Duration>,
    pub quota: Quota,
    pub probe_via: ProbeVia,
    /// How many requests to shops there are at once, in each priority class.
    pub requests: usize,
    /// Tells the namespaces of this control plane from those of others on the same cluster; a label's value.
    pub instance: String,
}

/// How requests get to a shop that is probed or does what it has scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeVia {
    /// Through the API server's service proxy, from wherever the API is reached.
    #[default]
    ApiServer,
    /// Straight to the store's Service, from inside the cluster.
    PodNetwork,
}

/// Where helm is and what it installs.
#[derive(Clone, Debug)]
pub struct HelmConfig {
    /// The helm program, version 3 or 4.
    pub program: PathBuf,
    /// The chart of the WooCommerce engine.
    pub chart: PathBuf,
    /// The environment's values, in order; the store's own come after them.
    pub values: Vec<PathBuf>,
    /// A folder of ours for helm's caches; made when missing. `None`: a temporary one for this process alone, which goes with
    /// it.
    pub cache: Option<PathBuf>,
    /// The kubeconfig; `None` leaves it to helm's own rules (environment, then in-cluster).
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None` is the current one.
    pub kube_context: Option<String>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// One request to the Kubernetes API.
    pub call: Duration,
    /// One run of helm.
    pub helm: Duration,
    /// From asking helm to stop to killing it.
    pub helm_grace: Duration,
    /// From an observation of a pod, volume or namespace to a different one, while the cluster is at work.
    pub wait: Duration,
    /// The same, while a program was started and does not answer yet.
    pub start: Duration,
    /// The same, once something is wrong, such as an image that cannot be pulled.
    pub trouble: Duration,
    /// `state` inside the store.
    pub state: Duration,
    /// `restore` inside the store.
    pub restore: Duration,
    /// `install` inside the store.
    pub install: Duration,
    /// `activate` inside the store.
    pub activate: Duration,
    /// `configure` inside the store.
    pub configure: Duration,
    /// One request to the shop.
    pub probe: Duration,
    /// A shop's doing what it has scheduled, while a probe waits for it; it goes on after that.
    pub cron: Duration,
    /// From a shop that does not sell to one that does, or fails otherwise.
    pub storefront: Duration,
    /// From one thing that is left of a deleted store to another.
    pub removal: Duration,
}

/// What one store may use, by the names of a Kubernetes ResourceQuota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota(BTreeMap<&'static str, String>);

// === impl Deadlines ===

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            helm: Duration::from_secs(120),
            helm_grace: Duration::from_secs(5),
            wait: Duration::from_secs(300),
            start: Duration::from_secs(60),
            trouble: Duration::from_secs(20),
            state: Duration::from_secs(15),
            restore: Duration::from_secs(120),
            install: Duration::from_secs(60),
            activate: Duration::from_secs(120),
            configure: Duration::from_secs(120),
            probe: Duration::from_secs(15),
            cron: Duration::from_secs(15),
            storefront: Duration::from_secs(60),
            removal: Duration::from_secs(30),
        }
    }
}

impl Deadlines {
    /// The least and the most that each may be.
    const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

    /// Each with its name.
    fn named(&mut self) -> [(&'static str, &mut Duration); 15] {
        [
            ("call", &mut self.call),
            ("helm", &mut self.helm),
            ("helm-grace", &mut self.helm_grace),
            ("wait", &mut self.wait),
            ("start", &mut self.start),
            ("trouble", &mut self.trouble),
            ("state", &mut self.state),
            ("restore", &mut self.restore),
            ("install", &mut self.install),
            ("activate", &mut self.activate),
            ("configure", &mut self.configure),
            ("probe", &mut self.probe),
            ("cron", &mut self.cron),
            ("storefront", &mut self.storefront),
            ("removal", &mut self.removal),
        ]
    }

    /// Takes one setting such as `wait=10m`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, text) = setting.split_once('=').unwrap_or((setting, ""));
        let mut named = self.named();
        let Some((_, deadline)) = named.iter_mut().find(|(known, _)| *known == name) else {
            let names: Vec<_> = named.iter().map(|(name, _)| *name).collect();
            return Err(format!("{setting:?} does not begin with one of {}", names.join("=, ") + "="));
        };
        let duration = humantime::parse_duration(text).ok().filter(|duration| Self::RANGE.contains(duration));
        **deadline = duration.ok_or_else(|| format!("{setting:?} is not from 1s to 1h, such as {name}=90s"))?;
        Ok(())
    }
}

impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = *self;
        let settings = this.named().map(|(name, duration)| format!("{name}={}", humantime::format_duration(*duration)));
        f.write_str(&settings.join(","))
    }
}

// === impl Quota ===

impl Default for Quota {
    /// Room for the chart's production figures with one replacement pod each.
    fn default() -> Self {
        let amounts = [
            ("requests.cpu", "2"),
            ("requests.memory", "4Gi"),
            ("limits.cpu", "8"),
            ("limits.memory", "8Gi"),
            ("requests.storage", "50Gi"),
            ("pods", "8"),
            ("persistentvolumeclaims", "4"),
            ("services", "4"),
        ];
        Self(amounts.into_iter().map(|(name, amount)| (name, amount.to_owned())).collect())
    }
}

impl Quota {
    /// Takes one setting such as `requests.storage=100Gi`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, amount) = setting.split_once('=').unwrap_or((setting, ""));
        let Some(allowed) = self.0.get_mut(name) else {
            let names: Vec<_> = self.0.keys().copied().collect();
            return Err(format!("{setting:?} does not begin with one of {}", names.join("=, ") + "="));
        };
        if quantity::thousandths(amount).is_none_or(|amount| amount == 0) {
            return Err(format!("{setting:?} is not an amount such as {name}={allowed}"));
        }
        amount.clone_into(allowed);
        Ok(())
    }

    pub(crate) fn amounts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, amount)| (*name, amount.as_str()))
    }

    /// Whether the volumes that these files ask for fit, later files winning. A file that cannot be read as values says
    /// nothing here: helm names what is wrong with it.
    pub fn holds_volumes(&self, files: &[PathBuf]) -> Result<(), String> {
        let read = |file: &PathBuf| serde_saphyr::from_str::<Values>(&std::fs::read_to_string(file).ok()?).ok();
        let (mut database, mut content) = (None, None);
        for storage in files.iter().filter_map(read).filter_map(|values| values.storage) {
            database = storage.database.or(database);
            content = storage.content.or(content);
        }
        let sizes = [database.as_deref(), content.as_deref()].map(|size| quantity::thousandths(size.unwrap_or("0")));
        let allowed = self.0.get("requests.storage").and_then(|amount| quantity::thousandths(amount));
        match (sizes, allowed) {
            ([Some(database), Some(content)], Some(allowed)) if database.saturating_add(content) > allowed => {
                Err(format!(
                    "requests.storage={} is less than the volumes of each store need (storage.database and storage.content in the values files)",
                    self.0["requests.storage"]
                ))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<String> = self.amounts().map(|(name, amount)| format!("{name}={amount}")).collect();
        f.write_str(&settings.join(","))
    }
}

/// As much of a values file as is read here.
#[derive(Deserialize)]
struct Values {
    storage: Option<Storage>,
}

#[derive(Deserialize)]
struct Storage {
    database: Option<String>,
    content: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_change_what_they_name_alone() {
        let (mut deadlines, mut quota) = (Deadlines::default(), Quota::default());
        deadlines.set("wait=10m").unwrap();
        quota.set("requests.storage=100Gi").unwrap();
        assert_eq!(
            Deadlines { wait: Duration::from_secs(300), ..deadlines }.to_string(),
            Deadlines::default().to_string()
        );
        assert!(deadlines.to_string().contains(",wait=10m,"), "{deadlines}");
        assert!(quota.to_string().contains("requests.memory=4Gi,requests.storage=100Gi,"), "{quota}");
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for setting in ["wait", "wait=", "wait=0s", "wait=2h", "wait=soon", "sleep=1s", "=1s"] {
            let why = Deadlines::default().set(setting).unwrap_err();
            assert!(why.contains(&format!("{setting:?}")), "{why}");
        }
        for setting in ["pods", "pods=", "pods=0", "pods=-1", "pods=many", "secrets=9"] {
            let why = Quota::default().set(setting).unwrap_err();
            assert!(why.contains(&format!("{setting:?}")), "{why}");
        }
    }

    #[test]
    fn volumes_larger_than_the_quota_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let chart = file("values.yaml", "storage: {database: 1Gi, content: 1Gi}");
        let large = file("large.yaml", "storage: {database: 50Gi}");
        let odd = file("odd.yaml", "[not values");
        let quota = Quota::default();
        assert_eq!(quota.holds_volumes(&[chart.clone(), odd.clone()]), Ok(()));
        let why = quota.holds_volumes(&[chart.clone(), large.clone(), odd]).unwrap_err();
        assert!(why.contains("requests.storage=50Gi"), "{why}");
        let mut larger = quota;
        larger.set("requests.storage=51Gi").unwrap();
        assert_eq!(larger.holds_volumes(&[chart, large]), Ok(()));
    }
}
