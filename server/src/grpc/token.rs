//! Opaque texts that callers carry for us: page tokens, resume tokens, etags.
//!
//! Each is bound to what it was made for and carries a checksum, so that damage and misuse are told from an honest
//! token. A token grants nothing: what it leads to is checked on every call.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sendstores_core::{Epoch, Revision, Store, StoreFilter, StoreId};
use sha2::{Digest, Sha256};

use super::status::Refusal;
use crate::mirror::Position;

/// Bytes of the checksum: enough to catch accidents and guessing alike.
const CHECK: usize = 8;

/// The page behind `last`, for `filter` only.
pub(super) fn page(last: &StoreId, filter: &StoreFilter) -> String {
    seal("page", &digest(filter), last.as_str())
}

pub(super) fn open_page(token: &str, filter: &StoreFilter) -> Result<StoreId, Refusal> {
    let text = open("page", &digest(filter), token).ok_or(Refusal::PageTokenInvalid)?;
    text.parse().map_err(|_| Refusal::PageTokenInvalid)
}

pub(super) fn resume(epoch: &Epoch, revision: Revision) -> String {
    seal("resume", "", &format!("{epoch} {revision}"))
}

pub(super) fn open_resume(token: &str) -> Result<Position, Refusal> {
    let text = open("resume", "", token).ok_or(Refusal::ResumeTokenInvalid)?;
    let (epoch, revision) = text.split_once(' ').ok_or(Refusal::ResumeTokenInvalid)?;
    let epoch = epoch.parse().map_err(|_| Refusal::ResumeTokenInvalid)?;
    let revision = revision.parse().map_err(|_| Refusal::ResumeTokenInvalid)?;
    Ok(Position { epoch, revision: Revision(revision) })
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
    use super::*;

    #[test]
    fn a_page_token_is_bound_to_its_filter() {
        let id: StoreId = "store-a".parse().expect("valid");
        let all = StoreFilter::default();
        let some = StoreFilter { tenant: Some("acme".parse().expect("valid")), ..StoreFilter::default() };
        let token = page(&id, &all);
        assert_eq!(open_page(&token, &all), Ok(id));
        assert_eq!(open_page(&token, &some), Err(Refusal::PageTokenInvalid));
    }

    #[test]
    fn damage_is_noticed_at_every_byte() {
        let epoch: Epoch = "e1".parse().expect("valid");
        let token = resume(&epoch, Revision(42));
        assert_eq!(open_resume(&token), Ok(Position { epoch, revision: Revision(42) }));
        for i in 0..token.len() {
            let mut damaged = token.clone().into_bytes();
            damaged[i] = if damaged[i] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).expect("ASCII");
            if damaged != token {
                assert_eq!(open_resume(&damaged), Err(Refusal::ResumeTokenInvalid), "byte {i}");
            }
        }
        assert_eq!(open_resume(""), Err(Refusal::ResumeTokenInvalid));
        assert_eq!(open_page(&token, &StoreFilter::default()), Err(Refusal::PageTokenInvalid));
    }
}
