//! What docs/errors.md says of a reason.

const ERRORS: &str = include_str!("../../docs/errors.md");

/// The longest part of a section, in characters.
const LONGEST: usize = 4_000;

/// The section of the reason, without its heading. `None`: there is none.
pub(crate) fn section(reason: &str) -> Option<String> {
    let heading = format!("### {reason}");
    let mut lines = ERRORS.lines().skip_while(|line| *line != heading);
    lines.next()?;
    let text: Vec<_> = lines.take_while(|line| !line.starts_with("## ") && !line.starts_with("### ")).collect();
    Some(text.join("\n").trim().chars().take(LONGEST).collect())
}

/// Every reason that has a section.
pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    let headings = ERRORS.lines().filter_map(|line| line.strip_prefix("### "));
    headings.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_text() {
        assert!(reasons().count() > 50);
        for reason in reasons() {
            assert!(section(reason).is_some_and(|text| text.len() > 20), "{reason}");
        }
        assert!(section("INVALID_FIELD").expect("a section").contains("BadRequest"));
        assert_eq!(section("NO_SUCH_REASON"), None);
        assert_eq!(section(""), None);
    }
}
