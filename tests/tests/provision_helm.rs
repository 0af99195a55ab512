//! helm misbehaves in every way a program can, and provisioning keeps its deadline, its memory and its judgement.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sendstores_core::{
    Engine, Release, Store,
    failure::FailureReason,
    observed::{Progress, Seen},
    offer::OfferReleases,
    provisioner::{Provisioner, StepError},
};
use sendstores_server::provision::{
    ChartFiles, Charts, Config, Deadlines, HelmConfig, KubeProvisioner, ProbeVia, Quota,
};
use sendstores_tests::{
    helm_shim::{Deed, HelmShim},
    samples::{self, parsed},
    steps,
    wait::until,
};
use serde_json::json;

/// Enough for the shim to say its processes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_millis(200);
/// Far more than a deadline and its grace; a run that takes this long was not ended by them.
const LONG: Duration = Duration::from_secs(20);

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/woocommerce")
}

fn charts(values: Vec<PathBuf>) -> Charts {
    Charts::default().with(Engine::new("woocommerce"), ChartFiles { chart: chart(), values })
}

fn provisioner(shim: &HelmShim, deadline: Duration) -> KubeProvisioner {
    provisioner_with(shim, deadline, chart().join("values-local.yaml"))
}

fn provisioner_with(shim: &HelmShim, deadline: Duration, values: PathBuf) -> KubeProvisioner {
    provisioner_of(shim, deadline, charts(vec![values]))
}

fn provisioner_of(shim: &HelmShim, deadline: Duration, charts: Charts) -> KubeProvisioner {
    let helm = HelmConfig {
        program: shim.program(),
        charts,
        cache: Some(shim.path("cache")),
        kubeconfig: None,
        kube_context: None,
    };
    let deadlines = Deadlines { helm: deadline, helm_grace: GRACE, ..Deadlines::default() };
    KubeProvisioner::new(
        Config {
            helm,
            deadlines,
            cron_interval: None,
            quota: Quota::default(),
            probe_via: ProbeVia::default(),
            requests: 32,
            instance: "test".to_owned(),
            backups: None,
        },
        shim.kubernetes(),
    )
}

fn store() -> Store {
    let mut store = samples::store("store-shim");
    store.spec.shop.title = parsed("--set a=b {{ .Release }} $(id) 'x' \"y\" \u{1f6d2}");
    store
}

async fn ensure(shim: &HelmShim, deadline: Duration) -> Result<(), StepError> {
    let begun = Instant::now();
    let outcome = provisioner(shim, deadline).ensure(&store(), steps::RELEASE).await;
    assert!(begun.elapsed() < LONG, "took {:?}", begun.elapsed());
    outcome
}

/// The processes that the shim said it is made of.
fn pids(shim: &HelmShim) -> Vec<String> {
    shim.recorded("pids").lines().map(str::to_owned).collect()
}

async fn told_pids(shim: &HelmShim) -> Vec<String> {
    until("the shim never said its processes", async || Some(pids(shim)).filter(|pids| !pids.is_empty())).await
}

/// Whether nothing is left of a process, not even a zombie of ours; one that init has to collect is not ours.
fn is_gone(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields.first() == Some(&"Z") && fields.get(1) != Some(&std::process::id().to_string().as_str())
}

async fn all_gone(pids: &[String]) {
    until("a process stayed", async || pids.iter().all(|pid| is_gone(pid)).then_some(())).await;
}

#[tokio::test]
async fn a_helm_that_never_ends_and_ignores_sigterm_is_killed_with_its_children() {
    let shim = HelmShim::new(Deed::Hang);
    let error = ensure(&shim, DEADLINE).await.expect_err("it never ended");
    assert_eq!((error.reason, error.terminal), (FailureReason::ReleaseFailed, false));
    assert!(error.message.contains("did not end within"), "{error}");
    let pids = pids(&shim);
    assert_eq!(pids.len(), 2);
    all_gone(&pids).await;
}

#[tokio::test]
async fn a_flood_of_output_is_cut() {
    let shim = HelmShim::new(Deed::Flood);
    let error = ensure(&shim, DEADLINE).await.expect_err("it never ended");
    assert!(error.message.len() < 2_000, "{} bytes", error.message.len());
    let pids = pids(&shim);
    all_gone(&pids).await;
}

