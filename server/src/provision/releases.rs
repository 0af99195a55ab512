//! The folder of releases: a folder each, with what the release is, its values and perhaps its chart. It is read as a whole, and what
//! is wrong in it is named with its path.
//!
//! An operator writes it, by hand or with a program. So it is bounded in all directions, and nothing in it is waited for.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use sendstores_core::{
    Engine, Engines, Offer, ReleaseName,
    text::is_unprintable,
    version::{Version, Versions},
};
use serde::Deserialize;

use super::config::{ChartFiles, Charts};

/// How many releases a server offers at most: each is rendered by helm at the start.
const MOST: usize = 64;
/// How many entries the folder may have, whatever they are.
const MOST_ENTRIES: usize = 1_000;
/// The largest description, in bytes.
const MAX_DESCRIPTION: u64 = 64 * 1024;
const MAX_URL: usize = 512;

const DESCRIPTION: &str = "release.yaml";
const VALUES: &str = "values.yaml";
const CHART: &str = "chart";

/// A release as its folder has it.
#[derive(Debug)]
pub(super) struct Declared {
    /// Without images: those are known once helm has rendered it.
    pub(super) offer: Offer,
    pub(super) files: ChartFiles,
}

/// What `release.yaml` may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    engine: Option<String>,
    wordpress: Option<String>,
    woocommerce: Option<String>,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    security: bool,
    #[serde(default)]
    notes_url: String,
}

