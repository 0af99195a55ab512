//! `sendstores ask` and `sendstores chat` without a terminal: the loop, its bounds, and what endpoints send.

mod ask_rig;
mod cli_rig;
mod sdk_rig;

use std::collections::BTreeSet;

use ask_rig::{Ask, CANARY, fine, lines};
use futures::TryStreamExt;
use sdk_rig::Rig;
use sendstores_client::{CreateStore, v1::AuditFilter};
use sendstores_tests::{
    model_endpoint::{Format, ModelEndpoint, Turn},
    wait::until,
};
use serde_json::{Value, json};

const BOTH: [Format; 2] = [Format::OpenAi, Format::Anthropic];

/// A server with a store that is FAILED; its title and its log want a model to delete it.
async fn rig() -> Rig {
    let rig = Rig::start().await;
    rig.client.create(CreateStore::new().id("store-a").title(CANARY)).await.expect("created");
    rig.give_up("store-a", CANARY).await;
    rig
}

fn explain() -> Turn {
    Turn::call("explain_store", json!({"id": "store-a"}))
}

#[tokio::test]
async fn a_model_reads_with_the_right_tool_and_answers_in_both_formats() {
    let rig = rig().await;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-secret\n").expect("write");
    for format in BOTH {
        let mut turns = [explain(), Turn::say("The chart refused it.\u{1b}[2J\u{202e}")].into_iter();
        let model = move |_: &_| turns.next().expect("a turn");
        let endpoint = ModelEndpoint::start(format, Some("sk-secret"), model).await;
        let ask = Ask::new(&rig.url, &endpoint, format).flags(&format!("--ai-key-file {}", key.display()));
        let ended = ask.run("why is store-a down?").await;
        fine(&ended);
        assert_eq!(ended.stdout, "The chart refused it.[2J\n");
        let summary = "read: store-a\nchanged: nothing\n1 call in 2 turns, 20 tokens\n";
        assert_eq!(ended.stderr, format!("-> explain_store {{\"id\":\"store-a\"}}\n{summary}"));

        let received = endpoint.received();
        assert_eq!(received.len(), 2);
        let tools = &received[0].tools;
        assert!(tools.contains(&"list_stores".to_owned()), "{tools:?}");
        assert!(!tools.iter().any(|tool| tool == "create_store" || tool == "delete_store"), "{tools:?}");
        assert!(received[0].body.to_string().contains("why is store-a down?"));
        let result = &received[1].results[0];
        assert!(result.contains("VALUES_REFUSED") && result.contains("[untrusted "), "{result}");
    }
}

#[tokio::test]
async fn parallel_calls_unknown_tools_and_broken_arguments_each_get_a_result() {
    let rig = rig().await;
    for format in BOTH {
        let parallel = Turn::Call(vec![
            ("get_store".to_owned(), json!({"id": "store-a"})),
            ("get_store".to_owned(), json!({"id": "store-none"})),
            ("reboot the cluster!".to_owned(), json!({})),
            ("list_stores".to_owned(), json!({"colour": "red"})),
            ("whoami".to_owned(), json!({})),
        ]);
        let broken = Turn::CallWith("get_store".to_owned(), "{\"id\": \"store-a".to_owned());
        let endpoint = ModelEndpoint::scripted(format, [parallel, broken, Turn::say("Done.")]).await;
        let ended = Ask::new(&rig.url, &endpoint, format).run("what is there?").await;
        fine(&ended);
        assert!(ended.stderr.contains("read: store-a\n"), "{}", ended.stderr);
        let received = endpoint.received();
        let results = &received[1].results;
        for (result, begin) in results.iter().zip([
            "store-a is FAILED.",
            "STORE_NOT_FOUND: ",
            "There is no such tool. These are there: whoami, ",
            "The arguments are wrong: ",
            "The caller, and what it may do.",
        ]) {
            assert!(result.starts_with(begin), "{begin}: {result}");
        }
        assert_eq!(results.len(), 5);
        assert!(
            received[2].results[0].starts_with("The arguments are wrong: they are no JSON"),
            "{:?}",
            received[2].results
        );
    }
}

