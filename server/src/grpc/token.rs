//! Opaque texts that callers carry for us: page tokens, resume tokens, etags.
//!
//! Each is bound to what it was made for and carries a checksum, so that damage and misuse differ from an honest
//! token. A token grants nothing: what it leads to is checked on every call, and whose stores it leads to is the caller's.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sendstores_core::{Revision, Scope, Store, StoreFilter, StoreId, TenantId};
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
    /// The last store of the page before.
    pub(super) after: StoreId,
}

/// For the list of `filter` only.
pub(super) fn page(next: &NextPage, filter: &StoreFilter) -> String {
    let NextPage { first: Position { epoch, revision }, after } = next;
    seal("page", &digest(filter), &format!("{epoch} {revision} {after}"))
}

pub(super) fn open_page(token: &str, filter: &StoreFilter) -> Result<NextPage, Refusal> {
    let text = open("page", &digest(filter), token);
    text.and_then(|text| next_page(&text)).ok_or(Refusal::PageTokenInvalid)
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

fn next_page(text: &str) -> Option<NextPage> {
    let (first, after) = text.rsplit_once(' ')?;
    Some(NextPage { first: position(first)?, after: after.parse().ok()? })
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
    let mut hash = Sha256::new();
    hash.update(store.uid.as_str());
    hash.update(store.revision.0.to_be_bytes());
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
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{filter:?}")))
}

#[cfg(test)]
mod tests {
    use sendstores_core::State;

    use super::*;

    #[test]
    fn a_page_token_is_bound_to_its_filter() {
        let id: StoreId = "store-a".parse().expect("valid");
        let all = StoreFilter::default();
        let some = StoreFilter { tenant: Some("acme".parse().expect("valid")), ..StoreFilter::default() };
        let first = Position { epoch: "e1".parse().expect("valid"), revision: Revision(42) };
        let next = NextPage { first, after: id };
        let token = page(&next, &all);
        assert_eq!(open_page(&token, &all), Ok(next));
        assert_eq!(open_page(&token, &some), Err(Refusal::PageTokenInvalid));
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
        assert_eq!(open_page(&token, &StoreFilter::default()), Err(Refusal::PageTokenInvalid));
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
        let next = NextPage { first: position.clone(), after: "store-a".parse().expect("valid") };
        for given in &scopes {
            for shown in &scopes {
                let [of_given, of_shown] =
                    [given, shown].map(|scope| StoreFilter { scope: scope.clone(), ..StoreFilter::default() });
                let resumed = open_resume(&resume(&position, &ResumeBinding::of(&of_given)), &of_shown);
                let paged = open_page(&page(&next, &of_given), &of_shown);
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
}
