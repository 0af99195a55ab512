//! Keeps secrets out of what people read.

/// Long enough for a cause, short enough for a status.
const MAX_MESSAGE: usize = 900;

/// Words behind which a value follows that nobody needs to read.
const MARKERS: [&str; 7] = ["password", "passwd", "secret", "token", "authorization", "bearer", "api_key"];

/// One line fit for a human: no control characters, nothing that looks like a secret, not too long.
pub(crate) fn message(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = without_userinfo(&without_marked(&line));
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    ends_of(&clean)
}

/// Like [`message`], with `known` secrets taken out wherever they are.
pub(crate) fn message_without(text: &str, known: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in known.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[redacted]");
    }
    message(&text)
}

/// Takes out the word behind `password=`, `token:` and the like.
fn without_marked(line: &str) -> String {
    let mut hide_next = false;
    let words = line.split(' ').map(|word| {
        let lower = word.to_ascii_lowercase();
        if std::mem::take(&mut hide_next) && !word.is_empty() {
            // "authorization: Bearer VALUE": the scheme is not the value.
            hide_next = lower == "bearer" || lower == "basic";
            return if hide_next { word.to_owned() } else { "[redacted]".to_owned() };
        }
        let Some(end) = MARKERS.iter().filter_map(|marker| lower.find(marker).map(|at| at + marker.len())).max() else {
            return word.to_owned();
        };
        match lower[end..].find(['=', ':']).map(|at| end + at + 1) {
            Some(at) if at < word.len() => format!("{}[redacted]", &word[..at]),
            Some(_) => {
                hide_next = true;
                word.to_owned()
            }
            None => {
                hide_next = lower == "bearer";
                word.to_owned()
            }
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Takes `user:password@` out of addresses.
fn without_userinfo(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://[redacted]{}", &rest[at..]),
                None => word.to_owned(),
            }
        }
        None => word.to_owned(),
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
    format!("{head} ... {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert!(!message(text).contains(canary), "{text} -> {}", message(text));
        }
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
}
