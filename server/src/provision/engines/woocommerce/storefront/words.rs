//! What a page says to a reader: its title and the text of its body. A page that ends with an error most often says why, after
//! two hundred characters of markup.

/// How much of a page is read, in bytes.
const READ: usize = 64 * 1024;
/// How much of its words is shown, in characters.
const SHOWN: usize = 240;
/// Elements whose content is not shown.
const UNREAD: [&str; 5] = ["script", "style", "noscript", "template", "svg"];
const ENTITIES: [(&str, &str); 9] = [
    ("&nbsp;", " "),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#039;", "'"),
    ("&#8217;", "'"),
    ("&rsaquo;", ">"),
    ("&#8211;", "-"),
    ("&amp;", "&"),
];

/// The words of a page, on one line; those of a text that is no page, as they are.
pub(in crate::provision::engines::woocommerce) fn of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..READ).unwrap_or(body));
    let lower = text.to_ascii_lowercase();
    let title = element(&text, &lower, "title").map(|title| plain(&unescaped(title)));
    let body = match lower.find("<body").or_else(|| lower.find("</head>")) {
        Some(at) => text.get(at..).unwrap_or_default(),
        None => &text,
    };
    let said = plain(&unescaped(&without_tags(body)));
    let words = match title.filter(|title| !title.is_empty() && !said.starts_with(title.as_str())) {
        Some(title) if said.is_empty() => title,
        Some(title) => format!("{title}: {said}"),
        None => said,
    };
    words.chars().take(SHOWN).collect()
}

/// The content of the first element of this name. `lower` is `text` in lower case.
fn element<'a>(text: &'a str, lower: &str, name: &str) -> Option<&'a str> {
    let open = lower.find(&format!("<{name}"))?;
    let begin = open + lower.get(open..)?.find('>')? + 1;
    let end = begin + lower.get(begin..)?.find(&format!("</{name}"))?;
    text.get(begin..end)
}

fn without_tags(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let (mut words, mut at) = (String::with_capacity(page.len() / 2), 0);
    while let Some(open) = page.get(at..).and_then(|rest| rest.find('<')).map(|open| at + open) {
        words.push_str(page.get(at..open).unwrap_or_default());
        words.push(' ');
        let rest = lower.get(open + 1..).unwrap_or_default();
        let skipped = match UNREAD.iter().find(|name| is_named(rest, name)) {
            Some(name) => rest.find(&format!("</{name}")),
            None if rest.starts_with("!--") => rest.find("--"),
            None => Some(0),
        };
        // A tag that is not closed ends the page.
        let end = skipped.and_then(|skipped| Some(skipped + rest.get(skipped..)?.find('>')?));
        at = end.map_or(page.len(), |end| open + 1 + end + 1);
    }
    words.push_str(page.get(at..).unwrap_or_default());
    words
}

fn is_named(tag: &str, name: &str) -> bool {
    tag.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| !c.is_ascii_alphanumeric()))
}

fn unescaped(text: &str) -> String {
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    #[test]
    fn a_page_says_its_title_and_text_without_its_markup() {
        let head = "<!DOCTYPE html><html><head><title>WordPress &rsaquo; Error</title><style>body{color:#fff}</style>\
            <script>var a = '<b>';</script></head>";
        let page = format!(
            "{head}<body id=\"error-page\"><!-- x --><div><p>Redis &amp; co:\n  no route</p></div></body></html>"
        );
        assert_eq!(of(page.as_bytes()), "WordPress > Error: Redis & co: no route");
        for (page, words) in [
            ("Error establishing a database connection", "Error establishing a database connection"),
            ("<h1>Error establishing</h1> a <b>connection</b>", "Error establishing a connection"),
            ("<html><head><title>Down</title></head><body></body></html>", "Down"),
            ("<body>a<script>b", "a"),
            ("<body>a < b", "a"),
            ("", ""),
        ] {
            assert_eq!(of(page.as_bytes()), words, "{page}");
        }
        assert_eq!(of("é".repeat(50_000).as_bytes()).chars().count(), SHOWN);
    }

    #[test]
    fn no_page_ends_anything() {
        let page = serde_json::json!("<title>a</title><body><script>b</script>&amp;<!-- c --> d</body>");
        hostile::check(&hostile::body(page), |body| {
            assert!(of(&body).chars().count() <= SHOWN);
        });
        hostile::huge().iter().for_each(|body| drop(of(body)));
    }
}
