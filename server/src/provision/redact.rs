//! Keeps secrets out of what people read.

use std::cmp::Reverse;

use sendstores_core::text;

/// Long enough for a cause, short enough for a status.
const MAX_MESSAGE: usize = 900;
const ELLIPSIS: &str = " ... ";
/// The most characters of a message.
#[cfg(test)]
pub(crate) const LONGEST: usize = MAX_MESSAGE + ELLIPSIS.len();

/// Words after which a secret value follows.
const MARKERS: [&str; 7] = ["password", "passwd", "secret", "token", "authorization", "bearer", "api_key"];

/// One line fit for a human: no control characters or direction marks, nothing that looks like a secret, and not
/// more than some 900 characters.
pub(crate) fn message(text: &str) -> String {
    message_without(text, &[])
}

/// Like [`message`], with `known` secrets taken out wherever they are.
pub(crate) fn message_without(text: &str, known: &[&str]) -> String {
    // First of all: a character that is taken out may stand within a secret, or within the word before it.
    let printable: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(is_printable).collect();
    let mut line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    // The longest first, since one may be the beginning of another.
    let mut known: Vec<&str> = known.iter().copied().filter(|secret| !secret.is_empty()).collect();
    known.sort_by_key(|secret| Reverse(secret.len()));
    for secret in known {
        line = line.replace(secret, "[redacted]");
    }
    ends_of(&without_userinfo(&without_marked(&line)))
}

/// Like [`message`], and at most `most` characters: for a single word of the cluster.
pub(crate) fn short(text: &str, most: usize) -> String {
    message(text).chars().take(most).collect()
}

fn is_printable(c: &char) -> bool {
    !text::is_unprintable(*c)
}

/// Takes out what follows `password=`, `token:` and the like: the rest of the word, or the next one.
fn without_marked(line: &str) -> String {
    let mut hide_next = false;
    let words = line.split(' ').map(|word| {
        let lower = word.to_ascii_lowercase();
        if std::mem::take(&mut hide_next) && !word.is_empty() {
            // "authorization: Bearer VALUE": the scheme is not the value.
            hide_next = ends_in_scheme(&lower);
            return if hide_next { word.to_owned() } else { "[redacted]".to_owned() };
        }
        // The first of them: what follows it may hold another.
        let Some(end) = MARKERS.iter().filter_map(|marker| lower.find(marker).map(|at| at + marker.len())).min() else {
            return word.to_owned();
        };
        match lower[end..].find(['=', ':']).map(|at| end + at + 1) {
            Some(at) if at < word.len() => {
                hide_next = ends_in_scheme(&lower[at..]);
                format!("{}[redacted]", &word[..at])
            }
            Some(_) => {
                hide_next = true;
                word.to_owned()
            }
            None => {
                hide_next = lower.ends_with("bearer");
                word.to_owned()
            }
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `Bearer`, also in quotes and after other words: the value comes next.
fn ends_in_scheme(lower: &str) -> bool {
    let last = lower.rsplit(|c: char| !c.is_alphanumeric()).find(|part| !part.is_empty());
    matches!(last, Some("bearer" | "basic"))
}

/// Takes `user:password@` out of addresses, also of those within other addresses.
fn without_userinfo(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let mut parts = word.split("://");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |before, part| {
            let end = part.find(['/', '?', '#']).unwrap_or(part.len());
            match part[..end].rfind('@') {
                Some(at) => format!("{before}://[redacted]{}", &part[at..]),
                None => format!("{before}://{part}"),
            }
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Beginning and end of a long text: the one says what was done, the other what came of it.
fn ends_of(text: &str) -> String {
    let count = text.chars().count();
    if count <= MAX_MESSAGE {
        return text.to_owned();
    }
    let half = MAX_MESSAGE / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(count - half).collect();
    format!("{head}{ELLIPSIS}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    #[test]
    fn secrets_do_not_survive() {
        let canary = "S3cretCanary";
        for text in [
            "password=S3cretCanary",
            "MYSQL_PASSWORD: S3cretCanary",
            "--admin_password=S3cretCanary --x",
            "Authorization: Bearer S3cretCanary",
            "token: S3cretCanary, next",
            "GET https://user:S3cretCanary@host/path",
            "https://S3cretCanary@host",
            "{\"password\":\"S3cretCanary\"}",
            "bearer S3cretCanary",
            "password=S3cretCanary&token",
            "{\"Authorization\":\"Bearer S3cretCanary\"}",
            "Authorization: \"Basic S3cretCanary\"",
            "GET http://a/?to=https://user:S3cretCanary@host/path",
        ] {
            assert!(!message(text).contains(canary), "{text} -> {}", message(text));
        }
        for text in
            ["pass\0word=S3cretCanary", "S3cret\u{7}Canary", "S3cret\u{202e}Canary", "\u{feff}token: S3cretCanary"]
        {
            assert!(!message_without(text, &[canary]).contains(canary), "{text:?}");
        }
        assert_eq!(message_without("it is S3cretCanary", &["S3cret", canary]), "it is [redacted]");
        assert_eq!(message("gnp.\u{202e}exe\u{2028}x"), "gnp.exe x");
        assert_eq!(message_without("it is S3cretCanary!", &["", canary]), "it is [redacted]!");
    }

    #[test]
    fn plain_causes_stay_readable() {
        let text = "Error: cannot pull\n  image \"a/b:c\": 404\u{7}";
        assert_eq!(message(text), "Error: cannot pull image \"a/b:c\": 404");
        assert_eq!(message("secrets \"store-credentials\" not found"), "secrets \"store-credentials\" not found");
    }

    #[test]
    fn long_texts_keep_both_ends() {
        let text = format!("begin{}end", "ä".repeat(5000));
        let short = message(&text);
        assert!(short.chars().count() <= MAX_MESSAGE + 5, "{}", short.chars().count());
        assert!(short.starts_with("begin") && short.ends_with("end"));
    }

    #[test]
    fn whatever_is_shown_is_short_and_holds_no_secret() {
        hostile::check(&hostile::text_with_secret(), |text| {
            let shown = message_without(&text, &[hostile::KNOWN]);
            hostile::assert_fit(&shown, LONGEST);
            assert!(!shown.contains(hostile::KNOWN), "{shown:?}");
            hostile::assert_fit(&short(&text, 64), 64);
        });
        let [.., huge] = hostile::huge();
        hostile::assert_fit(&message(&String::from_utf8_lossy(&huge)), LONGEST);
    }
}
