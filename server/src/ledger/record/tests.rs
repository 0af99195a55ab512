use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
    strategy::ValueTree,
};
use sendstores_core::{
    Cause, Engine, Evidence, Failure, FailureReason, Happening, HistoryEntry, Labels, Operation, OperationId,
    OperationKind, OperationState, Release, ReleaseName, ShopSettings, Step, StepName, StepState, StoreSpec, Timestamp,
    diagnosis::{Diagnosis, ObjectEvent},
    evidence::Check,
    release::Volume,
    shop::{Catalogue, DimensionUnit, PaymentMethod, WeightUnit},
    volumes::{Gibibytes, VolumeSizes},
};

use super::*;
use crate::hostile;

fn encode(store: &Store) -> Result<String, LedgerError> {
    super::encode(&store.clone().into())
}

fn decode(text: &[u8], revision: Revision) -> Result<Store, Unreadable> {
    super::decode(Kind::Store, text, revision).and_then(typed)
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn shop() -> impl Strategy<Value = ShopSettings> {
    let title = r#"[a-zA-Z0-9äß€"\\{}'&<>]{1,40}"#;
    let units = (select(WeightUnit::ALL), select(DimensionUnit::ALL), select(Catalogue::ALL));
    (title, any::<bool>(), vec(select(PaymentMethod::ALL), 0..3), units, 0u32..1_000_000).prop_map(
        |(title, taxes, payment_methods, (weight_unit, dimension_unit, catalogue), cents)| ShopSettings {
            title: parsed(&title),
            admin_email: parsed("owner+shop@mail.example.com"),
            admin_user: parsed("merchant-1"),
            country: parsed("US:CA"),
            currency: parsed("USD"),
            locale: parsed("de_DE_formal"),
            timezone: parsed("Etc/GMT+1"),
            taxes,
            weight_unit,
            dimension_unit,
            payment_methods,
            flat_rate: parsed(&format!("{}.{:02}", cents / 100, cents % 100)),
            catalogue,
            tax_rate: taxes.then(|| parsed("7.25")),
            prices_include_tax: taxes,
        },
    )
}

const STEPS: [&str; 8] =
    ["namespace", "credentials", "release", "database", "application", "bootstrap", "storefront", "removal"];

fn name() -> impl Strategy<Value = StepName> {
    select(STEPS.map(StepName::new).to_vec())
}

fn failure() -> impl Strategy<Value = Failure> {
    let diagnosis = option::of(diagnosis().prop_map(Box::new));
    let reasons = [&FailureReason::ALL[..], &[FailureReason::open("PHP_FATAL_ERROR")]].concat();
    (select(reasons), any::<String>(), option::of(name()), any::<u32>(), option::of(time()), diagnosis).prop_map(
        |(reason, message, step, attempt, retry_time, diagnosis)| Failure {
            reason,
            message,
            step,
            attempt,
            retry_time,
            diagnosis,
        },
    )
}

fn diagnosis() -> impl Strategy<Value = Diagnosis> {
    let event = (option::of(time()), any::<String>(), any::<String>())
        .prop_map(|(time, reason, message)| ObjectEvent { time, reason, message });
    (any::<String>(), vec(event, 0..3), any::<String>(), any::<String>())
        .prop_map(|(object, events, log_tail, suggestion)| Diagnosis { object, events, log_tail, suggestion })
}

fn step() -> impl Strategy<Value = Step> {
    let times = (option::of(time()), option::of(time()));
    (name(), select(&StepState::ALL[..]), any::<u32>(), times, any::<String>()).prop_map(
        |(name, state, attempt, (start_time, end_time), detail)| Step {
            name,
            state,
            attempt,
            start_time,
            end_time,
            detail,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let times = (time(), option::of(time()));
    (
        select(["shop_page", "store_api", "cart", "cron", "ingress"].map(Check::new).to_vec()),
        any::<bool>(),
        any::<String>(),
        times,
    )
        .prop_map(|(check, passed, finding, (check_time, first_pass_time))| Evidence {
            check,
            passed,
            finding,
            check_time,
            // What passes has passed, at the latest now.
            first_pass_time: first_pass_time.or_else(|| passed.then_some(check_time)),
        })
}

fn entry() -> impl Strategy<Value = HistoryEntry> {
    (time(), select(&Happening::ALL[..]), option::of("[!-~]{1,40}"), option::of("[!-~]{1,90}")).prop_map(
        |(time, what, call, actor)| HistoryEntry {
            time,
            what,
            cause: Cause { call: call.map(|call| parsed(&call)), actor: actor.map(|actor| parsed(&actor)) },
        },
    )
}

fn release() -> impl Strategy<Value = Release> {
    let volume = (any::<String>(), option::of(any::<String>())).prop_map(|(size, class)| Volume { size, class });
    let objects = (btree_map(any::<String>(), any::<String>(), 0..3), btree_map(any::<String>(), volume, 0..3));
    let digests = (any::<String>(), any::<String>(), option::of(any::<String>()));
    let named = (option::of(any::<String>()), btree_map(any::<String>(), any::<String>(), 0..3));
    (any::<u32>(), any::<String>(), digests, objects, named).prop_map(
        |(revision, chart, (chart_digest, values_digest, source), (images, volumes), (name, versions))| Release {
            name: name.as_deref().map(ReleaseName::recorded),
            versions: versions.into_iter().collect(),
            revision,
            chart,
            chart_digest,
            values_digest,
            source,
            images,
            volumes,
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    let words = (select(&OperationKind::ALL[..]), select(&OperationState::ALL[..]), any::<u64>());
    let release = || option::of(any::<String>().prop_map(|name| ReleaseName::recorded(&name)));
    let asked = (option::of("[!-~]{1,64}"), release(), release(), option::of(failure().prop_map(Box::new)));
    let times = (time(), option::of(time()), option::of(time()), option::of(time()));
    (words, asked, times).prop_map(|((kind, state, generation), (request_id, from, to, failure), times)| Operation {
        id: OperationId::of(generation),
        kind,
        state,
        generation,
        request_id: request_id.map(|id| parsed(&id)),
        from,
        to,
        failure,
        create_time: times.0,
        start_time: times.1,
        grows: generation % 2 == 0,
        rollback_time: times.2,
        end_time: times.3,
    })
}

fn store() -> impl Strategy<Value = Store> {
    let spec = (option::of(any::<String>()), any::<bool>());
    let names = (option::of(Just("acme.eu_1")), vec(("[a-z]{1,9}", "[A-Z]{0,9}"), 0..4), any::<String>(), spec);
    let made_from = (option::of(release().prop_map(Box::new)), option::of(operation().prop_map(Box::new)));
    let status =
        (select(&State::ALL[..]), option::of(failure()), vec(step(), 0..8), vec(evidence(), 0..4), vec(entry(), 0..20));
    let counts = (any::<u64>(), any::<u64>(), any::<u64>());
    let times = (time(), time(), option::of(time()), option::of(time()), option::of(time()));
    (names, shop(), status, counts, (times, made_from)).prop_map(
        |(
            (tenant, labels, url, (release, protected)),
            shop,
            (state, failure, steps, evidence, history),
            counts,
            (times, (made_from, operation)),
        )| Store {
            id: parsed("store-ab12cd34"),
            uid: parsed("0193b0a0-7c3e-7000-8000-0000000000af"),
            tenant: tenant.map(parsed),
            labels: Labels::parse(labels).expect("valid"),
            spec: StoreSpec {
                engine: Engine::new("woocommerce"),
                shop,
                release: release.as_deref().map(ReleaseName::recorded),
                deletion_protection: protected,
                volumes: VolumeSizes {
                    database: Gibibytes::new(u32::try_from(counts.0 % 3).unwrap_or(0)),
                    content: Gibibytes::new(7),
                },
            },
            url,
            state,
            failure,
            steps,
            evidence,
            history: history.into_iter().collect(),
            generation: counts.0,
            observed_generation: counts.1,
            revision: Revision(counts.2),
            create_time: times.0,
            update_time: times.1,
            ready_time: times.2,
            delete_time: times.3,
            purge_time: times.4,
            operation,
            made_from,
            unknown: None,
        },
    )
}

fn any_record() -> serde_json::Value {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let store = store().new_tree(&mut runner).expect("a store").current();
    serde_json::from_str(&encode(&store).expect("encodes")).expect("JSON")
}

fn refusal(record: &serde_json::Value) -> String {
    let text = record.to_string();
    decode(text.as_bytes(), Revision(7)).expect_err("must be refused").to_string()
}

proptest! {
    #[test]
    fn every_store_comes_back_as_it_was(store in store()) {
        let text = encode(&store).expect("encodes");
        prop_assert_eq!(decode(text.as_bytes(), store.revision).expect("decodes"), store);
    }
}

fn json(text: &[u8]) -> serde_json::Value {
    serde_json::from_slice(text).expect("JSON")
}

/// Puts a field that no version knows into every object but those whose fields are free names.
fn add_unknown(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            let by_name = ["labels", "images", "volumes", "versions"];
            object
                .iter_mut()
                .filter(|(key, _)| !by_name.contains(&key.as_str()))
                .for_each(|(_, value)| add_unknown(value));
            object.insert("colour".to_owned(), serde_json::json!({"name": "blue", "shades": [1, null]}));
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(add_unknown),
        _ => {}
    }
}

proptest! {
    #[test]
    fn unknown_fields_are_written_back_wherever_they_stand(store in store()) {
        let mut record = json(encode(&store).expect("encodes").as_bytes());
        add_unknown(&mut record);
        let read = decode(record.to_string().as_bytes(), store.revision).expect("decodes");
        prop_assert_eq!(json(encode(&read).expect("encodes").as_bytes()), record);
        prop_assert_eq!(Store { unknown: None, ..read }, store);
    }
}

fn next_version(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records/next");
    std::fs::read(format!("{folder}/{name}.json")).expect("a record")
}

#[test]
fn what_a_newer_version_wrote_is_written_back_as_it_was() {
    for name in ["state", "engine", "settings", "words"] {
        let text = next_version(name);
        let store = decode(&text, Revision(7)).expect("decodes");
        assert_eq!(json(encode(&store).expect("encodes").as_bytes()), json(&text), "{name}");
        // What is foreign about an engine only the list of the engines says.
        assert_eq!(store.is_foreign(), matches!(name, "state" | "settings"), "{name}");
    }
}

#[test]
fn unknown_fields_stay_with_what_they_belong_to() {
    let store = decode(&next_version("words"), Revision(7)).expect("decodes");
    let deleting = store.after(sendstores_core::Event::DeleteRequested, Timestamp::from_micros(1)).expect("legal");
    let record = json(encode(&deleting).expect("encodes").as_bytes());
    assert_eq!(record["cluster"], "eu-1");
    assert_eq!(record["shop"]["theme"]["name"], "twenty");
    assert_eq!(record["history"][0]["by"], "bob");
    assert_eq!(record.get("failure"), None, "it is over, and so is what belonged to it");
    assert_eq!(record["steps"].as_array().map(Vec::len), Some(1));
    assert_eq!(record["steps"][0].get("weight"), None, "it belonged to another step");
    assert_eq!(record["operation"]["bytes_done"], 7);
}

#[test]
fn a_record_without_unknown_fields_costs_nothing_more() {
    let text = any_record().to_string();
    assert_eq!(decode(text.as_bytes(), Revision(7)).expect("decodes").unknown, None);
}

#[test]
fn a_record_from_before_there_was_a_history_is_read() {
    let mut record = any_record();
    record.as_object_mut().expect("an object").remove("history");
    let store = decode(record.to_string().as_bytes(), Revision(7)).expect("decodes");
    assert_eq!(store.history.entries(), []);
}

#[test]
fn a_record_without_an_operation_is_read_and_one_of_a_newer_version_is_not_under_way() {
    let mut record = any_record();
    record.as_object_mut().expect("an object").remove("operation");
    assert_eq!(decode(record.to_string().as_bytes(), Revision(7)).expect("decodes").operation, None);
    let store = decode(&next_version("words"), Revision(7)).expect("decodes");
    let operation = store.operation.as_deref().expect("an operation");
    assert_eq!((operation.kind.as_str(), operation.state.as_str()), ("BACKUP", "PAUSED"));
    assert_eq!(store.under_way(), None);
}

#[test]
fn a_record_without_a_release_is_read_and_one_with_any_is_kept() {
    let mut record = any_record();
    record.as_object_mut().expect("an object").remove("release");
    let store = decode(record.to_string().as_bytes(), Revision(7)).expect("decodes");
    assert_eq!(store.spec.release, None);
    assert_eq!(json(encode(&store).expect("encodes").as_bytes()), record, "a server of the version before reads it");
    record["release"] = "Of_Another/Version".into();
    let store = decode(record.to_string().as_bytes(), Revision(7)).expect("decodes");
    assert_eq!(json(encode(&store).expect("encodes").as_bytes()), record);
}

#[test]
fn a_record_that_does_not_say_what_its_store_was_made_from_is_read() {
    let mut record = any_record();
    record.as_object_mut().expect("an object").remove("made_from");
    assert_eq!(decode(record.to_string().as_bytes(), Revision(7)).expect("decodes").made_from, None);
    record["made_from"] = serde_json::json!({"chart": "woocommerce-9", "colour": "blue"});
    let made_from = decode(record.to_string().as_bytes(), Revision(7)).expect("decodes").made_from.expect("some of it");
    assert_eq!((made_from.chart.as_str(), made_from.revision), ("woocommerce-9", 0));
    assert_eq!((made_from.name, made_from.versions.iter().count()), (None, 0), "one of a version without releases");
}

#[test]
fn a_store_keeps_what_the_lists_have_lost() {
    let mut record = any_record();
    record["shop"]["country"] = "AT:W".into();
    record["shop"]["locale"] = "tlh".into();
    let shop = decode(record.to_string().as_bytes(), Revision(7)).expect("decodes").spec.shop;
    assert_eq!((shop.country.as_str(), shop.locale.as_str()), ("AT:W", "tlh"));
}

#[test]
fn a_newer_version_is_refused_even_if_it_has_another_shape() {
    let refused = refusal(&serde_json::json!({"version": 2, "everything": "else"}));
    assert!(refused.contains("at revision 7 cannot be read: its version is 2"), "{refused}");
    let unreadable = decode(&next_version("version"), Revision(7)).expect_err("refused");
    assert_eq!(unreadable.key, Some(Key::Store(parsed("store-version"))));
}

#[test]
fn what_cannot_be_understood_is_named() {
    for (field, value) in [("state", "not a word"), ("engine", ""), ("id", "kube-system"), ("uid", "x")] {
        let mut record = any_record();
        record[field] = value.into();
        let refused = refusal(&record);
        assert!(refused.contains(field), "{refused}");
    }
    assert!(decode(b"", Revision(7)).is_err());
    assert!(decode(b"{\"version\":1", Revision(7)).is_err());
}

#[test]
fn a_new_store_is_small() {
    let record = any_record();
    let steps: Vec<_> = STEPS.map(StepName::new).into_iter().map(Step::pending).collect();
    let mut store = decode(record.to_string().as_bytes(), Revision(1)).expect("decodes");
    store.steps = steps;
    (store.evidence, store.failure, store.made_from, store.operation) = (Vec::new(), None, None, None);
    let call = Some(parsed("0193b0a0-7c3e-7000-8000-0000000000af"));
    let cause = Cause { call, actor: Some(parsed("token:shop-platform#4fKq0ZpL2x")) };
    let created = HistoryEntry { time: Timestamp::from_micros(1_700_000_000_000_000), what: Happening::Created, cause };
    store.history = [created].into_iter().collect();
    store.url = "http://store-ab12cd34.localhost:8080".to_owned();
    let size = encode(&store).expect("encodes").len();
    assert!(size < 1536, "{size}");
}

#[test]
fn a_tenant_is_read_and_written_back_as_it_was() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records");
    for name in ["tenant-v1/active", "tenant-v1/limited", "tenant-v1/suspended", "tenant-v1/deleted", "next/tenant"] {
        let text = std::fs::read(format!("{folder}/{name}.json")).expect("a record");
        let record = super::decode(Kind::Tenant, &text, Revision(7)).expect("decodes");
        assert_eq!(json(super::encode(&record).expect("encodes").as_bytes()), json(&text), "{name}");
        assert_eq!((record.revision(), record.is_deleted()), (Revision(7), name.ends_with("deleted")));
    }
    let unreadable = super::decode(Kind::Tenant, b"{\"version\":2,\"id\":\"acme\"}", Revision(7)).expect_err("refused");
    assert_eq!(
        unreadable.to_string(),
        "the record of tenant acme at revision 7 cannot be read: its version is 2, and this program knows 1 at most"
    );
}

#[test]
fn a_token_is_read_and_written_back_as_it_was() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records");
    for name in ["token-v1/admin", "token-v1/tenant", "token-v1/revoked", "next/token"] {
        let text = std::fs::read(format!("{folder}/{name}.json")).expect("a record");
        let record = super::decode(Kind::Token, &text, Revision(7)).expect("decodes");
        assert_eq!(json(super::encode(&record).expect("encodes").as_bytes()), json(&text), "{name}");
        assert_eq!((record.revision(), record.is_deleted()), (Revision(7), name.ends_with("revoked")));
    }
    // A tenant's token without its tenants would be one for all.
    let text = std::fs::read_to_string(format!("{folder}/token-v1/tenant.json")).expect("a record");
    let wide = text.replace("\"tenants\": [\"acme\", \"bolt\"],", "");
    let unreadable = super::decode(Kind::Token, wide.as_bytes(), Revision(7)).expect_err("refused").to_string();
    assert!(unreadable.contains("the role tenant needs a tenant"), "{unreadable}");
}

#[test]
fn a_backup_is_read_and_written_back_as_it_was() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records");
    let states =
        ["pending", "running", "succeeded", "failed", "deleting", "deleted"].map(|name| format!("backup-v1/{name}"));
    for name in states.into_iter().chain(["next/backup".to_owned()]) {
        let text = std::fs::read(format!("{folder}/{name}.json")).expect("a record");
        let record = super::decode(Kind::Backup, &text, Revision(7)).expect("decodes");
        assert_eq!(json(super::encode(&record).expect("encodes").as_bytes()), json(&text), "{name}");
        assert_eq!((record.revision(), record.is_deleted()), (Revision(7), name.ends_with("deleted")));
    }
}

/// The records that were written before, one file each; a change of the format adds files and changes none.
#[test]
fn records_of_an_earlier_program_are_read_and_written_back_as_they_were() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records/v1");
    let mut read = 0;
    for file in std::fs::read_dir(folder).expect("the folder of records") {
        let path = file.expect("a file").path();
        let text = std::fs::read(&path).expect("a record");
        let store = decode(&text, Revision(7)).expect("decodes");
        assert_eq!(json(encode(&store).expect("encodes").as_bytes()), json(&text), "{}", path.display());
        read += 1;
    }
    assert!(read >= 8, "{read} records");
}

