//! Opaque texts that callers carry for us: page tokens, resume tokens, etags.
//!
//! Each is bound to what it was made for and carries a checksum, so that damage and misuse differ from an honest
//! token. A token grants nothing: what it leads to is checked on every call, and whose stores it leads to is the caller's.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sendstores_core::{Backup, Listing, Place, Revision, Scope, Store, StoreFilter, TenantId, Timestamp};
use sha2::{Digest, Sha256};

use super::status::Refusal;
use crate::mirror::Position;

/// Bytes of the checksum: enough to catch accidents and guessing alike.
const CHECK: usize = 8;

/// Where the next page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextPage {
    /// What the first page was as new as: the whole list can be watched on from there.
    pub(super) first: Position,
    /// Where the last store of the page before is.
    pub(super) after: Place,
}

/// For `listing` only. That of a plain list is as it was before lists could be ordered: a version before reads it.
pub(super) fn page(next: &NextPage, listing: &Listing) -> String {
    let NextPage { first: Position { epoch, revision }, after: Place { time, id } } = next;
    let place = if listing.is_plain() { id.to_string() } else { format!("{} {id}", time.as_micros()) };
    seal("page", &of_listing(listing), &format!("{epoch} {revision} {place}"))
}

pub(super) fn open_page(token: &str, listing: &Listing) -> Result<NextPage, Refusal> {
    let text = open("page", &of_listing(listing), token);
    text.and_then(|text| next_page(&text, listing.is_plain())).ok_or(Refusal::PageTokenInvalid)
}

fn of_listing(listing: &Listing) -> String {
    let Listing { filter, search, order } = listing;
    if listing.is_plain() { digest(filter) } else { hashed(&format!("{filter:?} {search:?} {order:?}")) }
}

/// For the next page of the list that is called `list`, of callers of this scope: it begins after the id `after`.
pub(super) fn after(list: &str, scope: &Scope, after: &str) -> String {
    seal(list, &ResumeBinding::unfiltered(scope).0, after)
}

/// The id after which a page begins. `None`: it is the first page.
pub(super) fn open_after<I: FromStr>(list: &str, scope: &Scope, token: &str) -> Result<Option<I>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let id = open(list, &ResumeBinding::unfiltered(scope).0, token).and_then(|text| text.parse().ok());
    id.map(Some).ok_or(Refusal::PageTokenInvalid)
}

fn next_page(text: &str, is_plain: bool) -> Option<NextPage> {
    let (before, id) = text.rsplit_once(' ')?;
    let (first, time) = if is_plain { (before, "0") } else { before.rsplit_once(' ')? };
    let after = Place { time: Timestamp::from_micros(time.parse().ok()?), id: id.parse().ok()? };
    Some(NextPage { first: position(first)?, after })
}

/// The watches that a resume token is good for: those of one filter. With another one a client would lack stores that were
/// not shown before and that do not change, and never know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResumeBinding(String);

/// Where a resume token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    At(Position),
    /// The token is of a watch without a filter, or of a version whose tokens were good for any filter.
    Unfiltered,
}

pub(super) fn resume(position: &Position, binding: &ResumeBinding) -> String {
    let Position { epoch, revision } = position;
    seal("resume", &binding.0, &format!("{epoch} {revision}"))
}

pub(super) fn open_resume(token: &str, filter: &StoreFilter) -> Result<Resume, Refusal> {
    let at = |binding: &ResumeBinding| open("resume", &binding.0, token).and_then(|text| position(&text));
    if let Some(position) = at(&ResumeBinding::of(filter)) {
        return Ok(Resume::At(position));
    }
    at(&ResumeBinding::unfiltered(&filter.scope)).map(|_| Resume::Unfiltered).ok_or(Refusal::ResumeTokenInvalid)
}

// === impl ResumeBinding ===

impl ResumeBinding {
    pub(super) fn of(filter: &StoreFilter) -> Self {
        if filter.is_only_scope() {
            return Self::unfiltered(&filter.scope);
        }
        // No tenant id has a line break in it.
        Self(format!("\n{}", digest(filter)))
    }

    /// Empty where everything is in the scope, as it was before there were scopes: a version before reads these tokens.
    fn unfiltered(scope: &Scope) -> Self {
        Self(scope.tenants().map(TenantId::as_str).collect::<Vec<_>>().join(" "))
    }

    pub(super) fn of_everything() -> Self {
        Self(String::new())
    }