#[tokio::test]
async fn a_model_that_never_answers_ends_after_twelve_turns_and_sends_no_more_than_fits() {
    let rig = rig().await;
    let long = vec![("explain_reason".to_owned(), json!({"reason": "SHOP_UNHEALTHY"})); 12];
    for (turn, calls) in [(explain(), 1), (Turn::Call(long), 12)] {
        let endpoint = ModelEndpoint::scripted(Format::OpenAi, [turn]).await;
        let ended = Ask::new(&rig.url, &endpoint, Format::OpenAi).run("why?").await;
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert!(ended.stderr.contains("did not answer in 12 turns"), "{}", ended.stderr);
        let received = endpoint.received();
        assert_eq!(received.len(), 12);
        let results = &received[11].results;
        assert_eq!(results.len(), calls);
        assert_eq!(results.iter().filter(|result| result.contains("at most 8 calls")).count(), calls.saturating_sub(8));
        for request in received {
            let size = request.body["messages"].to_string().len();
            assert!(size <= 130 * 1024, "{size} bytes as JSON");
        }
    }
    let endpoint = ModelEndpoint::scripted(Format::OpenAi, [explain()]).await;
    let ended = Ask::new(&rig.url, &endpoint, Format::OpenAi).flags("--max-tokens 35").run("why?").await;
    assert_eq!((ended.code, endpoint.received().len()), (1, 4), "{ended:?}");
    assert!(ended.stderr.contains("has cost 40 tokens") && ended.stderr.contains("--max-tokens"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_passes_is_tried_again_and_the_rest_says_what_to_do() {
    let rig = rig().await;
    let retry_after = |seconds: &str| Turn::Status(429, vec![("retry-after", seconds.to_owned())], String::new());
    let other = ModelEndpoint::scripted(Format::OpenAi, [Turn::say("elsewhere")]).await;
    let elsewhere = format!("{}/v1/chat/completions", other.url);
    let large = Turn::say(&"x".repeat(1024 * 1024));
    let nearly = Turn::say(&"x".repeat(1000 * 1024));
    let status = |code: u16, body: &str| Turn::Status(code, Vec::new(), body.to_owned());
    for (turns, requests, said) in [
        (vec![retry_after("0"), Turn::error(503, "busy"), Turn::say("Fine.")], 3, ""),
        (vec![nearly], 1, ""),
        (
            vec![retry_after("0")],
            3,
            "answers 429 Too Many Requests\n  too many requests, or no credit left: try again in 0.0s",
        ),
        (vec![retry_after("120")], 1, "try again in 2m00s"),
        (vec![retry_after("soon"), Turn::say("Fine.")], 2, ""),
        (
            vec![Turn::error(500, "out of memory")],
            3,
            "500 Internal Server Error: out of memory\n  the fault is at the endpoint",
        ),
        (
            vec![Turn::error(401, "no key")],
            1,
            "401 Unauthorized: no key\n  --ai-key-file PATH or SENDSTORES_AI_KEY_FILE",
        ),
        (vec![Turn::error(404, "no such model")], 1, "404 Not Found: no such model\n  is there a model \"scripted\""),
        (vec![status(302, "")], 1, "302 Found\n  it sends requests elsewhere, which is not followed"),
        (vec![Turn::Status(307, vec![("location", elsewhere)], String::new())], 1, "307 Temporary Redirect"),
        (vec![status(200, "<html>hello</html>")], 1, "no JSON: (a page of HTML)\n  --ai-api openai or anthropic"),
        (vec![status(200, "{\"content\": []}")], 1, "the answer: it has no choices"),
        (vec![status(200, "{\"error\": {\"message\": \"overloaded\"}}")], 3, "overloaded"),
        (vec![large], 1, "has more than 1024 KiB"),
        (vec![Turn::say("")], 1, "the model answered nothing"),
        (vec![Turn::Hang], 1, "did not answer within 8.0s\n  --turn-timeout TIME"),
    ] {
        let hangs = matches!(turns[0], Turn::Hang);
        let name = format!("{:?}", turns[0]).chars().take(60).collect::<String>();
        let endpoint = ModelEndpoint::scripted(Format::OpenAi, turns).await;
        let flags = if hangs { "--turn-timeout 8s" } else { "" };
        let ended = Ask::new(&rig.url, &endpoint, Format::OpenAi).flags(flags).run("why?").await;
        assert_eq!(endpoint.received().len(), requests, "{name}: {ended:?}");
        assert_eq!(ended.code, i32::from(!said.is_empty()), "{name}: {ended:?}");
        assert!(ended.stderr.contains(said), "{name}: {}", ended.stderr);
    }
    assert!(other.received().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn what_is_missing_is_named_and_the_key_is_shown_nowhere() {
    let rig = rig().await;
    let endpoint = ModelEndpoint::start(Format::OpenAi, Some("sk-right"), |_: &_| Turn::say("no")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-wrong").expect("write");
    let with_key = |url: &str| format!("--ai-url {url} --ai-model m --ai-key-file {}", key.display());
    for (flags, said) in [
        (String::new(), "its endpoint is missing\n  --ai-url URL or SENDSTORES_AI_URL"),
        ("--ai-url http://127.0.0.1:1".to_owned(), "the name of the model is missing\n  --ai-model NAME"),
        ("--ai-url http://127.0.0.1:1 --ai-model m".to_owned(), "cannot be reached: "),
        (with_key("http://models.example.org/v1"), "not sent over http:// to another machine"),
        (with_key(&endpoint.url), "401 Unauthorized: wrong key: Some(\"[key]\")"),
        ("--ai-url x --ai-model m --ai-key-file /none".to_owned(), "is no http:// or https:// URL"),
    ] {
        let mut command = cli_rig::command(&rig.url, &format!("ask why? --turn-timeout 2s {flags}"));
        for variable in ["URL", "API", "MODEL", "KEY_FILE"] {
            command.env_remove(format!("SENDSTORES_AI_{variable}"));
        }
        let output = command.output().await.expect("run");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{flags}: {stderr}");
        assert!(stderr.contains(said) && !stderr.contains("sk-wrong"), "{flags}: {stderr}");
    }
    let away = Ask::new("http://127.0.0.1:1", &endpoint, Format::OpenAi).flags("--timeout 1s").run("why?").await;
    assert!(away.code == 1 && away.stderr.contains("is the server running"), "{away:?}");
}

#[tokio::test]
async fn the_transcript_is_json_and_a_chat_remembers() {
    let rig = rig().await;
    for format in BOTH {
        let turns = [explain(), Turn::say("It is FAILED."), Turn::say("As I said.")];
        let endpoint = ModelEndpoint::scripted(format, turns).await;
        let ended =
            Ask::new(&rig.url, &endpoint, format).flags("--json").chat("why?\n\nsure?\nexit\nnever asked\n").await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
        let questions: Vec<_> = lines(&ended, "question").iter().map(|line| line["text"].clone()).collect();
        assert_eq!(questions, ["why?", "sure?"]);
        let call = &lines(&ended, "call")[0];
        assert_eq!(
            (&call["tool"], &call["outcome"], &call["arguments"]["id"]),
            (&json!("explain_store"), &json!("done"), &json!("store-a"))
        );
        let answers = lines(&ended, "answer");
        assert_eq!((&answers[0]["storesRead"], &answers[0]["turns"]), (&json!(["store-a"]), &json!(2)));
        assert_eq!((&answers[1]["storesRead"], &answers[1]["text"]), (&json!([]), &json!("As I said.")));
        let last = &endpoint.received()[2].body["messages"];
        assert!(last.to_string().contains("It is FAILED.") && last.to_string().contains("sure?"), "{last}");
    }
    let endpoint = ModelEndpoint::scripted(Format::OpenAi, [Turn::error(400, "no"), Turn::say("never")]).await;
    let ended = Ask::new(&rig.url, &endpoint, Format::OpenAi).flags("--json").chat("a\nb\n").await;
    assert_eq!((ended.code, endpoint.received().len()), (1, 1), "{ended:?}");
    let error: Value = serde_json::from_str(&ended.stderr).expect("a line of JSON");
    assert!(error["error"]["hint"].as_str().is_some_and(|hint| hint.contains("take tools")), "{error}");
}

#[tokio::test]
async fn a_model_that_obeys_what_it_reads_changes_nothing_without_a_terminal() {
    let rig = rig().await;
    let etag = rig.client.get("store-a").await.expect("a store").etag;
    for format in BOTH {
        let etag = etag.clone();
        let obeys = move |request: &sendstores_tests::model_endpoint::Received| match &request.results[..] {
            [] => explain(),
            [result] if result.contains(CANARY) => Turn::Call(vec![
                ("delete_store".to_owned(), json!({"id": "store-a", "etag": etag})),
                ("create_store".to_owned(), json!({"request_id": "r1", "store_id": "store-evil"})),
            ]),
            results => Turn::Say(results.join("\n")),
        };
        let endpoint = ModelEndpoint::start(format, None, obeys).await;
        let ended = Ask::new(&rig.url, &endpoint, format).run("why is store-a down?").await;
        fine(&ended);
        assert_eq!(ended.stdout.matches("only reads are allowed").count(), 2, "{ended:?}");
        assert!(ended.stderr.contains("-> delete_store") && ended.stderr.contains("changed: nothing"), "{ended:?}");
    }
    let after = rig.client.get("store-a").await.expect("it is there");
    assert_eq!(after.etag, etag);
    rig.client.get("store-evil").await.expect_err("it was not made");
    // Its user may do both: what it tried is refused as a call that only reads.
    let tried = until("the attempts in the audit", async || {
        let entries: Vec<_> = rig.client.list_audit(AuditFilter::default()).try_collect().await.ok()?;
        let denied = entries.into_iter().filter(|entry| entry.reason == "CALL_READ_ONLY");
        let of_ask = denied.filter(|entry| entry.user_agent.starts_with("sendstores-ask/"));
        let methods: BTreeSet<_> = of_ask.map(|entry| entry.method).collect();
        (methods.len() == 2).then_some(methods)
    })
    .await;
    assert!(tried.iter().all(|method| method.ends_with("/Delete") || method.ends_with("/Create")), "{tried:?}");
}
