//! By which host names a browser may call: the protection against DNS rebinding.
//!
//! A web page of an attacker can have its own name resolved to the address of this server, and then calls it from the
//! browser that has the page open: it is the same origin to the browser. The `Host` that the browser sends still has
//! the attacker's name. An address cannot be rebound, so that addresses are always allowed. Callers that are no browsers
//! speak HTTP/2 without TLS, which no browser does, and may send any `:authority`. Over TLS a browser speaks HTTP/2, too,
//! and refuses the certificate for the attacker's name.

use std::{net::IpAddr, str::FromStr};

use http::{
    HeaderValue, Request, Version,
    header::{CONTENT_TYPE, HOST},
    uri::Authority,
};

use super::status::Refusal;

/// The names in the `Host` of a request that a browser may have sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedHosts {
    /// All of them.
    #[default]
    Any,
    /// Loopback names, addresses, and these.
    Named(Vec<String>),
}

// === impl AllowedHosts ===

impl AllowedHosts {
    /// Refuses a request that may be a browser's and is for another name.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let Self::Named(names) = self else { return Ok(()) };
        if !may_be_of_a_browser(request) {
            return Ok(());
        }
        let host = host(request).unwrap_or_default();
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = name == "localhost" || name.ends_with(".localhost");
        if is_loopback || IpAddr::from_str(address).is_ok() || names.contains(&name) {
            return Ok(());
        }
        Err(Refusal::HostNotAllowed)
    }
}

/// Whether a request needs no translation from gRPC-Web. No browser can send such a one.
pub(super) fn is_plain_grpc<B>(request: &Request<B>) -> bool {
    let is_web = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc-web");
    request.version() == Version::HTTP_2 && !request.headers().get(CONTENT_TYPE).is_some_and(is_web)
}

fn may_be_of_a_browser<B>(request: &Request<B>) -> bool {
    !is_plain_grpc(request)
}

fn host<B>(request: &Request<B>) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.host().to_owned());
    }
    let given = request.headers().get(HOST)?.to_str().ok()?;
    Authority::from_str(given).ok().map(|authority| authority.host().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, host: Option<&str>, content_type: &str) -> Request<()> {
        let mut request = Request::builder().version(version).uri("/x").header(CONTENT_TYPE, content_type);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn browsers_come_by_loopback_names_addresses_and_names_that_are_given() {
        let hosts = AllowedHosts::Named(vec!["admin.example".to_owned()]);
        let check = |host| hosts.check(&request(Version::HTTP_11, host, "application/grpc-web+proto"));
        for good in ["localhost", "LOCALHOST:7443", "a.localhost:1", "127.0.0.1:7443", "[::1]:7443", "192.0.2.1"] {
            assert_eq!(check(Some(good)), Ok(()), "{good}");
        }
        for good in ["admin.example", "Admin.Example.:7443"] {
            assert_eq!(check(Some(good)), Ok(()), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "", "a b"] {
            assert_eq!(check(Some(bad)), Err(Refusal::HostNotAllowed), "{bad}");
        }
        assert_eq!(check(None), Err(Refusal::HostNotAllowed));
    }

    #[test]
    fn callers_that_are_no_browsers_may_send_any_name() {
        let named = AllowedHosts::Named(Vec::new());
        assert_eq!(named.check(&request(Version::HTTP_2, Some("x"), "application/grpc")), Ok(()));
        let web = request(Version::HTTP_2, Some("x"), "application/grpc-web");
        assert_eq!(named.check(&web), Err(Refusal::HostNotAllowed));
        assert_eq!(AllowedHosts::Any.check(&web), Ok(()));
    }
}