#[tokio::test]
async fn a_success_without_work_is_not_believed() {
    let shim = HelmShim::new(Deed::Nothing);
    let error = ensure(&shim, LONG).await.expect_err("nothing was done");
    assert_eq!((error.reason, error.terminal), (FailureReason::ReleaseFailed, false));
    assert!(error.message.contains("no release"), "{error}");
}

#[tokio::test]
async fn a_failure_behind_the_work_is_a_success() {
    let shim = HelmShim::new(Deed::WorkThenFail);
    ensure(&shim, LONG).await.expect("the release is there");
}

#[tokio::test]
async fn refused_values_are_final() {
    let error = ensure(&HelmShim::new(Deed::RefuseValues), LONG).await.expect_err("refused");
    assert_eq!((error.reason, error.terminal), (FailureReason::ValuesRefused, true));
}

#[tokio::test]
async fn a_missing_helm_says_so() {
    let shim = HelmShim::new(Deed::Work);
    fs::remove_file(shim.program()).expect("remove the shim");
    let error = ensure(&shim, LONG).await.expect_err("there is no helm");
    assert!(!error.terminal && error.message.contains("cannot be used"), "{error}");
}

#[tokio::test]
async fn the_release_step_knows_its_own_release() {
    let shim = HelmShim::new(Deed::Work);
    let (provisioner, store) = (provisioner(&shim, LONG), store());
    assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(Seen::Absent));
    provisioner.ensure(&store, steps::RELEASE).await.expect("made");
    let done = Seen::Known(Progress::Done(Vec::new()));
    assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(done));
    let mut other = store;
    other.url = "http://other.localhost".to_owned();
    let seen = provisioner.observe(&other, steps::RELEASE).await.expect("seen");
    assert!(matches!(seen, Seen::Known(Progress::Partial(_))), "{seen:?}");
}

#[tokio::test]
async fn no_word_of_a_user_reaches_the_command_line_and_no_setting_of_ours_the_environment() {
    let shim = HelmShim::new(Deed::Work);
    ensure(&shim, LONG).await.expect("made");
    let arguments = shim.arguments();
    for argument in &arguments {
        for word in ["a=b", "Release", "$(id)", "owner@", "merchant", "\u{1f6d2}"] {
            assert!(!argument.contains(word), "{argument}");
        }
    }
    assert!(!arguments.iter().any(|argument| argument.starts_with("--set") || argument == "--wait"), "{arguments:?}");
    let values: serde_json::Value = serde_json::from_str(&shim.recorded("stdin")).expect("one JSON document");
    assert_eq!(values["store"]["id"], "store-shim");
    assert_eq!(values["ingress"]["enabled"], false);
    let environment = shim.recorded("env");
    assert!(environment.contains("HELM_DRIVER=secret") && environment.contains("HELM_CACHE_HOME="), "{environment}");
    assert!(!environment.lines().any(|line| line.starts_with("SENDSTORES_")), "{environment}");
}

#[tokio::test]
async fn a_dropped_step_takes_helm_with_it() {
    let shim = HelmShim::new(Deed::Hang);
    let provisioner = provisioner(&shim, LONG);
    let store = store();
    let pids = tokio::select! {
        outcome = provisioner.ensure(&store, steps::RELEASE) => panic!("it ended: {outcome:?}"),
        pids = told_pids(&shim) => pids,
    };
    all_gone(&pids).await;
}

/// The files of a server that are edited while it runs.
#[tokio::test]
async fn an_edited_file_reaches_no_store_before_that_is_asked_for_and_helm_accepts_it() {
    let shim = HelmShim::new(Deed::Work);
    let environment = shim.path("environment.yaml");
    let write = |content: &str| fs::write(&environment, content).expect("write the values");
    write("storage: {content: 1Gi}");
    let provisioner = provisioner_with(&shim, LONG, environment.clone());
    provisioner.load_files().await.expect("read");
    // What helm is given where there is no release yet.
    let installed = async || {
        fs::remove_file(shim.path("record")).ok();
        provisioner.ensure(&store(), steps::RELEASE).await.expect("made");
        shim.recorded("values")
    };
    write("storage: {content: 2Gi}");
    assert_eq!(installed().await, "storage: {content: 1Gi}");
    assert_eq!(provisioner.reload_files().await, Ok(true));
    assert_eq!(installed().await, "storage: {content: 2Gi}");
    assert_eq!(provisioner.reload_files().await, Ok(false), "they are the same");

    for unusable in ["refused: true", "storage: {content: 900Gi}"] {
        write(unusable);
        provisioner.reload_files().await.expect_err(unusable);
        assert_eq!(installed().await, "storage: {content: 2Gi}", "{unusable}");
    }
    fs::remove_file(&environment).expect("remove the values");
    let error = provisioner.reload_files().await.expect_err("the file is gone");
    assert!(error.message.contains("environment.yaml"), "{error}");
    assert_eq!(installed().await, "storage: {content: 2Gi}");
}

