//! The rules of the contract's schema are those of the server: what is at the limit of a rule is taken, and what is one past it
//! is refused by the name of its field.

use std::collections::BTreeSet;

use prost_reflect::{DescriptorPool, DynamicMessage, prost::Message};
use regex::Regex;
use sendstores_proto::{CONTRACT_SCHEMA, FILE_DESCRIPTOR_SET};
use sendstores_tests::{redis::RedisServer, server::ServerOptions};
use serde_json::{Map, Value, json};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_types::StatusExt;

/// A rule: the message and the field, the keyword of the schema, a value at its limit and one past it.
type Row = (&'static str, &'static str, &'static str, Value, Value);

/// Messages as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes::Buf::advance(buffer, bytes::Buf::remaining(buffer));
        Ok(Some(()))
    }
}

/// The store id of this length.
fn id(length: usize) -> String {
    format!("store-{}", "a".repeat(length - 6))
}

fn map(entries: usize) -> Value {
    (0..entries).map(|i| (format!("k{i}"), json!("v"))).collect::<Map<_, _>>().into()
}

/// Those of the settings of a shop.
fn shop_rows() -> Vec<Row> {
    let text = |length: usize| json!("a".repeat(length));
    let mail = |length: usize| json!(format!("{}@b.co", "a".repeat(length - 5)));
    vec![
        ("ShopSettings", "title", "maxLength", text(100), text(101)),
        ("ShopSettings", "admin_email", "minLength", mail(6), json!("@b.co")),
        ("ShopSettings", "admin_email", "maxLength", mail(100), mail(101)),
        ("ShopSettings", "admin_user", "maxLength", text(60), text(61)),
        ("ShopSettings", "admin_user", "pattern", json!("a.b-c_9"), json!("9a")),
        ("ShopSettings", "country", "pattern", json!("BD:BD-05"), json!("de")),
        ("ShopSettings", "currency", "maxLength", json!("EUR"), json!("EURO")),
        ("ShopSettings", "currency", "pattern", json!("EUR"), json!("eur")),
        ("ShopSettings", "locale", "pattern", json!("de_DE_formal"), json!("de-DE")),
        ("ShopSettings", "weight_unit", "enum", json!("oz"), json!("stone")),
        ("ShopSettings", "dimension_unit", "enum", json!("yd"), json!("ft")),
        (
            "ShopSettings",
            "payment_methods",
            "maxItems",
            json!(["PAYMENT_METHOD_BANK_TRANSFER", "PAYMENT_METHOD_CASH_ON_DELIVERY"]),
            json!(vec!["PAYMENT_METHOD_BANK_TRANSFER"; 3]),
        ),
        ("ShopSettings", "flat_rate", "pattern", json!("123456789.00"), json!("1234567890")),
        ("ShopSettings", "tax_rate", "pattern", json!("19.1234"), json!("19.12345")),
    ]
}

fn table() -> Vec<Row> {
    let text = |length: usize| json!("a".repeat(length));
    let ids = |count: usize| json!((0..count).map(|i| format!("store-{i}")).collect::<Vec<_>>());
    let mut rows: Vec<Row> = vec![
        ("CreateRequest", "labels", "maxLength", json!({"k": "v".repeat(63)}), json!({"k": "v".repeat(64)})),
        ("CreateRequest", "labels", "maxProperties", map(16), map(17)),
        ("UpdateRequest", "labels", "maxLength", json!({"k": "v".repeat(63)}), json!({"k": "v".repeat(64)})),
        ("UpdateRequest", "labels", "maxProperties", map(16), map(17)),
        ("StoreFilter", "labels", "maxLength", json!({"k": "v".repeat(63)}), json!({"k": "v".repeat(64)})),
        ("StoreFilter", "labels", "maxProperties", map(16), map(17)),
        ("StoreFilter", "ids", "maxItems", ids(100), ids(101)),
        ("StoreFilter", "ids", "maxLength", json!([id(40)]), json!([id(41)])),
        ("StoreFilter", "ids", "pattern", json!(["store-0-z"]), json!(["store-z-"])),
        ("StoreFilter", "states", "maxItems", json!(vec!["STATE_READY"; 12]), json!(vec!["STATE_READY"; 13])),
        (
            "StoreFilter",
            "engines",
            "maxItems",
            json!(vec!["ENGINE_WOOCOMMERCE"; 10]),
            json!(vec!["ENGINE_WOOCOMMERCE"; 11]),
        ),
        ("StoreSpec", "release", "maxLength", text(63), text(64)),
        ("StoreSpec", "release", "pattern", json!("a.b-9"), json!("a_b")),
        ("Volumes", "database_gib", "minimum", json!(0), json!(-1)),
        ("Volumes", "database_gib", "maximum", json!(16384), json!(16385)),
        ("Volumes", "content_gib", "minimum", json!(0), json!(-1)),
        ("Volumes", "content_gib", "maximum", json!(16384), json!(16385)),
        ("ListRequest", "page_size", "maximum", json!(500), json!(501)),
        ("ListRequest", "page_size", "minimum", json!(0), json!(-1)),
        ("ListRequest", "query", "maxLength", json!("ü".repeat(100)), json!("ü".repeat(101))),
        ("ListRequest", "order_by", "enum", json!("update_time desc"), json!("title")),
        ("AuditServiceListRequest", "page_size", "maximum", json!(500), json!(501)),
        ("AuditServiceListRequest", "page_size", "minimum", json!(0), json!(-1)),
    ];
    rows.extend(shop_rows());
    for message in ["CreateRequest", "StoreFilter"] {
        rows.push((message, "tenant", "maxLength", text(63), text(64)));
        rows.push((message, "tenant", "pattern", json!("a.b-c_9"), json!("a-")));
    }
    rows.extend(rows_of_stores());
    rows.extend(rows_of_backups());
    rows
}

