//! What is wrong with the fields of a request, as much of it as a status can carry.
//!
//! The details of a status are a header, and clients refuse a response whose headers are larger than what they expect
//! (16 KiB for tonic, 8 KiB for gRPC in C): its caller would see a broken transport instead of the reason.

use tonic_types::FieldViolation;

/// Bytes of all violations that are named together. Encoded as a header they are a third more.
const MOST: usize = 3 * 1024;
/// Characters of the path of a field, which may have a key that the caller chose.
const FIELD: usize = 160;
/// Characters of a description.
const DESCRIPTION: usize = 320;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Path of the field in the request, as in `spec.shop.currency`.
    pub(super) field: String,
    pub(super) description: String,
}

/// As many of the first violations as there is room for, and how many are left out.
pub(super) fn named(violations: &[Violation]) -> (Vec<FieldViolation>, usize) {
    let mut room = MOST;
    let mut named = Vec::new();
    for violation in violations {
        let Violation { field, description } = violation.shortened();
        let Some(left) = room.checked_sub(field.len() + description.len()) else { break };
        room = left;
        named.push(FieldViolation::new(field, description));
    }
    let left_out = violations.len() - named.len();
    (named, left_out)
}

/// The first violation, and how many there are.
pub(super) fn summary(violations: &[Violation]) -> String {
    let Some((first, rest)) = violations.split_first() else { return "a field is invalid".to_owned() };
    let Violation { field, description } = first.shortened();
    match rest.len() {
        0 => format!("{field}: {description}"),
        more => format!("{field}: {description} (and {more} more, see the details)"),
    }
}

// === impl Violation ===

impl Violation {
    fn shortened(&self) -> Self {
        Self { field: cut(&self.field, FIELD), description: cut(&self.description, DESCRIPTION) }
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(field: impl Into<String>, description: impl Into<String>) -> Violation {
        Violation { field: field.into(), description: description.into() }
    }

    #[test]
    fn many_violations_are_named_as_far_as_there_is_room_and_the_rest_is_counted() {
        let all: Vec<_> = (0..100).map(|n| violation(format!("filter.ids[{n}]"), "é".repeat(100))).collect();
        let (shown, left_out) = named(&all);
        let bytes: usize = shown.iter().map(|shown| shown.field.len() + shown.description.len()).sum();
        assert!(bytes <= MOST && bytes > MOST - 300, "{bytes} bytes");
        assert_eq!(shown.len() + left_out, 100);
        assert_eq!(shown[0].field, "filter.ids[0]");
    }

    #[test]
    fn a_text_that_the_caller_chose_is_cut_between_characters() {
        let huge = [violation("ü".repeat(50_000), "ß".repeat(50_000))];
        let (shown, left_out) = named(&huge);
        assert_eq!((shown[0].field.chars().count(), left_out), (FIELD + 3, 0));
        assert!(summary(&huge).chars().count() < FIELD + DESCRIPTION + 20);
    }

    #[test]
    fn few_violations_are_named_as_they_are() {
        let both = [violation("a", "is wrong"), violation("b", "is wrong too")];
        let (shown, left_out) = named(&both);
        assert_eq!(left_out, 0);
        assert_eq!((shown[1].field.as_str(), shown[1].description.as_str()), ("b", "is wrong too"));
        assert_eq!(summary(&both), "a: is wrong (and 1 more, see the details)");
        assert_eq!(summary(&both[..1]), "a: is wrong");
    }
}
