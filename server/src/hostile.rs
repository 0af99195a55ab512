//! What a hostile shop, merchant, caller, issuer or cluster may send, and what a damaged Redis may have: for the tests of
//! everything that reads it.
//!
//! Each test makes the same cases each time. `SENDSTORES_TEST_SEED=<number>` makes others, `SENDSTORES_TEST_LONG=1` makes
//! many more: together more than a million.

use std::fmt::Debug;

use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

/// A secret of the store, which the reader of an answer knows.
pub(crate) const KNOWN: &str = "S3cretCanary";
/// An unknown secret after a word that says that it is one.
const MARKED: &str = "M4rkedCanary";

const CASES: u32 = 200;
const LONG_CASES: u32 = 50_000;

const PIECES: [&str; 48] = [
    "a",
    " ",
    "\n",
    "\r\n",
    "\\n",
    "\t",
    "\0",
    "\u{7}",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{202e}",
    "\u{2066}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "€",
    "\u{301}",
    "\u{1f6d2}",
    "\u{5e9}",
    "'",
    "\"",
    "`",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "=",
    ":",
    "://",
    "@",
    "#0 /",
    "/srv/x.php:3",
    "PHP Fatal error:  ",
    "Uncaught Error: ",
    "[php:error] ",
    "[client ",
    "AH00163: ",
    "WordPress database error ",
    " for query ",
    " made by ",
    "password",
    "bearer",
    "99999999999",
    "password=M4rkedCanary",
    "https://u:M4rkedCanary@h/",
];

/// Runs `test` on many values; prints what repeats them.
pub(crate) fn check<S: Strategy<Value: Debug>>(strategy: &S, test: impl Fn(S::Value)) {
    let seed: u64 = std::env::var("SENDSTORES_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let cases = if std::env::var_os("SENDSTORES_TEST_LONG").is_some() { LONG_CASES } else { CASES };
    println!("SENDSTORES_TEST_SEED={seed}, {cases} cases");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}

/// What people read: no secret, nothing that moves a cursor, and not longer than `most` characters.
#[track_caller]
pub(crate) fn assert_fit(text: &str, most: usize) {
    assert!(!text.contains(MARKED), "a marked secret: {text:?}");
    assert!(!text.chars().any(sendstores_core::text::is_unprintable), "unprintable: {text:?}");
    assert!(text.chars().count() <= most, "{} characters: {text:?}", text.chars().count());
}

/// Text of any kind: multi-byte, with control characters, marks of direction, quotes, and words that parsers look for.
pub(crate) fn text() -> BoxedStrategy<String> {
    let pieces = || proptest::collection::vec(select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat());
    prop_oneof![
        8 => pieces(),
        2 => any::<String>(),
        1 => (pieces(), 1..2_000_usize).prop_map(|(piece, times)| piece.repeat(times).chars().take(20_000).collect()),
    ]
    .boxed()
}

/// The same, with the store's own secret in it.
pub(crate) fn text_with_secret() -> BoxedStrategy<String> {
    (text(), text()).prop_map(|(before, after)| format!("{before}{KNOWN}{after}")).boxed()
}

/// A number, of any width and sign.
fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<u64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        select(vec![
            json!(0),
            json!(-1),
            json!(8),
            json!(9),
            json!(65_535),
            json!(65_536),
            json!(u64::MAX),
            json!(i64::MIN)
        ]),
    ]
    .boxed()
}

fn leaf() -> BoxedStrategy<Value> {
    prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool), number(), text().prop_map(Value::String)]
        .boxed()
}

/// Any JSON of a few levels.
pub(crate) fn value() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((text(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
        .boxed()
}

/// `good` with some of its values replaced by others, or taken out.
pub(crate) fn damaged(good: Value) -> BoxedStrategy<Value> {
    let mut places = Vec::new();
    pointers("", &good, &mut places);
    let damage = (select(places), proptest::option::of(prop_oneof![4 => leaf(), 1 => value()]));
    proptest::collection::vec(damage, 0..6)
        .prop_map(move |damages| {
            let mut all = good.clone();
            for (place, with) in damages {
                if let Some(there) = all.pointer_mut(&place) {
                    *there = with.unwrap_or(Value::Null);
                }
            }
            all
        })
        .boxed()
}

fn pointers(at: &str, value: &Value, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| pointers(&format!("{at}/{i}"), item, places));
        }
        Value::Object(fields) => fields.iter().for_each(|(key, item)| pointers(&format!("{at}/{key}"), item, places)),
        _ => {}
    }
}

/// The body of an answer: `good` damaged, cut, or something else altogether; rarely valid UTF-8 or shallow.
pub(crate) fn body(good: Value) -> BoxedStrategy<Vec<u8>> {
    let nested =
        (select(vec!["[", "{\"a\":", "[{\"id\":"]), 1..20_000_usize).prop_map(|(open, times)| open.repeat(times));
    let cut = (damaged(good.clone()), any::<proptest::sample::Index>()).prop_map(|(value, at)| {
        let mut bytes = value.to_string().into_bytes();
        bytes.truncate(at.index(bytes.len() + 1));
        bytes
    });
    prop_oneof![
        12 => damaged(good).prop_map(|value| value.to_string().into_bytes()),
        2 => cut,
        2 => text().prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => nested.prop_map(String::into_bytes),
    ]
    .boxed()
}

/// More than any answer may have, of bytes that say nothing and of bytes that say much.
pub(crate) fn huge() -> [Vec<u8>; 4] {
    const HUGE: usize = 10 * 1024 * 1024;
    [
        vec![0xff; HUGE],
        "€".repeat(HUGE / 3).into_bytes(),
        "[".repeat(HUGE).into_bytes(),
        format!("[{{\"id\":1,\"name\":\"{}\"}}]", "\u{202e}".repeat(HUGE / 3)).into_bytes(),
    ]
}
