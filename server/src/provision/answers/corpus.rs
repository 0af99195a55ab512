//! Answers, a file each, against the reason beside it (`tests/fixtures/answers/README.md`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Cause, cause, cause_of_status};
use crate::{
    hostile,
    provision::{advice, redact},
};

/// The folders that this module sorts; the answers of Redis are sorted by the ledger.
const FOLDERS: [&str; 5] = ["kubernetes", "webhooks", "helm", "events", "removal"];
/// So many of them are quoted from what people reported.
const AT_LEAST: usize = 60;

struct Case {
    file: PathBuf,
    text: String,
    /// The HTTP code, where the API server answered.
    code: Option<u16>,
    expect: BTreeMap<String, String>,
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/answers");
    let folders = FOLDERS.iter().map(|folder| root.join(folder));
    let files = folders.flat_map(|folder| fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file")));
    let answers = files.map(|entry| entry.path()).filter(|path| path.extension().is_none_or(|kind| kind != "expect"));
    answers.map(case).collect()
}

fn case(file: PathBuf) -> Case {
    let text = fs::read_to_string(&file).expect("a text");
    let expect = fs::read_to_string(file.with_extension("expect"));
    let expect = expect.unwrap_or_else(|_| panic!("{} has no .expect beside it", file.display()));
    let pairs = expect.lines().filter_map(|line| line.split_once(": "));
    let expect = pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect();
    if file.extension().is_some_and(|kind| kind == "json") {
        let status: Value = serde_json::from_str(&text).expect("a Status");
        let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let text = status["message"].as_str().expect("a message").to_owned();
        return Case { file, text, code, expect };
    }
    Case { file, text, code: None, expect }
}

#[test]
fn every_answer_gets_its_reason() {
    let cases = cases();
    let mut wrong = Vec::new();
    for Case { file, text, code, expect } in &cases {
        let file = file.display();
        let found = match code {
            Some(code) => Some(cause_of_status(*code, text)),
            None => cause(text),
        };
        let Some(Cause { kind, name }) = &found else {
            wrong.push(format!("{file}: no cause"));
            continue;
        };
        let reason = found.as_ref().map(Cause::reason).map(|reason| reason.as_str().to_owned());
        let kind = Some(format!("{kind:?}"));
        for (key, seen) in [("reason", &reason), ("name", name), ("kind", &kind)] {
            let wanted = expect.get(key);
            if wanted.is_some_and(|wanted| Some(wanted) != seen.as_ref()) || (key == "reason" && wanted.is_none()) {
                wrong.push(format!("{file}: {key} is {seen:?}, not {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let quoted = cases.iter().filter(|case| case.expect.contains_key("source")).count();
    assert!(quoted >= AT_LEAST, "{quoted} of {} answers are quoted", cases.len());
}

/// What is shown of an answer is cut and redacted, and diagnosed again later.
#[test]
fn a_shown_answer_has_the_cause_of_the_whole_one() {
    for Case { file, text, .. } in cases() {
        let whole = cause(&text);
        let shown = whole.as_ref().map_or_else(|| text.clone(), |cause| cause.explained(&text));
        let (whole, shown) = (whole, cause(&redact::message(&shown)));
        assert_eq!(
            whole.as_ref().map(|cause| cause.kind),
            shown.as_ref().map(|cause| cause.kind),
            "{}",
            file.display()
        );
        let is_outside = |cause: &Cause| advice::outside(cause).is_some();
        if whole.as_ref().is_some_and(is_outside) {
            assert_eq!(whole, shown, "{}: its name", file.display());
        }
    }
}

#[test]
fn no_text_ends_anything_and_no_name_is_more_than_a_name() {
    hostile::check(&hostile::text(), |text| {
        for text in [format!("failed calling webhook \"{text}\""), format!("server APIs: {text}"), text] {
            let name = cause(&text).and_then(|cause| cause.name).unwrap_or_default();
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')), "{name:?}");
        }
    });
}
