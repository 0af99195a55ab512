//! The dashboard: three files that a browser loads from the port of the API. They are made from `dashboard/src` by
//! `scripts/dashboard` and are part of this program.

use std::{io::Write, sync::LazyLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
        VARY,
    },
};
use sha2::{Digest, Sha256};

/// Nothing runs in the page but its own script, and no text can become one (Trusted Types without a policy).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// What every response says to the browser.
const GUARDS: [(HeaderName, &str); 6] = [
    (HeaderName::from_static("content-security-policy"), POLICY),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The browser asks each time, and is answered 304. Names with a digest could be kept without asking, and would be missing
    // on a replica of another version while a new one is rolled out.
    (CACHE_CONTROL, "no-cache"),
];
const TEXT: &str = "text/plain; charset=utf-8";

/// One file, in both of its forms.
struct File {
    content_type: &'static str,
    plain: Form,
    gzipped: Form,
}

struct Form {
    bytes: Bytes,
    etag: String,
}

/// The path of each file. The first one is the page itself, which draws every view.
static FILES: LazyLock<[(&str, File); 3]> = LazyLock::new(|| {
    [
        ("/", File::new("text/html; charset=utf-8", include_bytes!("../../dashboard/dist/index.html"))),
        ("/assets/app.js", File::new("text/javascript; charset=utf-8", include_bytes!("../../dashboard/dist/app.js"))),
        ("/assets/app.css", File::new("text/css; charset=utf-8", include_bytes!("../../dashboard/dist/app.css"))),
    ]
});

// === impl File ===

impl File {
    fn new(content_type: &'static str, content: &'static [u8]) -> Self {
        let digest: String = Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let plain = Form { bytes: Bytes::from_static(content), etag: format!("\"{digest}\"") };
        let gzipped = Form { bytes: gzip(content), etag: format!("\"{digest}-gz\"") };
        Self { content_type, plain, gzipped }
    }
}

fn gzip(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _written = encoder.write_all(content);
    encoder.finish().unwrap_or_default().into()
}

/// Whether the request is for the dashboard: a GET of one of its files, or of a page. Calls are POSTs.
pub fn is_for<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_call =
        request.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    is_read
        && !is_call
        && (path == "/" || path.starts_with("/assets/") || has_item(request.headers(), &ACCEPT, "text/html"))
}

/// Answers a request for the dashboard.
pub fn answer<B>(request: &Request<B>) -> Response<Bytes> {
    let path = request.uri().path();
    let [page, ..] = &*FILES;
    let file = match FILES.iter().find(|(name, _)| *name == path) {
        Some((_, file)) => file,
        // A page in the place of a script would hide that the script is missing.
        None if path.starts_with("/assets/") => return word(StatusCode::NOT_FOUND, "there is no such file\n"),
        None => &page.1,
    };
    let headers = request.headers();
    let zipped = has_item(headers, &ACCEPT_ENCODING, "gzip");
    let form = if zipped { &file.gzipped } else { &file.plain };
    let known = [&file.gzipped, &file.plain].iter().any(|form| has_item(headers, &IF_NONE_MATCH, &form.etag));
    let mut response = if known { Response::default() } else { Response::new(form.bytes.clone()) };
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(form.bytes.len()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        if zipped {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&form.etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    if request.method() == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    guarded(response)
}

/// Answers a browser that came by a host name which it may not use.
pub fn wrong_host() -> Response<Bytes> {
    word(
        StatusCode::FORBIDDEN,
        "The operator has not allowed this host name for browsers. Use an IP address, localhost, or a name that the server \
         was started with (--allowed-host).\n",
    )
}

fn word(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    guarded(response)
}

fn guarded(mut response: Response<Bytes>) -> Response<Bytes> {
    for (name, value) in GUARDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a list of a header has the item. A weight of 0 says no.
fn has_item(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_wanted = parts.next().is_some_and(|item| {
            item.trim_start_matches("W/").eq_ignore_ascii_case(wanted) || (item == "*" && *name == IF_NONE_MATCH)
        });
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse().is_ok_and(|weight: f32| weight == 0.0))
        });
        is_wanted && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn get(path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::get(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).expect("a request")
    }

    #[test]
    fn reads_of_files_and_pages_are_for_the_dashboard_and_calls_are_not() {
        let html = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];
        for (path, headers) in
            [("/", &[][..]), ("/assets/app.js", &[]), ("/stores/store-a", &html), ("/stores/new", &html)]
        {
            assert!(is_for(&get(path, headers)), "{path}");
        }
        for (path, headers) in [
            ("/stores/store-a", &[("accept", "*/*")][..]),
            ("/mcp", &[("accept", "text/event-stream")]),
            ("/.well-known/oauth-protected-resource", &[("accept", "application/json")]),
            ("/", &[("content-type", "application/grpc")]),
            ("/x", &[("accept", "text/html;q=0")]),
        ] {
            assert!(!is_for(&get(path, headers)), "{path}");
        }
        let post = Request::post("/").header("accept", "text/html").body(()).expect("a request");
        assert!(!is_for(&post));
    }

    #[test]
    fn both_forms_are_the_same_file_and_each_has_its_own_tag() {
        for (path, _) in FILES.iter() {
            let plain = answer(&get(path, &[]));
            let zipped = answer(&get(path, &[("accept-encoding", "br;q=1.0, gzip;q=0.8")]));
            let mut unzipped = Vec::new();
            flate2::read::GzDecoder::new(&zipped.body()[..]).read_to_end(&mut unzipped).expect("gzip");
            assert_eq!(&unzipped[..], &plain.body()[..], "{path}");
            assert!(zipped.body().len() < plain.body().len(), "{path}");
            let tags = [&plain, &zipped].map(|response| response.headers()[ETAG].clone());
            assert_ne!(tags[0], tags[1], "{path}");
            assert!(answer(&get(path, &[("accept-encoding", "gzip;q=0")])).headers().get(CONTENT_ENCODING).is_none());
            for tag in tags {
                let known = answer(&get(path, &[("if-none-match", tag.to_str().expect("a tag"))]));
                assert_eq!((known.status(), known.body().len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
            }
        }
    }

    #[test]
    fn the_page_has_no_script_of_its_own() {
        let page = std::str::from_utf8(include_bytes!("../../dashboard/dist/index.html")).expect("text");
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" src=\"/assets/app.js\">").count()
        );
        for inline in ["<style", " style=", " onload=", "http://www.w3.org/1999", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }
}