/// A revision as helm keeps it, of a chart and of values that no server of today has.
fn made_long_ago() -> serde_json::Value {
    let template = BASE64_STANDARD.encode("kind: {{ .Values.kind }}");
    json!({"version": 1, "chart": {
        "metadata": {"apiVersion": "v2", "name": "woocommerce", "version": "0.0.1"},
        "templates": [{"name": "templates/old.yaml", "data": template}],
        "values": {"storage": {"database": "1Gi"}},
    }, "config": {"storage": {"database": "5Gi"}, "store": {"id": "store-shim"}}})
}

/// A store that was READY once, whose release is of another chart and of other values than this server's.
fn complete() -> (HelmShim, Store) {
    let shim = HelmShim::new(Deed::Work);
    shim.keep_release("sendstores.dev/digest=0123,sendstores.dev/exposed=true", &made_long_ago());
    let mut store = store();
    store.ready_time = Some(store.create_time);
    (shim, store)
}

#[tokio::test]
async fn a_store_that_was_ready_is_mended_with_what_it_was_made_from() {
    let (shim, store) = complete();
    let provisioner = provisioner(&shim, LONG);
    let done = Seen::Known(Progress::Done(Vec::new()));
    assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(done), "it is of another chart, and stays so");
    provisioner.ensure(&store, steps::RELEASE).await.expect("mended");
    assert_eq!(shim.recorded("chart/templates/old.yaml"), "kind: {{ .Values.kind }}");
    assert!(shim.recorded("chart/Chart.yaml").contains("0.0.1"));
    let values: serde_json::Value = serde_json::from_str(&shim.recorded("values")).expect("one values file");
    assert_eq!(values, made_long_ago()["config"]);
    let said: serde_json::Value = serde_json::from_str(&shim.recorded("stdin")).expect("one JSON document");
    assert_eq!(said, json!({"ingress": {"enabled": true}}), "an older chart may know nothing else");
    assert_eq!(
        shim.recorded("record"),
        "sendstores.dev/digest=0123,sendstores.dev/release=null,sendstores.dev/exposed=true",
        "and is called the same"
    );
}

#[tokio::test]
async fn a_store_that_was_never_ready_takes_what_the_server_has_now() {
    let (shim, mut store) = complete();
    store.ready_time = None;
    let provisioner = provisioner(&shim, LONG);
    let seen = provisioner.observe(&store, steps::RELEASE).await.expect("seen");
    assert!(matches!(seen, Seen::Known(Progress::Partial(_))), "{seen:?}");
    provisioner.ensure(&store, steps::RELEASE).await.expect("made");
    assert!(shim.recorded("chart/Chart.yaml").starts_with("apiVersion"), "the server's own chart");
    assert!(shim.recorded("chart/templates/old.yaml").is_empty());
}

#[tokio::test]
async fn without_any_record_of_helm_only_the_files_that_a_store_was_made_from_will_do() {
    let shim = HelmShim::new(Deed::Work);
    let mut store = store();
    store.ready_time = Some(store.create_time);
    let release = |source: &str| {
        let (chart, source) = ("woocommerce-0.0.1".to_owned(), Some(source.to_owned()));
        Some(Box::new(Release { revision: 1, chart, source, ..Release::default() }))
    };
    store.made_from = release("0123");
    let provisioner = provisioner(&shim, LONG);
    let refused = provisioner.ensure(&store, steps::RELEASE).await.expect_err("other files");
    assert!(!refused.terminal && refused.message.contains("woocommerce-0.0.1"), "{refused}");
    assert!(shim.arguments().is_empty(), "helm was not run");
    // What an earlier server made says nothing of its files.
    store.made_from = None;
    provisioner.ensure(&store, steps::RELEASE).await.expect("made");
    let digest = shim.recorded("record").split(['=', ',']).nth(1).expect("a digest").to_owned();
    fs::remove_file(shim.path("record")).expect("helm's record is lost");
    store.made_from = release(&digest);
    provisioner.ensure(&store, steps::RELEASE).await.expect("made from the same files");
}

