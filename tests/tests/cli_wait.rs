//! The real program against a real server: waits, watches, interruptions, readers that leave, and terminals.

mod cli_rig;
mod sdk_rig;

use std::process::Stdio;

use cli_rig::{command, run, start};
use sdk_rig::Rig;
use sendstores_core::{Event, StepName};
use sendstores_tests::{programs::program, steps, wait::DEADLINE};

#[tokio::test]
async fn a_wait_shows_each_step_and_ends_with_the_address() {
    let rig = Rig::start().await;
    let mut wait = start(&rig.url, "create store-a --wait");
    wait.says("store-a is PROVISIONING").await;
    for step in steps::ALL {
        rig.at_step("store-a", step, "under way").await;
        wait.says(&format!("→ {:<12} under way", step.as_str())).await;
    }
    rig.event("store-a", Event::Converged).await;
    let ended = wait.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("store-a is READY"), "{}", ended.stderr);
    for part in [
        "store-a is READY after ",
        "http://store-a.localhost:8080/shop/",
        "sendstores credentials store-a",
        "sendstores delete store-a",
    ] {
        assert!(ended.stdout.contains(part), "no {part:?} in:\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_wait_in_json_is_one_store_a_line() {
    let rig = Rig::start().await;
    let mut wait = start(&rig.url, "create store-a --wait --json");
    let first: serde_json::Value = serde_json::from_str(&wait.line().await).expect("JSON");
    assert_eq!(first["state"], "STATE_PROVISIONING");
    rig.at_step("store-a", steps::NAMESPACE, "").await;
    rig.event("store-a", Event::Converged).await;
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let states: Vec<_> = ended.json_lines().iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["STATE_PROVISIONING", "STATE_READY"]);
}

#[tokio::test]
async fn a_wait_that_ends_otherwise_says_so_by_its_exit_code() {
    let rig = Rig::start().await;
    let mut wait = start(&rig.url, "create store-a --wait");
    wait.says("store-a is PROVISIONING").await;
    rig.give_up("store-a", "the chart refuses the values").await;
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (4, ""), "{ended:?}");
    assert!(
        ended.stderr.contains("store store-a failed: the chart refuses the values (VALUES_REFUSED)"),
        "{}",
        ended.stderr
    );

    rig.create("store-b").await;
    let ended = run(&rig.url, "get store-b --wait --wait-timeout 50ms").await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("store-b is not READY after 0.0s"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the server continues; to wait again: `sendstores get store-b --wait`"),
        "{}",
        ended.stderr
    );
    assert_eq!(run(&rig.url, "get store-c --wait").await.code, 3);
}

#[tokio::test]
async fn an_interrupted_wait_leaves_the_store_and_says_how_to_go_on() {
    let rig = Rig::start().await;
    let mut wait = start(&rig.url, "create store-a --wait");
    wait.says("store-a is PROVISIONING").await;
    wait.interrupt();
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (130, ""), "{ended:?}");
    assert!(ended.stderr.contains("sendstores get store-a --wait"), "{}", ended.stderr);

    rig.event("store-a", Event::Converged).await;
    let ended = run(&rig.url, "get store-a --wait").await;
    assert!(ended.code == 0 && ended.stdout.contains("/shop/"), "{ended:?}");
}

#[tokio::test]
async fn a_deletion_is_waited_for_until_nothing_is_left() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let mut wait = start(&rig.url, "delete store-a --wait");
    wait.says("store-a is DELETING").await;
    rig.at_step("store-a", StepName::REMOVAL, "1 volume left").await;
    wait.says("removal      1 volume left").await;
    rig.event("store-a", Event::Removed).await;
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "store-a is gone, with everything it owned\n"), "{ended:?}");
    let ended = run(&rig.url, "delete store-a --wait --allow-missing").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "there is no store-a\n"), "{ended:?}");
}

#[tokio::test]
async fn a_suspension_and_a_return_are_waited_for() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let early = run(&rig.url, "suspend store-a").await;
    assert_eq!((early.code, early.stdout.as_str()), (1, ""), "{early:?}");
    assert!(early.stderr.contains("STATE_FORBIDS") && early.stderr.contains("wait until it is READY"), "{early:?}");
    rig.event("store-a", Event::Converged).await;
    let asked = run(&rig.url, "suspend store-a --validate-only").await;
    assert_eq!((asked.code, asked.stdout.as_str()), (0, "store-a could be suspended\n"), "{asked:?}");

    let mut wait = start(&rig.url, "suspend store-a --wait");
    wait.says("store-a is SUSPENDING").await;
    rig.at_step("store-a", StepName::SUSPENSION, "the pods of Deployment wordpress are stopping").await;
    wait.says("suspension   the pods of Deployment wordpress are stopping").await;
    rig.event("store-a", Event::Slept).await;
    let ended = wait.end().await;
    let text = "store-a is suspended; its data and its address are kept\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (0, text), "{ended:?}");
    let again = run(&rig.url, "suspend store-a --wait --json").await;
    assert_eq!((again.code, again.json()["state"].as_str()), (0, Some("STATE_SUSPENDED")), "{again:?}");

    let mut wait = start(&rig.url, "resume store-a --wait");
    wait.says("store-a is RESUMING").await;
    rig.event("store-a", Event::Converged).await;
    let ended = wait.end().await;
    assert!(ended.code == 0 && ended.stdout.starts_with("store-a sells again at http://"), "{ended:?}");
}

