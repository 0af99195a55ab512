//! Results that fit the window of an assistant.

use serde_json::{Map, Value};

/// Bytes of a whole result.
pub(crate) const RESULT: usize = 16 * 1024;

/// Bytes of what a result says, as JSON. It is sent twice, as structured content and as text, in which each quote takes a byte
/// more.
pub(crate) const MOST: usize = 7_200;

/// The longest text that is not cut, in bytes.
const SHORT: usize = 120;

/// Cuts the longest lists and texts until all together have at most `most` bytes. True if something was cut.
pub(crate) fn fit(parts: &mut [&mut Map<String, Value>], most: usize) -> bool {
    let mut cut = false;
    loop {
        let size: usize = parts.iter().map(|part| size_of(&Value::Object((**part).clone()))).sum();
        if size <= most {
            return cut;
        }
        let longest =
            parts.iter_mut().flat_map(|part| part.values_mut()).filter_map(longest).max_by_key(|(size, _)| *size);
        let Some((_, value)) = longest else { return cut };
        halve(value);
        cut = true;
    }
}

/// How many bytes a value has as JSON.
pub(crate) fn size_of(value: &Value) -> usize {
    value.to_string().len()
}

/// The list or text in `value` that is worth most to cut, with its size.
fn longest(value: &mut Value) -> Option<(usize, &mut Value)> {
    let own = match value {
        Value::String(text) if text.len() > SHORT => Some(text.len()),
        Value::Array(items) if items.len() > 1 => Some(size_of(value)),
        Value::Array(_) | Value::Object(_) => None,
        _ => return None,
    };
    if let Some(size) = own {
        return Some((size, value));
    }
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(fields) => Box::new(fields.values_mut()),
        _ => return None,
    };
    inner.filter_map(longest).max_by_key(|(size, _)| *size)
}

fn halve(value: &mut Value) {
    match value {
        Value::Array(items) => items.truncate(items.len() / 2),
        Value::String(text) => {
            let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            text.truncate(half);
            text.push('…');
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let mut small = object(json!({"a": [1, 2], "b": "x".repeat(200)}));
        let before = small.clone();
        assert!(!fit(&mut [&mut small], 1_000));
        assert_eq!(small, before);
    }

    #[test]
    fn the_longest_parts_are_cut_until_it_fits() {
        let mut one = object(
            json!({"id": "store-a", "stores": (0..500).collect::<Vec<_>>(), "deep": {"list": [["ü".repeat(9_000)]]}}),
        );
        let mut other = object(json!({"log": "é".repeat(20_000)}));
        assert!(fit(&mut [&mut one, &mut other], 4_000));
        let size = size_of(&Value::Object(one.clone())) + size_of(&Value::Object(other.clone()));
        assert!((1_500..=4_000).contains(&size), "{size}");
        assert_eq!(one["id"], "store-a");
        assert!(other["log"].as_str().expect("a text").ends_with('…'));
    }

    #[test]
    fn what_cannot_be_cut_ends() {
        let mut many: Map<_, _> = (0..1_000).map(|i| (format!("k{i}"), Value::from(i))).collect();
        assert!(!fit(&mut [&mut many], 100));
    }
}
