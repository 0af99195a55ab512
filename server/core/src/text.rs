//! Parsing text from outside: to parse is to validate.

use std::{error::Error, fmt};

/// Why a text was refused: a sentence for the caller, without the refused text (it may be huge or hostile).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

// === impl Invalid ===

impl Invalid {
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// An error with everything that caused it, on one line: the causes often say more than the error.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Checks length in characters and that there is no control character, line break or direction override.
pub(crate) fn plain_line(text: &str, max: usize) -> Result<&str, Invalid> {
    if !text.chars().any(is_visible) {
        return Err(Invalid::new("must not be blank"));
    }
    if text.chars().count() > max {
        return Err(Invalid::new(format_args!("must have {max} characters at most")));
    }
    if text.chars().any(is_unprintable) {
        return Err(Invalid::new("must not contain control characters, line breaks or text direction marks"));
    }
    Ok(text)
}

/// Whether a character leaves a mark on the page. Some that Unicode has among the letters do not.
fn is_visible(c: char) -> bool {
    let blank = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !blank && !c.is_whitespace() && !is_unprintable(c)
}

/// Control characters, line breaks and marks that change the direction of text: what moves a cursor, or shows a text as
/// something else than it is.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Checks a name made of `allowed` characters that begins and ends with a letter or digit.
pub(crate) fn name(text: &str, max: usize, allowed: fn(char) -> bool, described: &str) -> Result<(), Invalid> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if text.len() > max || !text.chars().all(allowed) || !edge(text.chars().next()) || !edge(text.chars().last()) {
        return Err(Invalid::new(format_args!(
            "must be 1 to {max} of {described}, beginning and ending with a letter or digit"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_has_no_way_to_break_out_of_its_line() {
        for bad in ["", "  ", "a\nb", "a\0", "\u{202e}evil", "a\u{2028}b", "\u{7f}"] {
            assert!(plain_line(bad, 10).is_err(), "{bad:?}");
        }
        for good in ["Käse & Brot", "--title=x", "{{ .Values }}", "'\"\\"] {
            assert!(plain_line(good, 20).is_ok(), "{good:?}");
        }
        assert!(plain_line("12345678901", 10).is_err());
    }

    #[test]
    fn a_plain_line_shows_something() {
        for blank in
            ["\u{200b}\u{200b}", "\u{3164}", "\u{2800}", "\u{ad}", "\u{115f}", "\u{ffa0} ", "\u{200d}", "\u{fe0f}"]
        {
            assert_eq!(plain_line(blank, 10), Err(Invalid::new("must not be blank")), "{blank:?}");
        }
        assert!(plain_line("\u{61c} Tea", 10).is_err(), "a direction mark");
        // A family joined into one picture, Persian with its non-joiner, and as many pictures as there is room for.
        let pictures = "\u{1f600}".repeat(100);
        for good in
            ["\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}", &pictures]
        {
            assert_eq!(plain_line(good, 100), Ok(good));
        }
    }
}
