//! What follows from the requests and the option `rules` of their fields: their JSON Schema.

use std::collections::BTreeMap;

use prost_types::FileDescriptorSet;
use protox::prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};
use serde_json::{Map, Value, json};

/// The comments of a contract, by file and path.
type Comments = BTreeMap<(String, Vec<i32>), String>;

/// The schema, and what the form of the dashboard takes from it: where each is, from the repository's root, and its text.
pub(crate) fn files(pool: &DescriptorPool, with_comments: &FileDescriptorSet) -> [(&'static str, String); 2] {
    let mut schema = Schema { pool, comments: comments(with_comments), definitions: BTreeMap::new() };
    let ours = pool.services().filter(|service| service.package_name() == "sendstores.v1");
    for method in ours.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        schema.define(&method.input());
    }
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://sendstores.dev/schema/sendstores.v1.json",
        "title": "The requests of sendstores.v1 as JSON",
        "$defs": schema.definitions,
    });
    // Another crate of a build may have the keys in the order in which they came.
    document.sort_all_objects();
    let form = form(&document["$defs"]);
    let text = |json: &Value| serde_json::to_string_pretty(json).expect("JSON") + "\n";
    [("proto/src/generated/contract.schema.json", text(&document)), ("dashboard/src/create/fields.json", text(&form))]
}

/// The rules of the fields of a new store by their paths, as a `BadRequest` names them.
fn form(definitions: &Value) -> Value {
    const RULES: [&str; 9] =
        ["default", "enum", "examples", "items", "maxItems", "maxLength", "maxProperties", "minLength", "pattern"];
    let fields = |message: &str| definitions[message]["properties"].as_object().cloned().unwrap_or_default();
    let own =
        fields("CreateRequest").into_iter().filter(|(name, _)| ["store_id", "tenant", "labels"].contains(&&**name));
    let shop = fields("ShopSettings").into_iter().map(|(name, field)| (format!("spec.shop.{name}"), field));
    let rules = |field: &Value| {
        let mut rules: Map<_, _> = field.as_object().cloned().unwrap_or_default();
        rules.retain(|name, _| RULES.contains(&name.as_str()));
        // Of a map, those of its values.
        if let Some(text) = field["additionalProperties"].as_object() {
            rules.extend(text.clone().into_iter().filter(|(name, _)| name == "maxLength"));
        }
        Value::Object(rules)
    };
    let mut form: Value = own.chain(shop).map(|(path, field)| (path, rules(&field))).collect::<Map<_, _>>().into();
    form.sort_all_objects();
    form
}

struct Schema<'a> {
    pool: &'a DescriptorPool,
    comments: Comments,
    definitions: BTreeMap<String, Value>,
}

