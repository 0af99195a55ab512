//! helm, as a program. Its exit code is a hint; what became of a release is read from the cluster.

pub(crate) mod content;
pub(crate) mod failure;
mod files;
mod flags;
pub(crate) mod release;
mod values;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sendstores_core::{Engine, ReleaseName, Store, failure::FailureReason, provisioner::StepError};
use tempfile::TempDir;
use tokio::{sync::OnceCell, time::Instant};

use self::{content::Content, files::Files, flags::Major};
use super::{
    config::{ChartFiles, HelmConfig, Quota},
    engines::Registry,
    names,
    process::{self, End, Finished, Run},
    redact,
};

/// helm sees neither its own settings of the operator's shell nor ours, which may hold secrets.
const WITHHELD: &[&str] = &["HELM_", "SENDSTORES_"];

/// One helm program and what it installs.
pub(crate) struct Helm {
    config: HelmConfig,
    deadline: Duration,
    grace: Duration,
    tool: OnceCell<Tool>,
    /// What the stores of each engine are installed from, once it was read.
    files: RwLock<BTreeMap<Engine, Arc<Files>>>,
    /// Where the configuration names no folder.
    scratch: OnceCell<TempDir>,
}

/// Where the values of a revision come from, apart from the store's own, and its chart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Base<'a> {
    /// The values files of this environment.
    Files,
    /// The revision before: made from the same files, or changed by hand since.
    Before,
    /// A revision that is kept as it is, its chart included, and what its maker called it.
    Kept(&'a Content, Option<&'a str>),
}

/// What was found out about the program.
struct Tool {
    major: Major,
    setpriv: Option<PathBuf>,
}

// === impl Helm ===

impl Helm {
    pub(crate) fn new(config: HelmConfig, deadline: Duration, grace: Duration) -> Self {
        Self { config, deadline, grace, tool: OnceCell::new(), files: RwLock::default(), scratch: OnceCell::new() }
    }

    /// The digest that a release of `store` made by us now would carry.
    pub(crate) async fn digest(&self, store: &Store) -> Result<String, StepError> {
        Ok(self.files(store.spec.engine, store.spec.release.as_ref()).await?.digest(store))
    }

    /// Installs or upgrades, without waiting for the pods.
    pub(crate) async fn upgrade(&self, store: &Store, exposed: bool, base: Base<'_>) -> Result<(), StepError> {
        let mut arguments: Vec<OsString> = vec!["upgrade".into(), names::RELEASE.into()];
        arguments.extend(["--install", "--namespace", store.id.as_str()].map(OsString::from));
        // Held until helm has ended: their copy goes with them.
        let (mut files, mut unpacked) = (None, None);
        let (labels, document) = match base {
            Base::Files | Base::Before => {
                let files = files.insert(self.files(store.spec.engine, store.spec.release.as_ref()).await?);
                arguments.push(files.chart().into());
                match base {
                    Base::Before => arguments.push("--reuse-values".into()),
                    _ => arguments.extend(files.values().flat_map(|file| ["--values".into(), file.into()])),
                }
                (release::labels(Some(&files.digest(store)), exposed), values::document(store, exposed))
            }
            Base::Kept(content, source) => {
                let folder = self.cache().await?.join("kept").join(store.id.as_str());
                let kept = content.unpack(folder).map_err(|error| self.unusable(&format!("{error}")))?;
                let kept = unpacked.insert(kept);
                arguments.extend([kept.chart().into(), "--values".into(), kept.values().into()]);
                (release::labels(source, exposed), values::exposure(exposed))
            }
        };
        arguments.extend(["--values", "-", "--labels", labels.as_str()].map(OsString::from));
        arguments.extend(self.tool().await?.major.upgrade().iter().map(OsString::from));
        self.act(arguments, document.into_bytes()).await
    }

    /// Removes a release whose first installation never ended. Volumes and namespace stay.
    pub(crate) async fn uninstall(&self, store: &Store) -> Result<(), StepError> {
        let mut arguments: Vec<OsString> = ["uninstall", names::RELEASE].map(OsString::from).to_vec();
        arguments.extend(["--namespace", store.id.as_str()].map(OsString::from));
        arguments.extend(self.tool().await?.major.uninstall().iter().map(OsString::from));
        self.act(arguments, Vec::new()).await
    }