#[tokio::test]
async fn a_protected_store_says_how_it_can_be_deleted() {
    let rig = Rig::start().await;
    let made = run(&rig.url, "create store-a --deletion-protection").await;
    assert_eq!(made.code, 0, "{made:?}");
    let shown = run(&rig.url, "get store-a").await;
    assert!(shown.stdout.contains("protected  from deletion"), "{}", shown.stdout);
    let refused = run(&rig.url, "delete store-a --yes").await;
    let command = "sendstores update store-a --deletion-protection=false";
    assert!(refused.code == 1 && refused.stderr.contains("DELETION_PROTECTED"), "{refused:?}");
    assert!(refused.stderr.contains(command), "{refused:?}");
    let opened = run(&rig.url, command.trim_start_matches("sendstores ")).await;
    assert_eq!(
        (opened.code, opened.stdout.as_str()),
        (0, "store-a is no longer protected from deletion\n"),
        "{opened:?}"
    );
    let again = run(&rig.url, "update store-a --deletion-protection --validate-only").await;
    assert_eq!(again.stdout, "store-a would be protected from deletion\n", "{again:?}");
    let nothing = run(&rig.url, "update store-a").await;
    assert!(nothing.code == 2 && nothing.stderr.contains("--deletion-protection"), "{nothing:?}");
    let early = run(&rig.url, "undelete store-a").await;
    assert!(early.code == 1 && early.stderr.contains("NOT_DELETED"), "{early:?}");
    assert!(early.stderr.contains("there is nothing to do"), "{early:?}");
    assert_eq!(run(&rig.url, "delete store-a --yes").await.code, 0);
    let late = run(&rig.url, "undelete store-a").await;
    assert!(late.code == 1 && late.stderr.contains("STATE_FORBIDS"), "{late:?}");
}

#[tokio::test]
async fn labels_are_set_and_removed_one_by_one_also_by_many_at_once() {
    let rig = Rig::start().await;
    assert_eq!(run(&rig.url, "create store-a --label team=a --label trial=").await.code, 0);
    let changed = run(&rig.url, "update store-a --label team=b --label tier=gold --remove-label trial").await;
    assert_eq!(
        (changed.code, changed.stdout.as_str()),
        (0, "store-a has the labels team=b, tier=gold\n"),
        "{changed:?}"
    );
    let rehearsed = run(&rig.url, "update store-a --remove-label team --remove-label tier --validate-only").await;
    assert_eq!(rehearsed.stdout, "store-a would have no labels\n", "{rehearsed:?}");
    let stale = run(&rig.url, "update store-a --label team=c --etag bm90LWl0").await;
    assert!(stale.code == 1 && stale.stderr.contains("ETAG_MISMATCH"), "{stale:?}");
    let named = run(&rig.url, "update store-a --label team=c --request-id r").await;
    assert!(named.code == 2 && named.stderr.contains("--request-id"), "{named:?}");

    let lines: Vec<_> = (0..6).map(|i| format!("update store-a --label k{i}=v")).collect();
    let all = futures::future::join_all(lines.iter().map(|line| run(&rig.url, line))).await;
    assert!(all.iter().all(|ended| ended.code == 0), "{all:?}");
    let labels = run(&rig.url, "get store-a --json").await.json()["labels"].clone();
    let wanted = serde_json::json!({
        "k0": "v", "k1": "v", "k2": "v", "k3": "v", "k4": "v", "k5": "v", "team": "b", "tier": "gold",
    });
    assert_eq!(labels, wanted, "none was lost");
}

#[tokio::test]
async fn a_watch_is_gone_on_with_without_a_gap() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    rig.create("store-b").await;
    let mut watch = start(&rig.url, "watch store-a --json");
    let lines = [watch.line().await, watch.line().await];
    let [snapshot, synced] = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).expect("JSON"));
    assert_eq!(snapshot["snapshot"]["id"], "store-a");
    assert_eq!(synced["synced"]["stores"], "1");
    watch.interrupt();
    let ended = watch.end().await;
    let token = synced["resumeToken"].as_str().expect("a token");
    assert_eq!(ended.code, 130);
    assert!(ended.stderr.contains(&format!("--from {token}")), "{}", ended.stderr);

    rig.event("store-b", Event::Converged).await;
    rig.event("store-a", Event::Converged).await;
    let mut watch = start(&rig.url, &format!("watch store-a --from {token}"));
    let line = watch.line().await;
    assert!(line.contains("changed   store-a  READY"), "{line}");
}