/// Of the requests about backups.
fn rows_of_backups() -> Vec<Row> {
    let text = |length: usize| json!("a".repeat(length));
    let backup = |length: usize| json!(format!("0193b0a0-7c3e-7000-8000-0000000000af/{}", "a".repeat(length)));
    let mut rows: Vec<Row> = vec![
        ("CreateBackupRequest", "store", "required", json!("store-a"), json!("")),
        ("ListBackupsRequest", "tenant", "maxLength", text(63), text(64)),
        ("ListBackupsRequest", "tenant", "pattern", json!("a.b-c_9"), json!("a-")),
        ("ListBackupsRequest", "page_size", "maximum", json!(500), json!(501)),
        ("ListBackupsRequest", "page_size", "minimum", json!(0), json!(-1)),
    ];
    for message in ["CreateBackupRequest", "ListBackupsRequest"] {
        rows.push((message, "store", "maxLength", json!(id(40)), json!(id(41))));
        rows.push((message, "store", "pattern", json!("store-0-z"), json!("store-z-")));
    }
    for message in ["CreateBackupRequest", "UpdateBackupRequest"] {
        rows.push((message, "labels", "maxLength", json!({"k": "v".repeat(63)}), json!({"k": "v".repeat(64)})));
        rows.push((message, "labels", "maxProperties", map(16), map(17)));
    }
    for message in ["GetBackupRequest", "UpdateBackupRequest", "DeleteBackupRequest"] {
        rows.push((message, "id", "required", backup(1), json!("")));
        rows.push((message, "id", "maxLength", backup(32), backup(33)));
        rows.push((message, "id", "pattern", backup(3), json!("0193b0a0-7c3e-7000-8000-0000000000af/a-")));
    }
    for message in ["CreateBackupRequest", "UpdateBackupRequest", "DeleteBackupRequest"] {
        rows.push((message, "request_id", "maxLength", json!("~".repeat(64)), json!("~".repeat(65))));
        rows.push((message, "request_id", "pattern", json!("!~"), json!("a b")));
    }
    rows
}

/// A request about backups.
fn backup_request(message: &str, one: Value) -> (&'static str, &'static str, Value) {
    let with = |name: &str, value: &str| {
        let mut request = one.clone();
        if request[name].is_null() {
            request[name] = value.into();
        }
        request
    };
    const ID: &str = "0193b0a0-7c3e-7000-8000-0000000000af/none";
    match message {
        "CreateBackupRequest" => {
            ("CreateBackupRequest", "/sendstores.v1.BackupService/CreateBackup", with("store", "store-a"))
        }
        "GetBackupRequest" => ("GetBackupRequest", "/sendstores.v1.BackupService/GetBackup", one),
        "ListBackupsRequest" => ("ListBackupsRequest", "/sendstores.v1.BackupService/ListBackups", one),
        "DeleteBackupRequest" => ("DeleteBackupRequest", "/sendstores.v1.BackupService/DeleteBackup", with("id", ID)),
        _ => {
            let mut request = with("id", ID);
            request["update_mask"] = "labels".into();
            ("UpdateBackupRequest", "/sendstores.v1.BackupService/UpdateBackup", request)
        }
    }
}

