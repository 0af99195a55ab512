//! Resources: what a user attaches to a conversation without a tool. Each is read with the rights of its caller.

use rmcp::{
    ErrorData,
    model::{
        CacheScope, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents,
        ResourceTemplate,
    },
};
use sendstores_client::{
    Client, Store, StoreView,
    v1::{ListRequest, Principal},
};

use serde_json::json;

use crate::{
    docs, render,
    server::{LIST_TTL, unanswered},
    tools::{Call, Trouble, read},
};

const STORES: &str = "sendstores://stores/";
const ERRORS: &str = "sendstores://errors/";

/// What the caller needs to read a store.
pub(crate) const STORES_NEED: &[&str] = &["stores.read"];

/// Stores on one page of the list.
const PAGE: i32 = 50;
/// The cursor of the page with the reasons, which follows those with the stores. A page token of stores comes after
/// [`OF_STORES`].
const OF_REASONS: &str = "reasons";
const OF_STORES: &str = "stores:";

/// How long a section of the documentation may be kept, in milliseconds: it changes with the program only.
const DOCS_TTL: u64 = 60 * 60 * 1000;

/// A resource, by its address.
#[derive(Debug, PartialEq, Eq)]
enum Address<'a> {
    Store(&'a str),
    Reason(&'a str),
}

// === impl Address ===

impl<'a> Address<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let named =
            |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let store = uri.strip_prefix(STORES).filter(named).map(Self::Store);
        store.or_else(|| uri.strip_prefix(ERRORS).filter(named).map(Self::Reason))
    }
}

/// A page of the stores that the caller may see, and after the last one the reasons of docs/errors.md.
pub(crate) async fn list(
    client: &Client,
    principal: &Principal,
    cursor: Option<String>,
) -> Result<ListResourcesResult, ErrorData> {
    let page_token = match cursor.as_deref() {
        None if may_read_stores(principal) => String::new(),
        None | Some(OF_REASONS) => return Ok(reasons()),
        Some(other) => match other.strip_prefix(OF_STORES) {
            Some(token) => token.to_owned(),
            None => {
                return Err(ErrorData::invalid_params("there is no such page; leave the cursor out to begin", None));
            }
        },
    };
    let view = StoreView::Basic.into();
    let request = ListRequest { page_size: PAGE, page_token, view, ..ListRequest::default() };
    let page = client.list_page(request).await.map_err(|error| refused(error.into()))?;
    let next = match page.next_page_token {
        token if token.is_empty() => OF_REASONS.to_owned(),
        token => format!("{OF_STORES}{token}"),
    };
    let mut list = ListResourcesResult::with_all_items(page.stores.iter().map(store).collect());
    (list.next_cursor, list.ttl_ms, list.cache_scope) = (Some(next), Some(0), Some(CacheScope::Private));
    Ok(list)
}

fn may_read_stores(principal: &Principal) -> bool {
    STORES_NEED.iter().all(|need| principal.permissions.iter().any(|has| has == need))
}

/// Without its title, which a merchant wrote.
fn store(store: &Store) -> Resource {
    let resource = Resource::new(format!("{STORES}{}", store.id), store.id.clone());
    resource.with_description(render::state(store)).with_mime_type("text/plain")
}

fn reasons() -> ListResourcesResult {
    let reason = |name: &str| Resource::new(format!("{ERRORS}{name}"), name).with_mime_type("text/markdown");
    let mut list = ListResourcesResult::with_all_items(docs::reasons().map(reason).collect());
    (list.ttl_ms, list.cache_scope) = (Some(LIST_TTL), Some(CacheScope::Private));
    list
}

/// The kinds of resources that the caller may read.
pub(crate) fn templates(principal: &Principal) -> ListResourceTemplatesResult {
    let store = ResourceTemplate::new(format!("{STORES}{{id}}"), "store")
        .with_title("Store")
        .with_description(
            "One store, as get_store shows it: state, URL, failure. Titles and labels are marked as data of others.",
        )
        .with_mime_type("text/plain");
    let reason = ResourceTemplate::new(format!("{ERRORS}{{reason}}"), "reason")
        .with_title("Reason")
        .with_description(
            "What a reason of a failure or of an error means, and what to do about it, such as QUOTA_EXCEEDED.",
        )
        .with_mime_type("text/markdown");
    let stores = may_read_stores(principal).then_some(store);
    let mut list = ListResourceTemplatesResult::with_all_items(stores.into_iter().chain([reason]).collect());
    (list.ttl_ms, list.cache_scope) = (Some(LIST_TTL), Some(CacheScope::Private));
    list
}

pub(crate) async fn read(call: &Call<'_>, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let missing = || {
        ErrorData::resource_not_found(
            "there is no such resource; resources/templates/list has the kinds there are",
            Some(json!({"uri": uri})),
        )
    };
    let (text, kind, ttl, scope) = match Address::parse(uri).ok_or_else(missing)? {
        Address::Store(id) => {
            let text = read::store_as_text(call, id).await.map_err(refused)?;
            (text, "text/plain", 0, CacheScope::Private)
        }
        Address::Reason(name) => {
            let section = docs::section(name).ok_or_else(missing)?;
            (format!("# {name}\n\n{section}\n"), "text/markdown", DOCS_TTL, CacheScope::Public)
        }
    };
    let contents = ResourceContents::text(text, uri).with_mime_type(kind);
    Ok(ReadResourceResult::new(vec![contents]).with_ttl_ms(ttl).with_cache_scope(scope))
}

/// The error of the API as one of the protocol, with its reason.
fn refused(trouble: Trouble) -> ErrorData {
    match &trouble {
        Trouble::Call(error) if matches!(**error, sendstores_client::Error::NotFound(_)) => {
            ErrorData::resource_not_found(trouble.text(), None)
        }
        Trouble::Call(error) if error.retryable() => unanswered(&trouble.text()),
        Trouble::Arguments(_) | Trouble::Call(_) | Trouble::Refused(_) => {
            ErrorData::invalid_params(trouble.text(), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_thing() {
        assert_eq!(Address::parse("sendstores://stores/store-a1"), Some(Address::Store("store-a1")));
        assert_eq!(Address::parse("sendstores://errors/QUOTA_EXCEEDED"), Some(Address::Reason("QUOTA_EXCEEDED")));
        for wrong in [
            "",
            "sendstores://",
            "sendstores://stores/",
            "sendstores://stores/a/b",
            "sendstores://stores/..",
            "store-a",
            "sendstores://stores/store-a?x",
            "sendstores://errors/A B",
            "file:///etc/passwd",
            "SENDSTORES://stores/a",
            "sendstores://stores/store-ä",
            "sendstores://tokens/a",
        ] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_list_of_reasons_fits() {
        let bytes = serde_json::to_vec(&reasons()).expect("JSON").len();
        assert!(bytes <= crate::fit::RESULT, "{bytes}");
        for name in docs::reasons() {
            assert!(docs::section(name).expect("a section").len() < crate::fit::RESULT / 2, "{name}");
        }
    }
}
