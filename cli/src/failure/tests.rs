use sendstores_client::Store;

use super::*;

fn report(failure: Failure) -> Report {
    match failure {
        Failure::Told(report) => *report,
        Failure::Unread => panic!("nothing to tell"),
    }
}

#[test]
fn each_end_has_its_exit_code() {
    let store = Box::new(Store { id: "store-a".to_owned(), ..Store::default() });
    let wrong = Error::InvalidServer { url: "x".to_owned(), why: "y".to_owned() };
    for (error, exit) in [
        (Error::StoreFailed(store.clone()), Exit::StoreFailed),
        (Error::StoreDeleted(store), Exit::StoreFailed),
        (wrong, Exit::Failed),
    ] {
        assert_eq!(report(error.into()).exit, exit);
    }
}

#[test]
fn a_reader_that_left_is_no_error() {
    assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::Unread));
    assert_eq!(report(io::Error::from(io::ErrorKind::StorageFull).into()).exit, Exit::Failed);
}

#[test]
fn an_error_is_told_in_one_line_with_what_to_do() {
    let failure =
        Failure::new(Exit::Interrupted, "the wait was\x1b[2J interrupted").hint("go on with `sendstores get`");
    let report = report(failure);
    assert_eq!(report.to_text(), "error: the wait was [2J interrupted\n  go on with `sendstores get`");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("json");
    assert_eq!(json["error"]["exitCode"], 130);
    assert_eq!(json["error"]["hint"], "go on with `sendstores get`");
}

#[test]
fn fields_are_named_as_they_were_given() {
    for (field, wanted) in [
        ("store_id", "the id"),
        ("filter.ids[3]", "the id"),
        ("spec.shop.admin_email", "--admin-email"),
        ("spec.shop.payment_methods[1]", "--payment"),
        ("filter.labels", "--label"),
        ("request_id", "--request-id"),
        ("something.new", "something.new"),
    ] {
        assert_eq!(flag(field), wanted);
    }
}
