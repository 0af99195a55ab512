//! What one store may use.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde_json::Value;

use crate::provision::quantity;

/// What one store may use, by the names of a Kubernetes ResourceQuota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota(BTreeMap<&'static str, String>);

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

    /// What all volumes of a store may have together.
    pub(crate) fn storage(&self) -> &str {
        self.0.get("requests.storage").map_or("", String::as_str)
    }

    pub(crate) fn amounts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, amount)| (*name, amount.as_str()))
    }

    /// Whether the volumes of a store fit, whose sizes these values files have at `sizes`, paths such as `storage.database`.
    /// Later files win. A file that cannot be read as values says nothing here: helm names what is wrong with it.
    pub fn holds_volumes(&self, sizes: &[&str], files: &[PathBuf]) -> Result<(), String> {
        let read = |file: &PathBuf| serde_saphyr::from_str::<Value>(&std::fs::read_to_string(file).ok()?).ok();
        let values: Vec<_> = files.iter().filter_map(read).collect();
        let size = |path: &&str| {
            let pointer = format!("/{}", path.replace('.', "/"));
            let last = values.iter().rev().find_map(|values| values.pointer(&pointer)?.as_str());
            quantity::thousandths(last.unwrap_or("0"))
        };
        let needed = sizes.iter().map(size).try_fold(0_u128, |sum, size| Some(sum.saturating_add(size?)));
        let allowed = self.0.get("requests.storage").and_then(|amount| quantity::thousandths(amount));
        match (needed, allowed) {
            (Some(needed), Some(allowed)) if needed > allowed => Err(format!(
                "requests.storage={} is less than the volumes of each store need ({} in the values files)",
                self.0["requests.storage"],
                sizes.join(" and ")
            )),
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

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: &[&str] = &["storage.database", "storage.content"];

    #[test]
    fn a_setting_changes_what_it_names_alone() {
        let mut quota = Quota::default();
        quota.set("requests.storage=100Gi").unwrap();
        assert!(quota.to_string().contains("requests.memory=4Gi,requests.storage=100Gi,"), "{quota}");
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
        assert_eq!(quota.holds_volumes(SIZES, &[chart.clone(), odd.clone()]), Ok(()));
        let why = quota.holds_volumes(SIZES, &[chart.clone(), large.clone(), odd]).unwrap_err();
        assert!(why.contains("requests.storage=50Gi"), "{why}");
        let mut larger = quota;
        larger.set("requests.storage=51Gi").unwrap();
        assert_eq!(larger.holds_volumes(SIZES, &[chart, large]), Ok(()));
    }
}
