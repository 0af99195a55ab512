//! Pages of what has an id.

use tonic::Status;

use super::{parse::Violations, refusal::bad_text};

/// Pages of this size are the default.
const PAGE: i32 = 50;

/// The page of `all` that the token begins, and the token of the next one. `all` is in the order of its list, and `list` tells
/// its tokens from those of others.
pub(super) fn page<T>(
    all: Vec<T>,
    id: impl Fn(&T) -> &str,
    list: &str,
    size: i32,
    token: &str,
) -> Result<(Vec<T>, String), Status> {
    let mut violations = Violations::default();
    violations.check((0..=500).contains(&size), "page_size", "must be 0 to 500");
    violations.finish()?;
    let size = usize::try_from(if size == 0 { PAGE } else { size }).unwrap_or_default();
    let begin = match token {
        "" => 0,
        token => {
            let last = token.strip_prefix(list).and_then(|rest| rest.strip_prefix(' '));
            let unknown = || bad_text("PAGE_TOKEN_INVALID", "page_token", "was not given out by this service");
            let last = last.ok_or_else(unknown)?;
            all.iter().position(|one| id(one) == last).ok_or_else(unknown)? + 1
        }
    };
    let more = all.len() > begin + size;
    let page: Vec<T> = all.into_iter().skip(begin).take(size).collect();
    let next = page.last().filter(|_| more).map(|last| format!("{list} {}", id(last)));
    Ok((page, next.unwrap_or_default()))
}
