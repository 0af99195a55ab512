//! How long things may take.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, time::Duration};

use crate::provision::engines::ENGINES;

/// How long things may take.
#[derive(Clone, Debug)]
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
    /// One request to the shop.
    pub probe: Duration,
    /// From a shop that does not sell to one that does, or fails otherwise.
    pub storefront: Duration,
    /// From the begin of an update to its end, and as long again for its way back.
    pub update: Duration,
    /// From one thing that is left of a deleted store to another.
    pub removal: Duration,
    /// What the operator says of the deadlines of engines, by name.
    pub engines: BTreeMap<&'static str, Duration>,
}

/// How long something may take that only one engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineDeadline {
    /// What the operator calls it: none of the names of [`Deadlines`], and of no other engine.
    pub name: &'static str,
    pub default: Duration,
}

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
            probe: Duration::from_secs(15),
            storefront: Duration::from_secs(60),
            update: Duration::from_secs(600),
            removal: Duration::from_secs(30),
            engines: BTreeMap::new(),
        }
    }
}

impl Deadlines {
    /// The least and the most that each may be.
    const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

    /// Each with its name.
    fn named(&mut self) -> [(&'static str, &mut Duration); 10] {
        [
            ("call", &mut self.call),
            ("helm", &mut self.helm),
            ("helm-grace", &mut self.helm_grace),
            ("wait", &mut self.wait),
            ("start", &mut self.start),
            ("trouble", &mut self.trouble),
            ("probe", &mut self.probe),
            ("storefront", &mut self.storefront),
            ("update", &mut self.update),
            ("removal", &mut self.removal),
        ]
    }

    /// That of an engine.
    pub fn of(&self, deadline: EngineDeadline) -> Duration {
        self.engines.get(deadline.name).copied().unwrap_or(deadline.default)
    }

    /// Takes one setting such as `wait=10m`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, text) = setting.split_once('=').unwrap_or((setting, ""));
        let own = of_engines().find(|own| own.name == name);
        let mut named = self.named();
        let common = named.iter_mut().find(|(known, _)| *known == name);
        if own.is_none() && common.is_none() {
            let names: Vec<_> = named.iter().map(|(name, _)| *name).chain(of_engines().map(|own| own.name)).collect();
            return Err(format!("{setting:?} does not begin with one of {}", names.join("=, ") + "="));
        }
        let duration = humantime::parse_duration(text).ok().filter(|duration| Self::RANGE.contains(duration));
        let duration = duration.ok_or_else(|| format!("{setting:?} is not from 1s to 1h, such as {name}=90s"))?;
        match (common, own) {
            (Some((_, deadline)), _) => **deadline = duration,
            (None, Some(own)) => drop(self.engines.insert(own.name, duration)),
            (None, None) => {}
        }
        Ok(())
    }
}

/// The deadlines of all engines.
fn of_engines() -> impl Iterator<Item = EngineDeadline> {
    ENGINES.engines.iter().flat_map(|engine| engine.deadlines).copied()
}

impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = self.clone();
        let own = of_engines().map(|own| (own.name, self.of(own)));
        let common = this.named().map(|(name, duration)| (name, *duration));
        let settings = common.into_iter().chain(own);
        let settings: Vec<_> =
            settings.map(|(name, duration)| format!("{name}={}", humantime::format_duration(duration))).collect();
        f.write_str(&settings.join(","))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_setting_changes_what_it_names_alone() {
        let mut deadlines = Deadlines::default();
        deadlines.set("wait=10m").unwrap();
        assert_eq!(
            Deadlines { wait: Duration::from_secs(300), ..deadlines.clone() }.to_string(),
            Deadlines::default().to_string()
        );
        assert!(deadlines.to_string().contains(",wait=10m,"), "{deadlines}");
    }

    #[test]
    fn each_deadline_of_an_engine_can_be_set_by_a_name_of_its_own() {
        let common = Deadlines::default().named().map(|(name, _)| name);
        let names: Vec<_> = common.into_iter().chain(of_engines().map(|own| own.name)).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for own in of_engines() {
            let mut deadlines = Deadlines::default();
            assert_eq!(deadlines.of(own), own.default);
            deadlines.set(&format!("{}=59m", own.name)).unwrap();
            assert_eq!(deadlines.of(own), Duration::from_secs(59 * 60), "{}", own.name);
            assert!(deadlines.to_string().contains(&format!("{}=59m", own.name)), "{deadlines}");
        }
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for setting in ["wait", "wait=", "wait=0s", "wait=2h", "wait=soon", "sleep=1s", "=1s", "install=0s"] {
            let why = Deadlines::default().set(setting).unwrap_err();
            assert!(why.contains(&format!("{setting:?}")), "{why}");
        }
    }
}
