//! helm, as a program. Its exit code is a hint; what became of a release is read from the cluster.

mod catalogue;
pub(crate) mod content;
pub(crate) mod failure;
mod files;
mod flags;
pub(crate) mod release;
mod values;

use std::{
    ffi::OsString,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Duration,
};

use sendstores_core::{Engines, Store, failure::FailureReason, provisioner::StepError};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::OnceCell, time::Instant};

use self::{catalogue::Catalogue, content::Content, files::Files, flags::Major, release::Record};
use super::{
    config::HelmConfig,
    names,
    process::{self, End, Finished, Run},
    redact,
};

/// helm sees neither its own settings of the operator's shell nor ours, which may hold secrets.
const WITHHELD: &[&str] = &["HELM_", "SENDSTORES_"];

/// One helm program and what it installs.
pub(crate) struct Helm {
    config: HelmConfig,
    engines: Engines,
    deadline: Duration,
    grace: Duration,
    tool: OnceCell<Tool>,
    /// What stores are installed from, once it was read.
    catalogue: RwLock<Option<Arc<Catalogue>>>,
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
    /// A revision that is kept as it is, its chart and its labels included.
    Kept(&'a Content, &'a Record),
}

/// What was found out about the program.
struct Tool {
    major: Major,
    setpriv: Option<PathBuf>,
}

// === impl Helm ===

impl Helm {
    pub(crate) fn new(config: HelmConfig, engines: Engines, deadline: Duration, grace: Duration) -> Self {
        let (tool, catalogue, scratch) = (OnceCell::new(), RwLock::default(), OnceCell::new());
        Self { config, engines, deadline, grace, tool, catalogue, scratch }
    }

    /// The values that the environment has for stores as this one, over those of the chart. Where its release is not offered any
    /// more, those of the default.
    pub(crate) async fn settings(&self, store: &Store) -> Result<Value, StepError> {
        let of_store = self.files(store.spec.engine, store.spec.release.as_ref()).await;
        let files = match (of_store, &store.spec.release) {
            (Err(_), Some(_)) => self.files(store.spec.engine, None).await?,
            (files, _) => files?,
        };
        let mut values = Value::Null;
        for file in [files.chart().join("values.yaml")].into_iter().chain(files.values()) {
            let text = tokio::fs::read_to_string(&file).await.map_err(|error| self.unusable(&error.to_string()))?;
            let read = serde_saphyr::from_str::<Value>(&text).map_err(|error| self.unusable(&error.to_string()))?;
            if !read.is_null() {
                content::overlay(&mut values, read);
            }
        }
        Ok(values)
    }

    /// The digest that a release of `store` made by us now would carry.
    pub(crate) async fn digest(&self, store: &Store) -> Result<String, StepError> {
        Ok(self.files(store.spec.engine, store.spec.release.as_ref()).await?.digest(store))
    }

    /// Installs or upgrades, without waiting for the pods. `sizes`: values of the chart for the sizes of the volumes.
    pub(crate) async fn upgrade(
        &self,
        store: &Store,
        exposed: bool,
        base: Base<'_>,
        sizes: Value,
    ) -> Result<(), StepError> {
        let mut arguments: Vec<OsString> = vec!["upgrade".into(), names::RELEASE.into()];
        // Held until helm has ended: their copy goes with them.
        let (mut files, mut unpacked) = (None, None);
        let (values, labels, document): (Vec<OsString>, _, _) = match base {
            Base::Files | Base::Before => {
                let files = files.insert(self.files(store.spec.engine, store.spec.release.as_ref()).await?);
                arguments.push(files.chart().into());
                let values = match base {
                    Base::Before => vec!["--reuse-values".into()],
                    _ => files.values().flat_map(|file| ["--values".into(), file.into()]).collect(),
                };
                let (digest, name) = (files.digest(store), files.name().as_str());
                (values, release::labels(Some(&digest), Some(name), exposed), values::sized(store, exposed, sizes))
            }
            Base::Kept(content, record) => {
                let folder = self.cache().await?.join("kept").join(store.id.as_str());
                let kept = content.unpack(folder).map_err(|error| self.unusable(&format!("{error}")))?;
                let kept = unpacked.insert(kept);
                arguments.push(kept.chart().into());
                let values = vec!["--values".into(), kept.values().into()];
                let (digest, name) = (record.digest.as_deref(), record.release.as_deref());
                (values, release::labels(digest, name, exposed), values::exposure(exposed, sizes))
            }
        };
        arguments.extend(["--install", "--namespace", store.id.as_str()].map(OsString::from));
        arguments.extend(values);
        arguments.extend(["--values", "-", "--labels", labels.as_str()].map(OsString::from));
        arguments.extend(self.tool().await?.major.upgrade().iter().map(OsString::from));
        self.act(arguments, document.into_bytes()).await.map(drop)
    }

    /// Removes a release whose first installation never ended. Volumes and namespace stay.
    pub(crate) async fn uninstall(&self, store: &Store) -> Result<(), StepError> {
        let mut arguments: Vec<OsString> = ["uninstall", names::RELEASE].map(OsString::from).to_vec();
        arguments.extend(["--namespace", store.id.as_str()].map(OsString::from));
        arguments.extend(self.tool().await?.major.uninstall().iter().map(OsString::from));
        self.act(arguments, Vec::new()).await.map(drop)
    }

    /// What helm renders of the chart for a store that there is not.
    async fn render(&self, files: &Files) -> Result<String, StepError> {
        let mut arguments: Vec<OsString> = vec!["template".into(), names::RELEASE.into(), files.chart().into()];
        arguments.extend(files.values().flat_map(|file| ["--values".into(), file.into()]));
        arguments.extend(["--values", "-", "--namespace", values::CHECK].map(OsString::from));
        self.act(arguments, values::of_a_check().into_bytes()).await
    }

    /// Runs helm, and returns what it wrote.
    async fn act(&self, arguments: Vec<OsString>, input: Vec<u8>) -> Result<String, StepError> {
        let setpriv = self.tool().await?.setpriv.as_deref();
        let (verb, begun) = (verb(&arguments), Instant::now());
        let finished = self.run(arguments, input, setpriv).await?;
        let outcome = if matches!(finished.end, End::Exited(0)) { "ok" } else { "failed" };
        metrics::histogram!("sendstores_helm_seconds", "verb" => verb, "outcome" => outcome)
            .record(begun.elapsed().as_secs_f64());
        match finished.end {
            End::Exited(0) => Ok(finished.stdout),
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
    use crate::provision::{ENGINES, config::Charts};

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
            [config.clone(), config].map(|config| Helm::new(config, ENGINES, Duration::ZERO, Duration::ZERO)).into();
        let folder = one.cache().await.unwrap().to_owned();
        assert_eq!(one.cache().await.unwrap(), folder);
        assert_ne!(other.cache().await.unwrap(), folder);
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop(one);
        assert!(!folder.exists());
    }
}
