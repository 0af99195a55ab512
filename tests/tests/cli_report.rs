//! `sendstores report`, as a user runs it.

mod cli_rig;
mod sdk_rig;

use cli_rig::run;
use sdk_rig::Rig;
use sendstores_core::Event;

#[tokio::test]
async fn a_report_says_what_sells_what_does_not_and_what_to_do() {
    let rig = Rig::start().await;
    assert!(run(&rig.url, "report").await.stdout.starts_with("no stores, as of "));
    for id in ["store-a", "store-b", "store-c", "store-d"] {
        rig.create(id).await;
    }
    rig.event("store-a", Event::Converged).await;
    rig.event("store-b", Event::Converged).await;
    rig.give_up("store-c", "the chart refused <b>this</b>").await;

    let text = run(&rig.url, "report").await;
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    for line in [
        "2 of 4 stores sell, as of ",
        "  READY              2",
        "1 store without a failure: work is under way",
        "     1  VALUES_REFUSED (nothing happens by itself)",
        "        the chart refused <b>this</b>",
        "  1. VALUES_REFUSED: ",
        "     sendstores get store-c",
        "longest not READY: store-c, FAILED for ",
        "in the last hour: 4 created, 2 became READY, 0 deleted, 4 changed",
    ] {
        assert!(text.stdout.lines().any(|shown| shown.starts_with(line)), "{line:?} is not in\n{}", text.stdout);
    }
    let markdown = run(&rig.url, "report -o markdown").await.stdout;
    assert!(markdown.starts_with("# Report: 2 of 4 stores sell\n"), "{markdown}");
    assert!(markdown.contains("&lt;b&gt;this&lt;/b&gt;"), "{markdown}");

    let json = run(&rig.url, "report --json").await.json();
    assert_eq!((&json["stores"], &json["selling"], &json["underWay"]), (&4.into(), &2.into(), &1.into()));
    assert_eq!(json["findings"][0]["examples"][0], "store-c");
    assert_eq!(run(&rig.url, "report -o json").await.json()["findings"], json["findings"]);
    let ready = run(&rig.url, "report --state ready --json").await.json();
    assert_eq!((&ready["stores"], ready["findings"].as_array().map(Vec::len)), (&2.into(), Some(0)));
    assert_eq!(run(&rig.url, "report -o yaml").await.code, 2);
}