#[tokio::test]
async fn a_store_that_nobody_could_visit_is_made_anew_where_a_correction_cannot_be_made_in_place() {
    let shim = HelmShim::new(Deed::RefuseChange);
    shim.keep_release("sendstores.dev/digest=0123,sendstores.dev/exposed=false", &made_long_ago());
    shim.set_claim(true);
    let (provisioner, store) = (provisioner(&shim, LONG), store());
    let ensure = async || provisioner.ensure(&store, steps::RELEASE).await;
    let error = ensure().await.expect_err("it takes a while");
    assert!(!error.terminal && error.message.contains("made anew"), "{error}");
    assert_eq!(shim.recorded("claim"), "deleted");
    assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(Seen::Absent));
    let upgrades = || shim.arguments().iter().filter(|argument| *argument == "upgrade").count();
    assert_eq!(upgrades(), 1);
    ensure().await.expect_err("the volumes are still there");
    assert_eq!(upgrades(), 1, "nothing is installed onto volumes that go");
    shim.set_claim(false);
    ensure().await.expect("made anew");
    assert_eq!(upgrades(), 2);
}

#[tokio::test]
async fn nothing_is_made_anew_that_somebody_could_have_visited() {
    for (exposed, was_ready) in [(true, false), (true, true), (false, true)] {
        let shim = HelmShim::new(Deed::RefuseChange);
        shim.keep_release(&format!("sendstores.dev/digest=0123,sendstores.dev/exposed={exposed}"), &made_long_ago());
        shim.set_claim(true);
        let mut store = store();
        store.ready_time = was_ready.then_some(store.create_time);
        let error = provisioner(&shim, LONG).ensure(&store, steps::RELEASE).await.expect_err("refused");
        assert_eq!(error.reason, FailureReason::ObjectRefused, "{error}");
        assert_eq!(shim.recorded("claim"), "", "the volumes stay");
        assert!(!shim.arguments().contains(&"uninstall".to_owned()));
    }
}

/// Plays the server in [`helm_dies_with_a_server_that_is_killed`].
#[tokio::test]
#[ignore = "started by another test"]
async fn role_of_a_server_that_will_be_killed() {
    let program = std::env::var_os("SHIM").expect("given by the other test");
    let folder = Path::new(&program).parent().expect("a folder").to_owned();
    let shim = HelmShim::new(Deed::Nothing);
    let helm = HelmConfig {
        program: program.into(),
        charts: charts(Vec::new()),
        cache: Some(folder.join("cache")),
        kubeconfig: None,
        kube_context: None,
    };
    let config = Config {
        helm,
        deadlines: Deadlines::default(),
        cron_interval: None,
        quota: Quota::default(),
        probe_via: ProbeVia::default(),
        requests: 32,
        instance: "test".to_owned(),
        backups: None,
    };
    let _ = KubeProvisioner::new(config, shim.kubernetes()).ensure(&store(), steps::RELEASE).await;
}

#[tokio::test]
async fn helm_dies_with_a_server_that_is_killed() {
    let shim = HelmShim::new(Deed::Hang);
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "role_of_a_server_that_will_be_killed", "--ignored"])
        .env("SHIM", shim.program())
        .stdout(Stdio::null())
        .spawn()
        .expect("start the role");
    let leader = told_pids(&shim).await[..1].to_vec();
    assert!(!is_gone(&leader[0]));
    // SIGKILL: it can do nothing about its child any more.
    server.kill().expect("kill the role");
    server.wait().expect("collect the role");
    all_gone(&leader).await;
}

/// Declares a release whose values file says its name.
fn declare(shim: &HelmShim, name: &str, description: &str) {
    let folder = shim.path("releases").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("release.yaml"), description).expect("write the description");
    fs::write(folder.join("values.yaml"), format!("# of {name}\n")).expect("write the values");
}

/// Two releases, and a server that has them.
fn with_releases(shim: &HelmShim) -> KubeProvisioner {
    declare(shim, "2026-11", "wordpress: 6.8.3\nwoocommerce: 10.9.4\n");
    declare(shim, "2026-12", "wordpress: 6.9\nwoocommerce: 11.0.1\ndefault: true\n");
    provisioner_of(shim, LONG, charts(vec![chart().join("values-local.yaml")]).with_releases(shim.path("releases")))
}