#[tokio::test]
async fn a_watch_goes_on_after_a_restart_of_the_server() {
    let mut rig = Rig::start().await;
    let mut watch = start(&rig.url, "watch");
    let mut json = start(&rig.url, "watch --json");
    assert!(watch.line().await.contains("synced    0 stores"));
    assert!(json.line().await.contains("synced"));
    rig.restart().await;
    watch.says("no answer, trying again: ").await;
    watch.says("connected again after ").await;
    json.says("\"ended\"").await;
    rig.create("store-a").await;
    let line = watch.line().await;
    assert!(line.contains("changed   store-a  PROVISIONING"), "{line}");
    watch.interrupt();
    let ended = watch.end().await;
    assert!(ended.code == 130 && ended.stderr.contains("--from "), "{ended:?}");

    let lines = [json.line().await, json.line().await];
    let [heartbeat, changed] = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).expect("JSON"));
    assert!(heartbeat.get("heartbeat").is_some(), "{heartbeat}");
    assert_eq!(changed["changed"]["id"], "store-a");
    json.interrupt();
    let ended = json.end().await;
    let states = ended.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let states: Vec<_> = states.map(|line| line["interruption"]["state"].clone()).collect();
    assert_eq!(states, ["began".into(), "ended".into(), serde_json::Value::Null], "{}", ended.stderr);
}

#[tokio::test]
async fn waits_go_on_after_a_restart_of_the_server() {
    let mut rig = Rig::start().await;
    let mut wait = start(&rig.url, "create store-a --wait");
    wait.says("store-a is PROVISIONING").await;
    rig.restart().await;
    wait.says("connected again after ").await;
    rig.event("store-a", Event::Converged).await;
    let ended = wait.end().await;
    assert!(ended.code == 0 && ended.stdout.contains("store-a is READY after "), "{ended:?}");

    let mut wait = start(&rig.url, "delete store-a --wait");
    wait.says("store-a is DELETING").await;
    rig.restart().await;
    wait.says("connected again after ").await;
    rig.event("store-a", Event::Removed).await;
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "store-a is gone, with everything it owned\n"), "{ended:?}");
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    for arguments in ["list", "list --json", "get store-a", "completions bash", "create", "watch"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        // Not `output()`: that would put a pipe of its own in the place of ours.
        let child =
            command(&rig.url, arguments).stdout(Stdio::from(writer)).stderr(Stdio::piped()).spawn().expect("start");
        let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("in time").expect("its end");
        let stderr = String::from_utf8(ended.stderr).expect("text");
        assert_eq!((ended.status.code(), stderr.as_str()), (Some(0), ""), "{arguments}");
    }
    // One that leaves in the middle of a wait does not keep it waiting.
    let mut wait = start(&rig.url, "get store-a --wait --json");
    wait.line().await;
    wait.close_stdout();
    rig.at_step("store-a", steps::NAMESPACE, "").await;
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}

/// What the program shows on a terminal of its own. `keys` are typed at once.
async fn on_a_terminal(url: &str, arguments: &str, keys: &str) -> (i32, String) {
    let line = format!(
        "printf '{keys}' | script --quiet --return --command '{} {arguments}' /dev/null",
        program("sendstores").display()
    );
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", &line]).env("SENDSTORES_SERVER", url).env("TERM", "xterm").kill_on_drop(true);
    let output = shell.output().await.expect("run script, of util-linux");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn a_human_is_asked_before_a_store_is_deleted() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let (code, text) = on_a_terminal(&rig.url, "delete store-a", "n\\n").await;
    assert!(text.contains("There is no way back. [y/N]") && text.contains("nothing was deleted"), "{text}");
    assert_eq!(code, 1);
    assert_eq!(rig.client.get("store-a").await.expect("there").generation, 1);
    let (code, text) = on_a_terminal(&rig.url, "delete store-a", "y\\n").await;
    assert!(code == 0 && text.contains("store-a is being deleted"), "{code} {text}");
    rig.create("store-b").await;
    let (code, text) = on_a_terminal(&rig.url, "delete store-b --yes", "").await;
    assert!(code == 0 && !text.contains("[y/N]"), "{code} {text}");
}

#[tokio::test]
async fn steps_are_alive_on_a_terminal() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    rig.at_step("store-a", steps::DATABASE, "waits for mysql-0").await;
    let (code, text) = on_a_terminal(&rig.url, "get store-a --wait --wait-timeout 5s", "").await;
    assert_eq!(code, 1, "{text}");
    for part in
        ["store-a  PROVISIONING", "✓ namespace", "database", "waits for mysql-0", "· storefront", "is not READY"]
    {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}
