//! The public address of a store, as a template.

use std::{fmt, str::FromStr};

use sendstores_core::{Invalid, StoreId, host};

/// What stands for the store's id.
const ID: &str = "{id}";

/// `scheme://…{id}…[:port]`, where `{id}` stands for the store's id. No path: a store has its host for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(String);

// === impl UrlTemplate ===

impl UrlTemplate {
    pub fn url(&self, id: &StoreId) -> String {
        self.0.replace(ID, id.as_str())
    }

    /// The id of the store that would have `host`, whether or not there is one. `None`: no store's address has it.
    pub fn id_of(&self, host: &str) -> Option<StoreId> {
        let (_, rest) = self.0.split_once("://")?;
        let (before, after) = rest.split_once(ID)?;
        let after = after.split_once(':').map_or(after, |(after, _)| after);
        host.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    }
}

impl FromStr for UrlTemplate {
    type Err = Invalid;

    /// Checked with the longest id, so that no id makes an address that an Ingress or a browser refuses.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                "must be such as \"https://{id}.shops.example.com\": a scheme, a host with {id} once, an optional port",
            )
        };
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(refused)?;
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        let (before, after) = host.split_once(ID).ok_or_else(refused)?;
        if after.contains(ID) || !port.is_none_or(is_port) {
            return Err(refused());
        }
        let longest = format!("{:x<1$}", StoreId::PREFIX, StoreId::MAX_LENGTH);
        host::check(&format!("{before}{longest}{after}")).map_err(|why| {
            Invalid::new(format_args!("{why} (with the longest id of a store, {} characters)", StoreId::MAX_LENGTH))
        })?;
        Ok(Self(text.to_owned()))
    }
}

/// A port as an address has it: a number from 1 without a sign or leading zeros.
fn is_port(text: &str) -> bool {
    text.starts_with(|c: char| matches!(c, '1'..='9')) && text.parse::<u16>().is_ok()
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
    fn the_longest_id_makes_a_host_name() {
        let parts = "b".repeat(63 - StoreId::MAX_LENGTH);
        assert!(UrlTemplate::from_str(&format!("https://{{id}}{parts}.example.com")).is_ok());
        let deep = format!("https://{{id}}{}", ".abcdefghi".repeat(22));
        for (bad, why) in [
            ("https://{id}-shop-eu-central-production.example.com", "a label of 67 characters"),
            (&format!("https://{{id}}{parts}b.example.com"), "a label of 64 characters"),
            (&format!("https://{{id}}.{}.example.com", "b".repeat(64)), "a label of 64 characters"),
            ("https://{id}..example.com", "empty label"),
            ("https://{id}-.example.com", "begins or ends"),
            ("https://-{id}.example.com", "begins or ends"),
            ("https://{id}.-x.example.com", "begins or ends"),
            ("https://{id}.example.com.", "empty label"),
            (&deep, "of 260 characters"),
        ] {
            let refused = UrlTemplate::from_str(bad).expect_err(bad).to_string();
            assert!(refused.contains(why), "{bad}: {refused}");
        }
    }

    #[test]
    fn a_host_says_whose_it_is() {
        for template in ["http://{id}.localhost:8080", "https://shop-{id}.example.com"] {
            let template = UrlTemplate::from_str(template).expect("valid");
            let id = "store-a".parse().expect("valid");
            let url = template.url(&id);
            let host = url.split("://").nth(1).and_then(|rest| rest.split(':').next()).expect("a host");
            assert_eq!(template.id_of(host), Some(id), "{template}");
            for other in [
                "",
                "example.com",
                "store-a",
                "x.store-a.localhost",
                "store-_.localhost",
                "store-a.localhost.",
                host.trim_end_matches('m'),
            ] {
                let found = template.id_of(other).map(|id| id.to_string());
                assert!(other == host || found.is_none(), "{template} {other:?}: {found:?}");
            }
        }
    }

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
            "http://{id}.x:+80",
            "http://{id}.x:080",
            "http://{id}.x:",
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
