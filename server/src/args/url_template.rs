//! The public address of a store, as a template.

use std::{fmt, str::FromStr};

use sendstores_core::{Invalid, StoreId};

/// `scheme://…{id}…[:port]`, where `{id}` stands for the store's id. No path: a store has its host for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(String);

// === impl UrlTemplate ===

impl UrlTemplate {
    pub fn url(&self, id: &StoreId) -> String {
        self.0.replace("{id}", id.as_str())
    }
}

impl FromStr for UrlTemplate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                "must be such as \"https://{id}.shops.example.com\": a scheme, a host with {id} once, an optional port",
            )
        };
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(refused)?;
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        let (before, behind) = host.split_once("{id}").ok_or_else(refused)?;
        let host_ok =
            |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        // A label may have 63 characters and an id has up to 40.
        if !host_ok(before)
            || !host_ok(behind)
            || before.len() > 20
            || host.len() > 200
            || !port_ok
            || host.ends_with('.')
        {
            return Err(refused());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_id_and_no_path() {
        for good in ["http://{id}.localhost:8080", "https://{id}.shops.example.com", "https://shop-{id}.example.com"] {
            assert!(UrlTemplate::from_str(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "{id}.x",
            "http://x",
            "http://{id}{id}.x",
            "http://{id}.x/",
            "http://{id}.x:0",
            "ftp://{id}.x",
            "http://{id}.X",
        ] {
            assert!(UrlTemplate::from_str(bad).is_err(), "{bad}");
        }
        let id = "store-a".parse().expect("valid");
        assert_eq!(
            UrlTemplate::from_str("http://{id}.localhost:81").expect("valid").url(&id),
            "http://store-a.localhost:81"
        );
    }
}