    /// Reads the charts and the values anew and installs from them from now on, if helm can make something of all of them.
    /// Returns whether they differ from what was read before; on an error, that stays in use.
    pub(crate) async fn reload(&self, registry: Registry, quota: &Quota) -> Result<bool, StepError> {
        let mut read = Vec::new();
        for (engine, sources) in self.config.charts.iter() {
            let files = self.read(sources).await?;
            let sizes = registry.find(engine).map_or(&[][..], |engine| engine.volume_sizes);
            let values: Vec<_> = [files.chart().join("values.yaml")].into_iter().chain(files.values()).collect();
            quota.holds_volumes(sizes, &values).map_err(|why| self.unusable(&format!("{engine}: {why}")))?;
            self.render(&files).await?;
            read.push((engine, files));
        }
        let mut differ = false;
        for (engine, files) in read {
            differ |= !self.files(engine, None).await?.is_like(&files);
            self.install_from(engine, files);
        }
        Ok(differ)
    }

    /// Has helm render the chart for a store that there is not.
    async fn render(&self, files: &Files) -> Result<(), StepError> {
        let mut arguments: Vec<OsString> = vec!["template".into(), names::RELEASE.into(), files.chart().into()];
        arguments.extend(files.values().flat_map(|file| ["--values".into(), file.into()]));
        arguments.extend(["--values", "-", "--namespace", values::CHECK].map(OsString::from));
        self.act(arguments, values::of_a_check().into_bytes()).await
    }

    async fn act(&self, arguments: Vec<OsString>, input: Vec<u8>) -> Result<(), StepError> {
        let setpriv = self.tool().await?.setpriv.as_deref();
        let (verb, begun) = (verb(&arguments), Instant::now());
        let finished = self.run(arguments, input, setpriv).await?;
        let outcome = if matches!(finished.end, End::Exited(0)) { "ok" } else { "failed" };
        metrics::histogram!("sendstores_helm_seconds", "verb" => verb, "outcome" => outcome)
            .record(begun.elapsed().as_secs_f64());
        match finished.end {
            End::Exited(0) => Ok(()),
            end => Err(failure::classify(end, &finished.stderr, self.deadline)),
        }
    }

    async fn run(
        &self,
        mut arguments: Vec<OsString>,
        input: Vec<u8>,
        setpriv: Option<&Path>,
    ) -> Result<Finished, StepError> {
        if let Some(context) = &self.config.kube_context {
            arguments.extend(["--kube-context".into(), context.into()]);
        }
        let run = Run {
            program: &self.config.program,
            arguments,
            environment: self.environment().await?,
            withheld: WITHHELD,
            input,
            deadline: self.deadline,
            grace: self.grace,
            setpriv,
        };
        process::run(run).await.map_err(|error| self.unusable(&error.to_string()))
    }

    /// Everything helm would otherwise take from a home folder.
    async fn environment(&self) -> Result<Vec<(&'static str, OsString)>, StepError> {
        let cache = self.cache().await?;
        let folder = |name: &str| cache.join(name).into_os_string();
        let mut environment = vec![
            ("HELM_CACHE_HOME", folder("cache")),
            ("HELM_CONFIG_HOME", folder("config")),
            ("HELM_DATA_HOME", folder("data")),
            ("KUBECACHEDIR", folder("kube")),
            ("HELM_DRIVER", "secret".into()),
            ("HELM_NO_PLUGINS", "1".into()),
        ];
        if let Some(kubeconfig) = &self.config.kubeconfig {
            environment.push(("KUBECONFIG", kubeconfig.clone().into()));
        }
        Ok(environment)
    }