#[tokio::test]
async fn a_store_is_made_from_the_release_that_it_names_or_from_the_default() {
    for (named, made) in [(Some("2026-11"), "2026-11"), (None, "2026-12")] {
        let shim = HelmShim::new(Deed::Work);
        let provisioner = with_releases(&shim);
        let mut store = store();
        store.spec.release = named.map(parsed);
        provisioner.ensure(&store, steps::RELEASE).await.expect("made");
        let values = shim.recorded("values");
        assert!(
            values.ends_with(&format!("# of {made}\n")) && values.contains("className"),
            "after the server's: {values}"
        );
        assert!(
            shim.recorded("record").contains(&format!("sendstores.dev/release={made},")),
            "{}",
            shim.recorded("record")
        );
        let done = Seen::Known(Progress::Done(Vec::new()));
        assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(done));
        store.spec.release = Some(parsed("2026-10"));
        let unknown = provisioner.ensure(&store, steps::RELEASE).await.expect_err("not offered");
        assert!(!unknown.terminal && unknown.message.contains("the release 2026-10"), "{unknown}");
    }
}

#[tokio::test]
async fn a_store_is_mended_also_when_its_release_is_gone() {
    let shim = HelmShim::new(Deed::Work);
    shim.keep_release(
        "sendstores.dev/digest=0123,sendstores.dev/release=2026-10,sendstores.dev/exposed=true",
        &made_long_ago(),
    );
    let provisioner = with_releases(&shim);
    let mut store = store();
    store.spec.release = Some(parsed("2026-10"));
    provisioner.ensure(&store, steps::RELEASE).await.expect_err("it never was READY");
    store.ready_time = Some(store.create_time);
    let done = Seen::Known(Progress::Done(Vec::new()));
    assert_eq!(provisioner.observe(&store, steps::RELEASE).await, Ok(done));
    provisioner.ensure(&store, steps::RELEASE).await.expect("mended");
    assert_eq!(shim.recorded("chart/templates/old.yaml"), "kind: {{ .Values.kind }}");
    assert!(shim.recorded("record").contains("sendstores.dev/release=2026-10,"), "it keeps its name");
    let made_from = provisioner.made_from(&store).await.expect("an answer").expect("what it is made from");
    assert_eq!(made_from.name, Some(parsed("2026-10")));
    assert_eq!(made_from.versions.iter().count(), 0, "nobody knows them any more");
}

#[tokio::test]
async fn releases_are_offered_with_their_images_and_broken_ones_leave_those_of_before() {
    let shim = HelmShim::new(Deed::Work);
    let rendered =
        "kind: Deployment\nspec: {template: {spec: {containers: [{name: wordpress, image: shop@sha256:aa}]}}}\n";
    fs::write(shim.path("rendered"), rendered).expect("write what helm renders");
    let provisioner = with_releases(&shim);
    assert_eq!(provisioner.offers().iter().count(), 0, "nothing is read yet");
    provisioner.load_files().await.expect("read");
    let offered = || provisioner.offers().iter().map(|offer| offer.name.to_string()).collect::<Vec<_>>();
    assert_eq!(offered(), ["2026-12", "2026-11"]);
    let offers = provisioner.offers();
    assert!(offers.iter().all(|offer| offer.images["wordpress"] == "shop@sha256:aa"), "{offers:?}");
    assert_eq!(provisioner.reload_files().await, Ok(false));

    declare(&shim, "2027-01", "wordpress: 7.0\n");
    for (file, broken) in [
        ("2027-01/release.yaml", "colour: blue"),
        ("2027-01/release.yaml", "default: true"),
        ("2027-01/values.yaml", "refused: true"),
        ("2027-01/values.yaml", "storage: {content: 900Gi}"),
    ] {
        let path = shim.path("releases").join(file);
        let good = fs::read(&path).expect("read");
        fs::write(&path, broken).expect("write");
        let error = provisioner.reload_files().await.expect_err(broken);
        assert!(error.message.contains("2027-01") || error.message.contains("the default"), "{broken}: {error}");
        assert_eq!(offered(), ["2026-12", "2026-11"], "{broken}");
        let at_start = with_releases(&shim).load_files().await.expect_err("a start is refused, too");
        assert_eq!(at_start.message, error.message);
        fs::write(&path, good).expect("write");
    }
    assert_eq!(provisioner.reload_files().await, Ok(true));
    assert_eq!(offered(), ["2027-01", "2026-12", "2026-11"]);
    fs::remove_dir_all(shim.path("releases/2027-01")).expect("remove");
    assert_eq!(provisioner.reload_files().await, Ok(true));
    assert_eq!(offered(), ["2026-12", "2026-11"]);
}