/// Of the fields that requests about one store share.
fn rows_of_stores() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (message, field) in [
        ("CreateRequest", "store_id"),
        ("GetRequest", "id"),
        ("DeleteRequest", "id"),
        ("UndeleteRequest", "id"),
        ("UpdateRequest", "id"),
        ("SuspendRequest", "id"),
        ("ResumeRequest", "id"),
        ("RetryOperationRequest", "id"),
        ("CancelOperationRequest", "id"),
        ("GetCredentialsRequest", "id"),
    ] {
        rows.push((message, field, "maxLength", json!(id(40)), json!(id(41))));
        rows.push((message, field, "pattern", json!("store-0-z"), json!("store-z-")));
        if field == "id" {
            rows.push((message, field, "required", json!("store-a"), json!("")));
        }
    }
    rows.push(("CancelOperationRequest", "operation_id", "maxLength", json!("~".repeat(64)), json!("~".repeat(65))));
    rows.push(("CancelOperationRequest", "operation_id", "pattern", json!("op-2"), json!("a b")));
    for message in [
        "CreateRequest",
        "DeleteRequest",
        "UndeleteRequest",
        "UpdateRequest",
        "SuspendRequest",
        "ResumeRequest",
        "RetryOperationRequest",
        "CancelOperationRequest",
    ] {
        rows.push((message, "request_id", "maxLength", json!("~".repeat(64)), json!("~".repeat(65))));
        rows.push((message, "request_id", "pattern", json!("!~"), json!("a b")));
    }
    rows
}

fn schema() -> Value {
    serde_json::from_str(CONTRACT_SCHEMA).expect("JSON")
}

/// Every rule of the schema: message, field and keyword. Of a list and a map, those of what is in it, too.
fn rules(schema: &Value) -> BTreeSet<(String, String, String)> {
    const KEYWORDS: [&str; 8] =
        ["maxLength", "minLength", "pattern", "enum", "maxItems", "maxProperties", "minimum", "maximum"];
    let mut rules = BTreeSet::new();
    for (message, definition) in schema["$defs"].as_object().expect("definitions") {
        let mut add =
            |field: &str, keyword: &str| rules.insert((message.clone(), field.to_owned(), keyword.to_owned()));
        for (field, property) in definition["properties"].as_object().expect("properties") {
            let inner = [property, &property["items"], &property["additionalProperties"]];
            for keyword in KEYWORDS.iter().filter(|keyword| inner.iter().any(|part| !part[**keyword].is_null())) {
                // The words of an enum, and what has a remark, are the encoding's and no rule.
                let of_rules = |part: &&&Value| part["enum"][0].as_str().is_none_or(|word| !is_word(word));
                if property["$comment"].is_null() && (*keyword != "enum" || inner.iter().all(|part| of_rules(&part))) {
                    add(field, keyword);
                }
            }
        }
        for field in definition["required"].as_array().into_iter().flatten() {
            add(field.as_str().expect("a name"), "required");
        }
    }
    rules
}

/// `STATE_READY` and the like.
fn is_word(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && word.contains('_')
}

/// Whether the schema takes the value, as far as the keyword says.
fn takes(property: &Value, keyword: &str, value: &Value) -> bool {
    let limit = |part: &Value| part[keyword].as_u64().map(|most| usize::try_from(most).expect("small"));
    let texts: Vec<&str> = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Object(entries) => entries.values().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let part = [property, &property["items"], &property["additionalProperties"]]
        .into_iter()
        .find(|part| !part[keyword].is_null());
    let Some(part) = part else { return keyword == "required" && value != "" };
    match keyword {
        "maxLength" => texts.iter().all(|text| text.chars().count() <= limit(part).expect("a number")),
        "minLength" => texts.iter().all(|text| text.chars().count() >= limit(part).expect("a number")),
        "pattern" => {
            let pattern = Regex::new(part["pattern"].as_str().expect("a text")).expect("a pattern");
            texts.iter().all(|text| pattern.is_match(text))
        }
        "enum" => texts.iter().all(|text| part["enum"].as_array().expect("a list").contains(&json!(text))),
        "maxItems" => value.as_array().expect("a list").len() <= limit(part).expect("a number"),
        "maxProperties" => value.as_object().expect("a map").len() <= limit(part).expect("a number"),
        "minimum" => value.as_i64() >= part["minimum"].as_i64(),
        "maximum" => value.as_i64() <= part["maximum"].as_i64(),
        other => panic!("no rule is called {other}"),
    }
}

/// A request with the field, its path in a violation, and where it is sent.
fn request(message: &str, field: &str, value: &Value) -> (&'static str, &'static str, Value, String) {
    let one = json!({field: value});
    if message.contains("Backup") {
        let (message, path, request) = backup_request(message, one);
        return (message, path, request, field.to_owned());
    }
    if message == "AuditServiceListRequest" {
        return ("AuditServiceListRequest", "/sendstores.v1.AuditService/List", one, field.to_owned());
    }
    request_about_stores(message, field, one, value)
}

