//! What a client needs to know to get a token by itself (OAuth 2.0 Protected Resource Metadata, RFC 9728).

use http::{HeaderValue, Uri};
use serde_json::json;

use crate::http::PATH;

/// Where the document is: at this path of the server's own, followed by that of the tools.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
/// The tools as something that issuers make tokens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProtectedResource {
    /// The URL of the tools, which a token must have as its audience.
    url: String,
    issuers: Vec<String>,
}

// === impl ProtectedResource ===

impl ProtectedResource {
    /// `None` unless one of the audiences is the URL of the tools: a client asks for a token for that URL, and the server takes
    /// none that is for another.
    pub(crate) fn of(issuers: Vec<String>, audiences: &[String]) -> Option<Self> {
        let url = audiences.iter().find(|audience| is_url_of_tools(audience))?.clone();
        (!issuers.is_empty()).then_some(Self { url, issuers })
    }

    /// Whether a request is for the document.
    pub(crate) fn is_at(path: &str) -> bool {
        path.strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest == PATH)
    }

    pub(crate) fn document(&self) -> String {
        let document = json!({
            "resource": self.url,
            "authorization_servers": self.issuers,
            "bearer_methods_supported": ["header"],
            "resource_name": "SendStores",
        });
        document.to_string()
    }

    /// Names the document to a client that came without a token that is taken.
    pub(crate) fn challenge(&self) -> Option<HeaderValue> {
        let origin = self.url.strip_suffix(PATH)?;
        HeaderValue::try_from(format!("Bearer resource_metadata=\"{origin}{WELL_KNOWN}{PATH}\"")).ok()
    }
}

fn is_url_of_tools(audience: &str) -> bool {
    let Ok(uri) = audience.parse::<Uri>() else { return false };
    let is_web = matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty());
    // A quote would end the parameter of the challenge.
    is_web && uri.path() == PATH && uri.query().is_none() && !audience.contains(['"', '\\', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(audiences: &[&str]) -> Option<ProtectedResource> {
        let audiences: Vec<_> = audiences.iter().map(|text| (*text).to_owned()).collect();
        ProtectedResource::of(vec!["https://id.example.org/realm".to_owned()], &audiences)
    }

    #[test]
    fn an_audience_that_is_the_url_of_the_tools_makes_the_document() {
        let resource = resource(&["sendstores", "https://stores.example.org:8443/mcp"]).expect("a resource");
        let document: serde_json::Value = serde_json::from_str(&resource.document()).expect("JSON");
        assert_eq!(document["resource"], "https://stores.example.org:8443/mcp");
        assert_eq!(document["authorization_servers"], json!(["https://id.example.org/realm"]));
        let challenge =
            "Bearer resource_metadata=\"https://stores.example.org:8443/.well-known/oauth-protected-resource/mcp\"";
        assert_eq!(resource.challenge().expect("a header"), challenge);
    }

    #[test]
    fn nothing_else_does() {
        for other in [
            "sendstores",
            "/mcp",
            "https://a.example",
            "https://a.example/mcp/",
            "https://a.example/mcp?x",
            "ftp://a.example/mcp",
            "https://a.example/v1/mcp",
            "mcp",
        ] {
            assert_eq!(resource(&[other]), None, "{other}");
        }
        assert_eq!(ProtectedResource::of(Vec::new(), &["https://a.example/mcp".to_owned()]), None);
        for path in [WELL_KNOWN, "/.well-known/oauth-protected-resource/mcp"] {
            assert!(ProtectedResource::is_at(path));
        }
        for path in
            ["/mcp", "/.well-known/oauth-protected-resource/", "/.well-known/oauth-protected-resource/other", "/"]
        {
            assert!(!ProtectedResource::is_at(path), "{path}");
        }
    }
}