impl Schema<'_> {
    fn define(&mut self, message: &MessageDescriptor) {
        let name = name_of(message);
        if self.definitions.contains_key(&name) {
            return;
        }
        self.definitions.insert(name.clone(), Value::Null);
        let fields: Vec<_> = message.fields().map(|field| (field.name().to_owned(), self.field(&field))).collect();
        let required = message.fields().filter(|field| rule(self.pool, field, "required") == Some(true.into()));
        let required: Vec<_> = required.map(|field| field.name().to_owned()).collect();
        let mut object = json!({
            "type": "object",
            "description": self.comment(message.parent_file().name(), message.path()),
            "properties": Map::from_iter(fields),
            "additionalProperties": false,
        });
        if !required.is_empty() {
            object["required"] = required.into();
        }
        self.definitions.insert(name, object);
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = if field.is_map() {
            let text = self.text(field);
            let longest = text.get("maxLength").cloned().unwrap_or(Value::Null);
            json!({"type": "object", "propertyNames": {"maxLength": longest}, "additionalProperties": text})
        } else if field.cardinality() == Cardinality::Repeated {
            json!({"type": "array", "items": self.one(field)})
        } else {
            self.one(field)
        };
        if let Some(most) = rule(self.pool, field, "max_items") {
            schema[if field.is_map() { "maxProperties" } else { "maxItems" }] = most;
        }
        for (name, keyword) in [("default_value", "default"), ("example", "examples")] {
            if let Some(value) = rule(self.pool, field, name) {
                let value = if schema["type"] == "integer" {
                    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(value)
                } else {
                    value
                };
                schema[keyword] = if keyword == "examples" { json!([value]) } else { value };
            }
        }
        schema["description"] = self.comment(field.parent_file().name(), field.path()).into();
        schema
    }

    /// One value of the field.
    fn one(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::String => self.text(field),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Uint32 => {
                let mut number = json!({"type": "integer"});
                if let Some(most) = rule(self.pool, field, "maximum") {
                    (number["minimum"], number["maximum"]) = (0.into(), most);
                }
                number
            }
            // As proto3 JSON has them; the remark says that this is the encoding's and no rule of a field.
            Kind::Int64 | Kind::Uint64 => {
                json!({"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "$comment": "a number of 64 bits"})
            }
            Kind::Enum(words) => json!({"type": "string", "enum": values(&words)}),
            Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
                json!({"type": "string", "format": "date-time", "$comment": "a time"})
            }
            Kind::Message(message) if message.full_name() == "google.protobuf.Duration" => {
                json!({"type": "string", "pattern": "^[0-9]+([.][0-9]{1,9})?s$", "$comment": "a duration"})
            }
            Kind::Message(message) if message.full_name() == "google.protobuf.FieldMask" => json!({"type": "string"}),
            Kind::Message(message) => {
                self.define(&message);
                json!({"$ref": format!("#/$defs/{}", name_of(&message))})
            }
            other => panic!("a {other:?} has no schema"),
        }
    }

    fn text(&self, field: &FieldDescriptor) -> Value {
        let mut text = json!({"type": "string"});
        for (name, keyword) in
            [("min_len", "minLength"), ("max_len", "maxLength"), ("pattern", "pattern"), ("values", "enum")]
        {
            if let Some(value) = rule(self.pool, field, name) {
                text[keyword] = value;
            }
        }
        text
    }

    fn comment(&self, file: &str, path: &[i32]) -> String {
        let comment = self.comments.get(&(file.to_owned(), path.to_vec())).map_or("", String::as_str);
        comment.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// `AuditEntry.Decision` of sendstores.v1.AuditEntry.Decision.
fn name_of(message: &MessageDescriptor) -> String {
    message.full_name().trim_start_matches("sendstores.v1.").to_owned()
}

/// Without the one that stands for no value.
fn values(words: &EnumDescriptor) -> Vec<String> {
    words.values().filter(|value| value.number() != 0).map(|value| value.name().to_owned()).collect()
}

/// A part of the field's rules, if it is there.
fn rule(pool: &DescriptorPool, field: &FieldDescriptor, name: &str) -> Option<Value> {
    use protox::prost_reflect::Value as Part;
    let extension = pool.get_extension_by_name("sendstores.v1.rules").expect("the extension");
    let options: DynamicMessage = field.options();
    if !options.has_extension(&extension) {
        return None;
    }
    let rules = options.get_extension(&extension).into_owned();
    let rules = rules.as_message().expect("a message");
    let part = rules.get_field_by_name(name).filter(|_| rules.has_field_by_name(name))?;
    match &*part {
        Part::Bool(flag) => Some((*flag).into()),
        Part::U32(number) => Some((*number).into()),
        Part::String(text) => Some(text.clone().into()),
        Part::List(texts) => Some(texts.iter().filter_map(|text| text.as_str().map(Value::from)).collect()),
        other => panic!("the rule {name} is a {other:?}"),
    }
}

fn comments(protos: &FileDescriptorSet) -> Comments {
    let mut comments = Comments::new();
    for file in &protos.file {
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            if let Some(comment) = &location.leading_comments {
                comments.insert((file.name().to_owned(), location.path.clone()), comment.clone());
            }
        }
    }
    comments
}