fn request_about_stores(
    message: &str,
    field: &str,
    one: Value,
    value: &Value,
) -> (&'static str, &'static str, Value, String) {
    match message {
        "ShopSettings" => {
            let mut shop = one;
            if field == "tax_rate" {
                shop["taxes"] = true.into();
            }
            let request = json!({"spec": {"shop": shop}, "validate_only": true});
            ("CreateRequest", "/sendstores.v1.StoreService/Create", request, format!("spec.shop.{field}"))
        }
        "StoreSpec" | "Volumes" => {
            let inside = message == "Volumes";
            let (spec, path) = if inside { (json!({"volumes": one}), "spec.volumes") } else { (one, "spec") };
            let request = json!({"spec": spec, "validate_only": true});
            ("CreateRequest", "/sendstores.v1.StoreService/Create", request, format!("{path}.{field}"))
        }
        "StoreFilter" => {
            ("ListRequest", "/sendstores.v1.StoreService/List", json!({"filter": one}), format!("filter.{field}"))
        }
        "CreateRequest" => {
            let mut request = one;
            request["validate_only"] = true.into();
            ("CreateRequest", "/sendstores.v1.StoreService/Create", request, field.to_owned())
        }
        "DeleteRequest"
        | "UndeleteRequest"
        | "UpdateRequest"
        | "SuspendRequest"
        | "ResumeRequest"
        | "RetryOperationRequest"
        | "CancelOperationRequest" => {
            let (message, path) = match message {
                "DeleteRequest" => ("DeleteRequest", "/sendstores.v1.StoreService/Delete"),
                "UndeleteRequest" => ("UndeleteRequest", "/sendstores.v1.StoreService/Undelete"),
                "UpdateRequest" => ("UpdateRequest", "/sendstores.v1.StoreService/Update"),
                "SuspendRequest" => ("SuspendRequest", "/sendstores.v1.StoreService/Suspend"),
                "RetryOperationRequest" => ("RetryOperationRequest", "/sendstores.v1.StoreService/RetryOperation"),
                "CancelOperationRequest" => ("CancelOperationRequest", "/sendstores.v1.StoreService/CancelOperation"),
                _ => ("ResumeRequest", "/sendstores.v1.StoreService/Resume"),
            };
            let mut request = json!({"id": "store-a", "validate_only": true});
            if message == "UpdateRequest" {
                let changed = if field == "labels" { "labels" } else { "spec.deletionProtection" };
                request["update_mask"] = changed.into();
            }
            request[field] = value.clone();
            (message, path, request, field.to_owned())
        }
        "GetRequest" => ("GetRequest", "/sendstores.v1.StoreService/Get", one, field.to_owned()),
        "GetCredentialsRequest" => {
            ("GetCredentialsRequest", "/sendstores.v1.StoreService/GetCredentials", one, field.to_owned())
        }
        "ListRequest" => ("ListRequest", "/sendstores.v1.StoreService/List", one, field.to_owned()),
        other => panic!("{other} is sent by no call"),
    }
}

/// The fields that the server refuses.
async fn refused(
    channel: &Channel,
    pool: &DescriptorPool,
    (message, path, request, _): &(&str, &'static str, Value, String),
) -> Vec<String> {
    let descriptor = pool.get_message_by_name(&format!("sendstores.v1.{message}")).expect("a message");
    let message = DynamicMessage::deserialize(descriptor, request).expect("proto3 JSON");
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("ready");
    let path = http::uri::PathAndQuery::from_static(path);
    match grpc.unary(Request::new(message.encode_to_vec()), path, Raw).await {
        Ok(_) => Vec::new(),
        // Of the right form, and nothing that there is.
        Err(status) if status.get_details_error_info().is_some_and(|info| info.reason == "RELEASE_UNKNOWN") => {
            Vec::new()
        }
        Err(status) => {
            let named = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            named.into_iter().map(|violation| violation.field).collect()
        }
    }
}

#[tokio::test]
async fn each_rule_of_the_schema_is_what_the_server_does() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the contract");
    let schema = schema();
    let mut left = rules(&schema);
    for (message, field, keyword, good, bad) in table() {
        let at = format!("{message}.{field} {keyword}");
        let property = &schema["$defs"][message]["properties"][field];
        assert!(left.remove(&(message.to_owned(), field.to_owned(), keyword.to_owned())), "the schema has no {at}");
        assert!(takes(property, keyword, &good), "the schema refuses what is at the limit of {at}: {good}");
        assert!(!takes(property, keyword, &bad), "the schema takes what is past {at}: {bad}");
        let named = |fields: &[String], path: &str| fields.iter().any(|name| name.starts_with(path));
        let sent = request(message, field, &good);
        let fields = refused(&channel, &pool, &sent).await;
        assert!(!named(&fields, &sent.3), "the server refuses what is at the limit of {at}: {good}");
        let sent = request(message, field, &bad);
        let fields = refused(&channel, &pool, &sent).await;
        assert!(named(&fields, &sent.3), "the server takes what is past {at}: {bad} ({fields:?})");
    }
    assert_eq!(left, BTreeSet::new(), "rules that no row of the table tries");
}