    /// A temporary folder has a random name and lets only this user in: on a shared machine another user could otherwise
    /// prepare it, with a plug-in or a repository for helm in it.
    async fn cache(&self) -> Result<&Path, StepError> {
        if let Some(folder) = &self.config.cache {
            return Ok(folder);
        }
        let private = Permissions::from_mode(0o700);
        let made = async { tempfile::Builder::new().prefix("sendstores-helm-").permissions(private).tempdir() };
        let folder = self.scratch.get_or_try_init(|| made).await;
        folder.map(TempDir::path).map_err(|error| self.unusable(&format!("no folder for its caches: {error}")))
    }

    /// Has what is installed read now.
    pub(crate) async fn load(&self) -> Result<(), StepError> {
        for (engine, _) in self.config.charts.iter() {
            self.files(engine, None).await?;
        }
        Ok(())
    }

    /// What stores of `engine` and of this release are installed from. It is read now if it was not before.
    async fn files(&self, engine: Engine, release: Option<&ReleaseName>) -> Result<Arc<Files>, StepError> {
        if let Some(name) = release {
            return Err(self.unusable(&format!("the release {name} of the engine {engine} is not offered here")));
        }
        let known = self.files.read().unwrap_or_else(PoisonError::into_inner).get(&engine).cloned();
        match (known, self.config.charts.get(engine)) {
            (Some(files), _) => Ok(files),
            (None, Some(sources)) => Ok(self.install_from(engine, self.read(sources).await?)),
            (None, None) => Err(self.unusable(&format!("no chart is given for the engine {engine} (--chart)"))),
        }
    }

    async fn read(&self, sources: &ChartFiles) -> Result<Files, StepError> {
        Files::read(sources, self.cache().await?).map_err(|why| self.unusable(&why))
    }

    fn install_from(&self, engine: Engine, files: Files) -> Arc<Files> {
        let files = Arc::new(files);
        self.files.write().unwrap_or_else(PoisonError::into_inner).insert(engine, files.clone());
        files
    }

    /// Asks the program for its version, once it answers.
    async fn tool(&self) -> Result<&Tool, StepError> {
        self.tool.get_or_try_init(|| self.find_out()).await
    }

    async fn find_out(&self) -> Result<Tool, StepError> {
        let setpriv = PathBuf::from("setpriv");
        match self.version(Some(&setpriv)).await {
            Ok(major) => Ok(Tool { major, setpriv: Some(setpriv) }),
            // Not every system has a setpriv, nor every setpriv what we ask of it. Without it, a helm that outlives us
            // goes on; the release it leaves is healed like any other, and our claim keeps others away until then.
            Err(_) => Ok(Tool { major: self.version(None).await?, setpriv: None }),
        }
    }

    async fn version(&self, setpriv: Option<&Path>) -> Result<Major, StepError> {
        let arguments = ["version", "--template", "{{.Version}}"].map(OsString::from).to_vec();
        let finished = self.run(arguments, Vec::new(), setpriv).await?;
        let said = finished.stdout.trim();
        Major::of(said).ok_or_else(|| {
            self.unusable(&format!(
                "version 3 or 4 is needed, `helm version` ended as {:?}: {said} {}",
                finished.end, finished.stderr
            ))
        })
    }

    fn unusable(&self, why: &str) -> StepError {
        let message = format!("{} cannot be used: {why}", self.config.program.display());
        StepError::retryable(FailureReason::ReleaseFailed, redact::message(&message))
    }
}

/// What helm is run for, as metrics have it.
fn verb(arguments: &[OsString]) -> &'static str {
    let given = arguments.first().and_then(|verb| verb.to_str());
    ["upgrade", "uninstall", "template"].into_iter().find(|verb| given == Some(*verb)).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::config::Charts;

    #[tokio::test]
    async fn the_folder_of_a_process_is_its_own_and_goes_with_it() {
        let config = HelmConfig {
            program: "helm".into(),
            charts: Charts::default(),
            cache: None,
            kubeconfig: None,
            kube_context: None,
        };
        let (one, other) =
            [config.clone(), config].map(|config| Helm::new(config, Duration::ZERO, Duration::ZERO)).into();
        let folder = one.cache().await.unwrap().to_owned();
        assert_eq!(one.cache().await.unwrap(), folder);
        assert_ne!(other.cache().await.unwrap(), folder);
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop(one);
        assert!(!folder.exists());
    }
}