#[test]
fn a_panic_over_one_record_sets_it_aside() {
    let unreadable = super::survived::<()>(Revision(7), || panic!("a bug")).expect_err("set aside");
    assert_eq!((unreadable.key.is_none(), unreadable.revision), (true, Revision(7)));
    assert!(unreadable.why.contains("panicked"), "{unreadable}");
}

#[test]
fn whatever_a_damaged_record_is_it_is_set_aside_or_stays_as_it_was_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/records");
    for (kind, name) in [
        (Kind::Store, "v1/ready"),
        (Kind::Tenant, "tenant-v1/limited"),
        (Kind::Token, "token-v1/tenant"),
        (Kind::Backup, "backup-v1/succeeded"),
    ] {
        let good = json(&std::fs::read(format!("{folder}/{name}.json")).expect("a record"));
        hostile::check(&hostile::body(good), |body| match super::decode(kind, &body, Revision(7)) {
            Ok(record) => {
                let text = super::encode(&record).expect("encodes");
                assert_eq!(super::decode(kind, text.as_bytes(), Revision(7)), Ok(record));
            }
            Err(unreadable) => assert!(!unreadable.why.contains("panicked"), "{unreadable}"),
        });
        hostile::huge().iter().for_each(|body| drop(super::decode(kind, body, Revision(7)).expect_err("no record")));
    }
}