/// The releases in `folder`, in the order of their names. `charts` has what a release does not have itself.
pub(super) fn read(folder: &Path, charts: &Charts, engines: Engines) -> Result<Vec<Declared>, String> {
    let mut names = entries(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    names.sort();
    if names.len() > MOST {
        return Err(format!("{} has {} releases, and {MOST} are the most", folder.display(), names.len()));
    }
    if names.is_empty() {
        return Err(format!("{} has no folder with a release", folder.display()));
    }
    let release = |name: String| {
        let at = folder.join(&name);
        declared(&at, &name, charts, engines).map_err(|why| format!("{}: {why}", at.display()))
    };
    let releases: Vec<_> = names.into_iter().map(release).collect::<Result<_, _>>()?;
    for engine in engines.names() {
        let of_engine = || releases.iter().filter(|release| release.offer.engine == engine);
        let defaults = of_engine().filter(|release| release.offer.default).count();
        if defaults != 1 && of_engine().next().is_some() {
            let folder = folder.display();
            return Err(format!("{folder}: {defaults} releases of {engine} are the default, and one has to be"));
        }
    }
    Ok(releases)
}

/// The folders in it. What begins with a dot is not a release: Kubernetes keeps the versions of a mounted ConfigMap there.
fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (number, entry) in fs::read_dir(folder)?.enumerate() {
        if number >= MOST_ENTRIES {
            return Err(io::Error::other(format!("more than {MOST_ENTRIES} entries")));
        }
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

fn declared(at: &Path, name: &str, charts: &Charts, engines: Engines) -> Result<Declared, String> {
    let name: ReleaseName = name.parse().map_err(|why| format!("its name {why}"))?;
    // helm takes a label of this value for none.
    if name.as_str() == "null" {
        return Err("no release can have this name".to_owned());
    }
    let text = text(&at.join(DESCRIPTION)).map_err(|why| format!("{DESCRIPTION}: {why}"))?;
    let description: Description =
        serde_saphyr::from_str(&text).map_err(|error| format!("{DESCRIPTION}: {}", first_line(&error.to_string())))?;
    let offer = offer(name, description, engines).map_err(|why| format!("{DESCRIPTION}: {why}"))?;
    let files = files(at, offer.engine, charts)?;
    Ok(Declared { offer, files })
}

fn offer(name: ReleaseName, description: Description, engines: Engines) -> Result<Offer, String> {
    let Description { engine, wordpress, woocommerce, default, security, notes_url } = description;
    let engine = match &engine {
        None => engines.default_engine().map(|facts| facts.engine),
        Some(name) => engines.named(name),
    };
    let engine = engine.ok_or("engine: is not one that this server has")?;
    let mut versions = Vec::new();
    for (software, version) in [("wordpress", wordpress), ("woocommerce", woocommerce)] {
        let Some(version) = version else { continue };
        version.parse::<Version>().map_err(|why| format!("{software}: {why}"))?;
        versions.push((software, version));
    }
    let versions: Versions = versions.into_iter().collect();
    if !notes_url.is_empty() {
        url(&notes_url).map_err(|why| format!("notes_url: {why}"))?;
    }
    let images = Default::default();
    Ok(Offer { name, engine, versions, images, default, security, notes_url, declared: true })
}

/// People open it from a dashboard and a terminal.
fn url(text: &str) -> Result<(), String> {
    let web =
        ["https://", "http://"].iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let plain = text.chars().all(|c| !c.is_whitespace() && !is_unprintable(c) && !matches!(c, '"' | '<' | '>' | '\\'));
    let fits = web && plain && text.chars().count() <= MAX_URL;
    fits.then_some(())
        .ok_or_else(|| format!("must be an address that begins with https://, of {MAX_URL} characters at most"))
}

fn files(at: &Path, engine: Engine, charts: &Charts) -> Result<ChartFiles, String> {
    let own = at.join(CHART);
    let of_server = charts.get(engine);
    let chart = match of_server {
        _ if own.join("Chart.yaml").is_file() => own,
        _ if own.exists() => return Err(format!("{CHART}: is not a folder with a Chart.yaml")),
        Some(files) => files.chart.clone(),
        None => return Err(format!("{CHART}: is missing, and the server has no chart for the engine {engine}")),
    };
    let values = at.join(VALUES);
    if !values.is_file() {
        return Err(format!("{VALUES}: is missing; without values of its own it may be empty"));
    }
    let of_server = of_server.map(|files| files.values.clone()).unwrap_or_default();
    Ok(ChartFiles { chart, values: of_server.into_iter().chain([values]).collect() })
}

/// A file that is read without an end, such as a pipe, is not opened.
fn text(path: &Path) -> Result<String, String> {
    let found = fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_DESCRIPTION + 1).read_to_string(&mut text));
    match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= MAX_DESCRIPTION) => Ok(text),
        Ok(_) => Err(format!("has more than {MAX_DESCRIPTION} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

/// An error of the parser quotes the file over many lines.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf};

    use tempfile::TempDir;

    use super::*;
    use crate::provision::ENGINES;

    const WOOCOMMERCE: Engine = Engine::new("woocommerce");

    /// A folder of releases, and the charts of a server.
    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(TempDir::new().unwrap());
            folder.write("server/chart/Chart.yaml", "name: woocommerce");
            folder.write("server/values.yaml", "");
            folder
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// A release with this description.
        fn with(self, name: &str, description: &str) -> Self {
            self.write(&format!("releases/{name}/release.yaml"), description);
            self.write(&format!("releases/{name}/values.yaml"), "");
            self
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn read(&self) -> Result<Vec<Declared>, String> {
            let files = ChartFiles { chart: self.path("server/chart"), values: vec![self.path("server/values.yaml")] };
            super::read(&self.path("releases"), &Charts::default().with(WOOCOMMERCE, files), ENGINES)
        }

        fn refused(&self) -> String {
            self.read().expect_err("refused").replace(&self.0.path().display().to_string(), "")
        }
    }

    const GOOD: &str = "wordpress: 6.8\nwoocommerce: 10.9.4\ndefault: true\n";

    #[test]
    fn a_release_is_what_its_folder_says_over_what_the_server_has() {
        let next = "engine: woocommerce\nwordpress: 6.9\nwoocommerce: 11.0.1\nsecurity: true\nnotes_url: https://example.com/11\n";
        let folder = Folder::new().with("now", GOOD).with("next", next);
        folder.write("releases/next/chart/Chart.yaml", "name: woocommerce");
        folder.write("releases/README.md", "of people");
        symlink(folder.path("releases/now"), folder.path("releases/..2026_11")).unwrap();
        let read = folder.read().unwrap();
        let [next, now] = &read[..] else { panic!("two: {read:?}") };
        assert_eq!((next.offer.name.as_str(), next.offer.engine, next.offer.default), ("next", WOOCOMMERCE, false));
        assert_eq!(next.offer.versions.iter().collect::<Vec<_>>(), [("woocommerce", "11.0.1"), ("wordpress", "6.9")]);
        assert!(next.offer.security && next.offer.declared && next.offer.notes_url.ends_with("/11"));
        assert_eq!(next.files.chart, folder.path("releases/next/chart"));
        let values = [folder.path("server/values.yaml"), folder.path("releases/next/values.yaml")];
        assert_eq!(next.files.values, values);
        assert_eq!(now.files.chart, folder.path("server/chart"));
        assert!(now.offer.default && !now.offer.security);
        assert_eq!(now.offer.versions.of("wordpress"), Some("6.8"), "as it is written");
    }

    #[test]
    fn what_is_wrong_in_a_description_is_named() {
        for (description, wanted) in [
            ("", "0 releases of woocommerce are the default"),
            ("default: true\ncolour: blue\n", "colour"),
            ("default: maybe\n", "invalid boolean"),
            ("[not, a, map]", "release.yaml"),
            ("default: true\nengine: magento\n", "engine: is not one that this server has"),
            ("default: true\nwordpress: latest\n", "wordpress: must be a version"),
            ("default: true\nwoocommerce: 1.2.3.4.5\n", "woocommerce: must be a version"),
            ("default: true\nnotes_url: javascript:alert(1)\n", "notes_url: must be an address"),
            ("default: true\nnotes_url: \"https://example.com/\\u202E\"\n", "notes_url: must be an address"),
            ("wordpress: 6.8\n", "0 releases of woocommerce are the default"),
        ] {
            let refused = Folder::new().with("now", description).refused();
            assert!(refused.contains(wanted) && refused.len() < 500, "{description:?}: {refused}");
        }
        let two = Folder::new().with("now", GOOD).with("next", GOOD).refused();
        assert!(two.contains("2 releases of woocommerce are the default"), "{two}");
    }

    #[test]
    fn names_are_those_of_releases() {
        for name in ["Upper", "under_score", "-a", "null", &"x".repeat(64)] {
            let refused = Folder::new().with("now", GOOD).with(name, "").refused();
            assert!(refused.contains(&format!("/releases/{name}: ")), "{refused}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(Folder::new().refused().contains("/releases: "));
        let folder = Folder::new().with("now", GOOD);
        fs::remove_file(folder.path("releases/now/values.yaml")).unwrap();
        assert!(folder.refused().contains("/releases/now: values.yaml: is missing"), "{}", folder.refused());
        fs::remove_file(folder.path("releases/now/release.yaml")).unwrap();
        assert!(folder.refused().contains("/releases/now: release.yaml: "), "{}", folder.refused());
        let folder = Folder::new().with("now", GOOD);
        folder.write("releases/now/chart/values.yaml", "");
        assert!(folder.refused().contains("chart: is not a folder with a Chart.yaml"), "{}", folder.refused());
        fs::create_dir_all(folder.path("empty")).unwrap();
        let why = super::read(&folder.path("empty"), &Charts::default(), ENGINES).unwrap_err();
        assert!(why.contains("has no folder with a release"), "{why}");
    }

    #[test]
    fn too_much_is_refused_and_nothing_is_waited_for() {
        let mut folder = Folder::new().with("now", GOOD);
        for number in 0..200 {
            folder = folder.with(&format!("r{number}"), "");
        }
        assert!(folder.refused().contains("has 201 releases, and 64 are the most"), "{}", folder.refused());
        let huge = Folder::new().with("now", &format!("{GOOD}#{}\n", "x".repeat(64 * 1024)));
        assert!(huge.refused().contains("release.yaml: has more than 65536 bytes"), "{}", huge.refused());
        for device in ["/dev/zero", "/dev/null"] {
            let folder = Folder::new().with("now", GOOD);
            fs::remove_file(folder.path("releases/now/release.yaml")).unwrap();
            symlink(device, folder.path("releases/now/release.yaml")).unwrap();
            assert!(folder.refused().contains("release.yaml: "), "{}", folder.refused());
        }
        let folder = Folder::new().with("now", GOOD);
        symlink("loop", folder.path("releases/loop")).unwrap();
        assert_eq!(folder.read().unwrap().len(), 1, "what leads nowhere is no folder");
    }
}