    /// Whether its tokens are those of all watches that show everything.
    pub(super) fn is_of_everything(&self) -> bool {
        self.0.is_empty()
    }
}

fn position(text: &str) -> Option<Position> {
    let (epoch, revision) = text.split_once(' ')?;
    Some(Position { epoch: epoch.parse().ok()?, revision: Revision(revision.parse().ok()?) })
}

pub(super) fn etag(store: &Store) -> String {
    etag_of(store.uid.as_str(), store.revision)
}

pub(super) fn backup_etag(backup: &Backup) -> String {
    etag_of(backup.id.as_str(), backup.revision)
}

fn etag_of(name: &str, revision: Revision) -> String {
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update(revision.0.to_be_bytes());
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..12])
}

fn seal(kind: &str, bound_to: &str, text: &str) -> String {
    let mut bytes = checksum(kind, bound_to, text).to_vec();
    bytes.extend_from_slice(text.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(kind: &str, bound_to: &str, token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (check, text) = bytes.split_at_checked(CHECK)?;
    let text = std::str::from_utf8(text).ok()?;
    (check == checksum(kind, bound_to, text)).then(|| text.to_owned())
}

fn checksum(kind: &str, bound_to: &str, text: &str) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    for part in [kind, bound_to, text] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash.finalize()[..CHECK]);
    check
}

/// The filter's Debug form names every field, and sets and maps are sorted: equal filters have equal digests.
fn digest(filter: &StoreFilter) -> String {
    hashed(&format!("{filter:?}"))
}

fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sendstores_core::{State, StoreId};

    use super::*;
    use crate::hostile;

    fn next(time: i64) -> NextPage {
        let first = Position { epoch: "e1".parse().expect("valid"), revision: Revision(42) };
        let after = Place { time: Timestamp::from_micros(time), id: "store-a".parse().expect("valid") };
        NextPage { first, after }
    }

    #[test]
    fn a_page_token_is_bound_to_its_filter_its_order_and_its_search() {
        let filter = |tenant: Option<&str>| StoreFilter {
            tenant: tenant.map(|id| id.parse().expect("valid")),
            ..StoreFilter::default()
        };
        let mut listings = Vec::new();
        for filter in [filter(None), filter(Some("acme"))] {
            for order in ["id", "id desc", "create_time", "create_time desc", "update_time desc"] {
                for search in [None, Some("tea"), Some("team")] {
                    let search = search.map(|text| text.parse().expect("valid"));
                    let order = order.parse().expect("valid");
                    listings.push(Listing { filter: filter.clone(), search, order });
                }
            }
        }
        for given in &listings {
            let next = next(if given.is_plain() { 0 } else { -7 });
            let token = page(&next, given);
            for shown in &listings {
                let wanted = if given == shown { Ok(next.clone()) } else { Err(Refusal::PageTokenInvalid) };
                assert_eq!(open_page(&token, shown), wanted, "{given:?} {shown:?}");
            }
        }
    }

    #[test]
    fn a_page_token_of_the_version_before_is_good_for_the_same_list() {
        let all = StoreFilter::default();
        let token = seal("page", &digest(&all), "e1 42 store-a");
        assert_eq!(open_page(&token, &all.clone().into()), Ok(next(0)));
        assert_eq!(page(&next(0), &all.clone().into()), token, "and the version before reads ours");
        let ordered = Listing { order: "create_time".parse().expect("valid"), ..all.into() };
        assert_eq!(open_page(&token, &ordered), Err(Refusal::PageTokenInvalid));
    }

    #[test]
    fn damage_is_noticed_at_every_byte() {
        let position = Position { epoch: "e1".parse().expect("valid"), revision: Revision(42) };
        let all = StoreFilter::default();
        let token = resume(&position, &ResumeBinding::of(&all));
        assert_eq!(open_resume(&token, &all), Ok(Resume::At(position)));
        for i in 0..token.len() {
            let mut damaged = token.clone().into_bytes();
            damaged[i] = if damaged[i] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).expect("ASCII");
            if damaged != token {
                assert_eq!(open_resume(&damaged, &all), Err(Refusal::ResumeTokenInvalid), "byte {i}");
            }
        }
        assert_eq!(open_resume("", &all), Err(Refusal::ResumeTokenInvalid));
        assert_eq!(open_page(&token, &Listing::default()), Err(Refusal::PageTokenInvalid));
    }

    #[test]
    fn a_page_after_an_id_is_of_its_list_and_its_callers() {
        let acme = Scope::of_tenants(["acme".parse().expect("valid")]).expect("a scope");
        let token = after("tokens", &acme, "store-a");
        let opened = |list: &str, scope: &Scope, token: &str| open_after::<StoreId>(list, scope, token);
        assert_eq!(opened("tokens", &acme, &token), Ok(Some("store-a".parse().expect("valid"))));
        assert_eq!(opened("tokens", &acme, ""), Ok(None));
        for (list, scope) in [("tokens", &Scope::All), ("tenants", &acme)] {
            assert_eq!(opened(list, scope, &token), Err(Refusal::PageTokenInvalid));
        }
    }

    #[test]
    fn a_token_of_one_scope_is_none_of_another() {
        let scope = |ids: &[&str]| Scope::of_tenants(ids.iter().map(|id| id.parse().expect("valid"))).expect("a scope");
        let scopes = [Scope::All, scope(&["acme"]), scope(&["bolt"]), scope(&["acme", "bolt"])];
        let position = Position { epoch: "e1".parse().expect("valid"), revision: Revision(42) };
        let next = next(0);
        for given in &scopes {
            for shown in &scopes {
                let [of_given, of_shown] =
                    [given, shown].map(|scope| StoreFilter { scope: scope.clone(), ..StoreFilter::default() });
                let resumed = open_resume(&resume(&position, &ResumeBinding::of(&of_given)), &of_shown);
                let paged = open_page(&page(&next, &of_given.into()), &of_shown.into());
                assert_eq!((resumed.is_ok(), paged.is_ok()), (given == shown, given == shown), "{given:?} {shown:?}");
            }
        }
    }

    #[test]
    fn a_resume_token_is_of_one_filter() {
        let scope = Scope::of_tenants(["acme".parse().expect("valid")]).expect("a scope");
        let position = Position { epoch: "e1".parse().expect("valid"), revision: Revision(42) };
        for scope in [Scope::All, scope] {
            let all = StoreFilter { scope: scope.clone(), ..StoreFilter::default() };
            let ready = StoreFilter { states: [State::Ready].into(), ..all.clone() };
            let failed = StoreFilter { states: [State::Failed].into(), ..all.clone() };
            let token = |filter: &StoreFilter| resume(&position, &ResumeBinding::of(filter));
            for filter in [&all, &ready, &failed] {
                assert_eq!(open_resume(&token(filter), filter), Ok(Resume::At(position.clone())));
            }
            assert_eq!(open_resume(&token(&ready), &failed), Err(Refusal::ResumeTokenInvalid));
            assert_eq!(open_resume(&token(&ready), &all), Err(Refusal::ResumeTokenInvalid));
            assert_eq!(open_resume(&token(&all), &ready), Ok(Resume::Unfiltered));
        }
    }

    /// The checksum has no key, so a caller can seal any text.
    #[test]
    fn whatever_is_sent_as_a_token_is_opened_or_refused() {
        let plain = Listing::default();
        let ordered = Listing { order: "create_time".parse().expect("valid"), ..Listing::default() };
        let texts = prop_oneof![
            hostile::text(),
            (hostile::text(), any::<i128>(), hostile::text()).prop_map(|(a, number, b)| format!("{a} {number} {b}")),
            any::<(u64, i128)>().prop_map(|(revision, time)| format!("e1 {revision} {time} store-a")),
            any::<u64>().prop_map(|revision| format!("e1 {revision} store-a")),
        ];
        hostile::check(&texts, |text| {
            for token in [&text, &seal("resume", "", &text), &seal("ids", "", &text)] {
                let opened = open_after::<StoreId>("ids", &Scope::All, token);
                assert!(opened.is_ok() || opened == Err(Refusal::PageTokenInvalid));
                match open_resume(token, &StoreFilter::default()) {
                    Ok(Resume::At(position)) => assert!(text.ends_with(&position.revision.to_string())),
                    other => assert_eq!(other, Err(Refusal::ResumeTokenInvalid)),
                }
            }
            for listing in [&plain, &ordered] {
                let sealed = seal("page", &of_listing(listing), &text);
                if let Ok(next) = open_page(&sealed, listing) {
                    assert_eq!(open_page(&page(&next, listing), listing), Ok(next));
                }
            }
        });
    }
}
