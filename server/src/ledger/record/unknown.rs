//! Fields of a record that this version does not know: found when it is read, and put back when it is written.
//!
//! They are kept by where they stand, because what they belong to may be gone by then: a step that a deletion has
//! replaced, or a failure that is over. An object within the record is found again by the fields that name it.

use sendstores_core::resource::UnknownFields;
use serde::{Deserialize, Serialize};
use serde_json::{Error, Map, Value};

/// The fields that name one object among others of its place, or at another time: a step, an evidence, a history entry, a failure,
/// an event, an operation.
const NAMES: [&str; 6] = ["name", "check", "what", "reason", "time", "id"];

type Object = Map<String, Value>;

/// What is not known of one object.
#[derive(Default, Serialize, Deserialize)]
struct Unknown {
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    fields: Object,
    /// Of the objects in its known fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part>,
}

/// What is not known of one object in a known field, which holds it alone or in a list.
#[derive(Serialize, Deserialize)]
struct Part {
    field: String,
    names: Object,
    /// Which one of those with these names.
    nth: usize,
    unknown: Unknown,
}

/// What `text` has beside `known`, the record of what was understood of it.
pub(super) fn beside(text: &[u8], known: &impl Serialize) -> Result<Option<UnknownFields>, Error> {
    let (Value::Object(read), Value::Object(mut known)) = (serde_json::from_slice(text)?, serde_json::to_value(known)?)
    else {
        return Ok(None);
    };
    let unknown = difference(read, &mut known);
    if unknown.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&unknown).map(UnknownFields::new).map(Some)
}

/// The text of `record` with `unknown` put back.
pub(super) fn put_back(record: &impl Serialize, unknown: &UnknownFields) -> Result<String, Error> {
    let mut value = serde_json::to_value(record)?;
    if let Value::Object(record) = &mut value {
        restore(record, serde_json::from_str(unknown.as_str())?);
    }
    serde_json::to_string(&value)
}

fn difference(read: Object, known: &mut Object) -> Unknown {
    let mut unknown = Unknown::default();
    for (field, value) in read {
        let Some(known) = known.get_mut(&field) else {
            unknown.fields.insert(field, value);
            continue;
        };
        let mut met: Vec<Object> = Vec::new();
        for object in into_objects(value) {
            let names = names(&object);
            let nth = met.iter().filter(|earlier| **earlier == names).count();
            met.push(names.clone());
            let Some(same) = nth_named(known, &names, nth) else { continue };
            let unknown_of_it = difference(object, same);
            if !unknown_of_it.is_empty() {
                unknown.parts.push(Part { field: field.clone(), names, nth, unknown: unknown_of_it });
            }
        }
    }
    unknown
}

fn restore(record: &mut Object, unknown: Unknown) {
    let Unknown { fields, parts } = unknown;
    for Part { field, names, nth, unknown } in parts {
        if let Some(same) = record.get_mut(&field).and_then(|there| nth_named(there, &names, nth)) {
            restore(same, unknown);
        }
    }
    for (field, value) in fields {
        record.entry(field).or_insert(value);
    }
}

/// The object that `value` is, or the objects in the list that it is.
fn objects(value: &mut Value) -> Vec<&mut Object> {
    match value {
        Value::Object(object) => vec![object],
        Value::Array(values) => values.iter_mut().filter_map(Value::as_object_mut).collect(),
        _ => Vec::new(),
    }
}

fn into_objects(value: Value) -> Vec<Object> {
    let object = |value| if let Value::Object(object) = value { Some(object) } else { None };
    match value {
        Value::Array(values) => values.into_iter().filter_map(object).collect(),
        value => object(value).into_iter().collect(),
    }
}

fn names(object: &Object) -> Object {
    NAMES
        .iter()
        .filter_map(|name| object.get_key_value(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn nth_named<'a>(value: &'a mut Value, names: &Object, nth: usize) -> Option<&'a mut Object> {
    objects(value).into_iter().filter(|object| self::names(object) == *names).nth(nth)
}

// === impl Unknown ===

impl Unknown {
    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.parts.is_empty()
    }
}
