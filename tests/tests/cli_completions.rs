//! The completion script in a real bash, and the manual pages.

mod cli_rig;
mod sdk_rig;

use std::process::Stdio;

use cli_rig::run;
use sdk_rig::Rig;
use sendstores_tests::programs::program;

/// What bash offers for a command line whose last word is being typed.
async fn offered(url: &str, config: &std::path::Path, words: &[&str]) -> Vec<String> {
    let script = r#"source <(sendstores completions bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _sendstores_or_values sendstores "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let folder = program("sendstores").parent().expect("its folder").to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    let mut bash = tokio::process::Command::new("bash");
    let bash = bash.args(["--norc", "-c", script, "bash"]).args(words).env("PATH", path);
    let bash = bash.env("SENDSTORES_SERVER", url).env("SENDSTORES_CONFIG", config).stdin(Stdio::null());
    let output = bash.output().await.expect("bash");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn ids_and_contexts_are_completed_where_they_belong() {
    let rig = Rig::start().await;
    for id in ["store-a", "store-b", "store-cake"] {
        rig.create(id).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.json");
    let other = Rig::start().await;
    other.create("store-other").await;
    let contexts = format!(r#"{{"contexts": {{"dev": {{"server": "{}"}}, "prod": {{}}}}}}"#, other.url);
    std::fs::write(&config, contexts).expect("write");
    let all = ["store-a", "store-b", "store-cake"];
    for (words, wanted) in [
        (&["sendstores", "get", ""][..], &all[..]),
        (&["sendstores", "credentials", "store-c"], &["store-cake"]),
        (&["sendstores", "--timeout", "5s", "delete", ""], &all),
        (&["sendstores", "watch", "store-a", "store-b"], &["store-b"]),
        (&["sendstores", "get", "store-a", ""], &[]),
        (&["sendstores", "list", "--tenant", "store"], &[]),
        (&["sendstores", "--context", ""], &["dev", "prod"]),
        (&["sendstores", "context", "use", "p"], &["prod"]),
        (&["sendstores", "--context", "dev", "get", ""], &["store-other"]),
        (&["sendstores", "whoa"], &["whoami"]),
        (&["sendstores", "get", "--sta"], &["--stale"]),
    ] {
        let mut offered = offered(&rig.url, &config, words).await;
        offered.retain(|word| wanted.is_empty() || wanted.contains(&word.as_str()) || word.starts_with("store-"));
        if wanted.is_empty() {
            offered.retain(|word| word.starts_with("store-"));
        }
        assert_eq!(offered, wanted, "{words:?}");
    }
    let away = offered("http://127.0.0.1:1", &config, &["sendstores", "get", "store-"]).await;
    assert_eq!(away, [""; 0], "a server that is away is silence");
}

#[tokio::test]
async fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = run("", &format!("man-pages {}", folder.path().display())).await;
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (0, "", ""), "{written:?}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(page("sendstores.1").contains("Exit codes"));
    for verb in ["create", "get", "list", "delete", "watch", "login", "context-use", "doctor"] {
        assert!(page(&format!("sendstores-{verb}.1")).starts_with(".ie \\n(.g .ds Aq"), "{verb}");
    }
    let nowhere = run("", &format!("man-pages {}/none", folder.path().display())).await;
    assert!(nowhere.code == 1 && nowhere.stderr.contains("/none: No such file"), "{nowhere:?}");
}
