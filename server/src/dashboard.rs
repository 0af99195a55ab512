//! The dashboard: three files that a browser loads from the port of the API. They are made from `dashboard/src` by
//! `scripts/dashboard` and are part of this program.

use std::{io::Write, sync::LazyLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
    },
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What every response says to the browser, beside its policy.
const GUARDS: [(HeaderName, &str); 5] = [
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The browser asks each time, and is answered 304. Names with a digest could be kept without asking, and would be missing
    // on a replica of another version while a new one is rolled out.
    (CACHE_CONTROL, "no-cache"),
];
/// The path of [`Logins`].
const LOGIN: &str = "/assets/login.json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where people log in: a public client of an issuer of OpenID Connect.
#[derive(Clone, Debug, Serialize)]
pub struct Login {
    /// URL of the issuer.
    pub issuer: String,
    pub client_id: String,
    /// Separated by spaces.
    pub scopes: String,
}

/// The dashboard as it is configured.
pub struct Dashboard {
    policy: HeaderValue,
    /// What the page asks for before somebody logs in.
    login: File,
}

/// What the page reads at [`LOGIN`].
#[derive(Serialize)]
struct Logins<'a> {
    oidc: Option<&'a Login>,
}

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
    let file = |content_type, content| File::new(content_type, Bytes::from_static(content));
    [
        ("/", file("text/html; charset=utf-8", include_bytes!("../../dashboard/dist/index.html"))),
        ("/assets/app.js", file("text/javascript; charset=utf-8", include_bytes!("../../dashboard/dist/app.js"))),
        ("/assets/app.css", file("text/css; charset=utf-8", include_bytes!("../../dashboard/dist/app.css"))),
    ]
});

// === impl File ===

impl File {
    fn new(content_type: &'static str, content: Bytes) -> Self {
        let digest: String = Sha256::digest(&content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let gzipped = Form { bytes: gzip(&content), etag: format!("\"{digest}-gz\"") };
        let plain = Form { bytes: content, etag: format!("\"{digest}\"") };
        Self { content_type, plain, gzipped }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let headers = request.headers();
        let zipped = has_item(headers, &ACCEPT_ENCODING, "gzip");
        let form = if zipped { &self.gzipped } else { &self.plain };
        let known = [&self.gzipped, &self.plain].iter().any(|form| has_item(headers, &IF_NONE_MATCH, &form.etag));
        let mut response = if known { Response::default() } else { Response::new(form.bytes.clone()) };
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(form.bytes.len()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
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
        response
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

// === impl Dashboard ===

impl Dashboard {
    /// `login`: where people can log in; without it they paste a token.
    pub fn new(login: Option<&Login>) -> Self {
        let issuer = login.and_then(|login| origin(&login.issuer)).unwrap_or_default();
        let policy =
            HeaderValue::from_str(&policy(&issuer)).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        let logins = serde_json::to_vec(&Logins { oidc: login }).unwrap_or_default();
        Self { policy, login: File::new("application/json", logins.into()) }
    }

    /// Answers a request for the dashboard.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let path = request.uri().path();
        let [page, ..] = &*FILES;
        let file = match FILES.iter().find(|(name, _)| *name == path) {
            Some((_, file)) => file,
            None if path == LOGIN => &self.login,
            // A page in the place of a script would hide that the script is missing.
            None if path.starts_with("/assets/") => {
                return self.guarded(word(StatusCode::NOT_FOUND, "there is no such file\n"));
            }
            None => &page.1,
        };
        self.guarded(file.answer(request))
    }

    /// Answers a browser that came by a host name which it may not use.
    pub fn wrong_host(&self) -> Response<Bytes> {
        self.guarded(word(
            StatusCode::FORBIDDEN,
            "The operator has not allowed this host name for browsers. Use an IP address, localhost, or a name that the \
             server was started with (--allowed-host).\n",
        ))
    }

    fn guarded(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in GUARDS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Nothing runs in the page but its own script, and no text can become one (Trusted Types without a policy). It asks this
/// server and the issuer alone.
fn policy(issuer: &str) -> String {
    let connect = format!("connect-src 'self' {issuer}");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; {}; img-src 'self' data:; form-action 'none'; base-uri \
         'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        connect.trim_end()
    )
}

/// The origin of a URL. `None`: it has none that a policy could name.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    authority.bytes().all(is_plain).then(|| format!("{scheme}://{authority}"))
}

fn word(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
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

    fn answer(request: &Request<()>) -> Response<Bytes> {
        Dashboard::new(None).answer(request)
    }

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

    #[test]
    fn the_page_may_ask_the_issuer_and_no_other_host() {
        let login = |issuer: &str| {
            let (client_id, scopes) = ("sendstores".to_owned(), "openid".to_owned());
            Dashboard::new(Some(&Login { issuer: issuer.to_owned(), client_id, scopes })).answer(&get(LOGIN, &[]))
        };
        let connect = |response: &Response<Bytes>| {
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
            policy.split("; ").find(|part| part.starts_with("connect-src")).expect("the directive").to_owned()
        };
        let response = login("https://id.example.com:8443/realms/a");
        assert_eq!(connect(&response), "connect-src 'self' https://id.example.com:8443");
        let wanted =
            r#"{"oidc":{"issuer":"https://id.example.com:8443/realms/a","client_id":"sendstores","scopes":"openid"}}"#;
        assert_eq!(&response.body()[..], wanted.as_bytes());
        for sly in ["https://a;script-src/*", "https://a,b", "no url"] {
            assert_eq!(connect(&login(sly)), "connect-src 'self'", "{sly}");
        }
        let without = Dashboard::new(None).answer(&get(LOGIN, &[]));
        assert_eq!((connect(&without).as_str(), &without.body()[..]), ("connect-src 'self'", &br#"{"oidc":null}"#[..]));
    }
}
